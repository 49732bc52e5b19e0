"""The losses a network should have, of whatever its outputs are; targets may be classes, one-hot rows or numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from retemper.doctor.case import Task, Wants

LEAST = 1e-7
"""Probabilities are kept so far from 0 and 1 before their logarithm is taken."""


class ClassLoss(nn.Module):
    """Cross-entropy of outputs that are logits, probabilities or their logarithms.

    One output, or targets with several classes a row: the cross-entropy of each output by itself. Targets ``[N]`` or
    ``[N, 1]`` of class numbers, or rows of shares ``[N, C]``.

    Args:
        outputs_are: what the network gives.
        several: a row may have several classes.
        smoothing: ε of the targets (1 − ε)·y + ε/C.
        weights: of the classes ``[C]``, or None.

    >>> loss = ClassLoss("probabilities")
    >>> round(float(loss(torch.tensor([[0.5, 0.5]]), torch.tensor([1]))), 3)
    0.693
    """

    def __init__(
        self, outputs_are: Wants, several: bool = False, smoothing: float = 0.0, weights: Tensor | None = None
    ) -> None:
        super().__init__()
        self.weights: Tensor | None
        self.outputs_are, self.several, self.smoothing = outputs_are, several, smoothing
        self.register_buffer("weights", weights)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The mean over rows."""
        columns = outputs.shape[1] if outputs.dim() > 1 else 1
        if self.several or columns == 1:
            return self._each(outputs, target.reshape(outputs.shape).to(outputs.dtype))
        shares = _shares(target, columns).to(outputs.dtype)
        smooth = (1 - self.smoothing) * shares + self.smoothing / columns
        logs = self._logs(outputs)
        if self.weights is None:
            return -(smooth * logs).sum(1).mean()
        weight = shares @ self.weights.to(outputs.dtype)
        return -(weight * (smooth * logs).sum(1)).sum() / weight.sum()

    def _logs(self, outputs: Tensor) -> Tensor:
        if self.outputs_are == "logits":
            return torch.log_softmax(outputs, 1)
        return outputs if self.outputs_are == "log_probabilities" else outputs.clamp_min(LEAST).log()

    def _each(self, outputs: Tensor, target: Tensor) -> Tensor:
        smooth = (1 - self.smoothing) * target + self.smoothing / 2
        weight = None
        if self.weights is not None and not self.several:
            weight = torch.where(target > 0.5, self.weights[1], self.weights[0]).to(outputs.dtype)
        if self.outputs_are == "logits":
            return functional.binary_cross_entropy_with_logits(outputs, smooth, weight)
        return functional.binary_cross_entropy(outputs.clamp(LEAST, 1 - LEAST), smooth, weight)


class ValueLoss(nn.Module):
    """Mean squared error, each output held against its own target whatever their shapes.

    >>> float(ValueLoss()(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])))
    2.0
    """

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The mean over rows and outputs."""
        return functional.mse_loss(outputs, target.reshape(outputs.shape).to(outputs.dtype))


def right_loss(task: Task, outputs_are: Wants) -> nn.Module:
    """The loss for a task."""
    return ValueLoss() if task == "regression" else ClassLoss(outputs_are, several=task == "multilabel")


def _shares(target: Tensor, columns: int) -> Tensor:
    if target.dim() > 1 and target.shape[1] == columns:
        return target
    return functional.one_hot(target.reshape(-1).long(), columns)
