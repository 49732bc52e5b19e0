"""Losses of classes: cross-entropy over C outputs, and over one output when there are two classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.nn.functional import logsigmoid

from retemper.core.errors import InputError, nearest
from retemper.core.options import Options
from retemper.training.loss import Loss, shares_alike

FloatArray = NDArray[np.float64]
ClassWeights = Literal["none", "balanced"] | dict[str, Annotated[PositiveFloat, Field(allow_inf_nan=False)]]


class ClassOptions(Options):
    """Options that every loss of classes has."""

    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="ε: the target is (1 - ε)·one-hot + ε/C (Szegedy et al. 2016)",
        json_schema_extra={"search": {"low": 0.0, "high": 0.2}},
    )
    class_weights: ClassWeights = Field(
        "none",
        description="none, balanced (N / (C·N_class)), or class: weight; classes not named weigh 1",
        json_schema_extra={"search": ["none", "balanced"]},
    )
    resampling: Literal["none", "sqrt"] = Field(
        "none", description="sqrt: each epoch draws a class's rows in proportion to the root of their number"
    )


class ClassLoss(ClassOptions, Loss):
    """What the losses of classes share: smoothing, class weights, the expected start."""

    def class_weight(self, classes: Sequence[str], frequencies: Sequence[float]) -> FloatArray | None:
        """The weights ``[C]`` in order of class; None when there are none.

        Args:
            classes: the classes' names.
            frequencies: their shares of the training rows, each above 0.

        Raises:
            InputError: a named class is not in the data.

        >>> CrossEntropy(class_weights="balanced").class_weight(["a", "b"], [0.8, 0.2])
        array([0.625, 2.5  ])
        """
        if self.class_weights == "none":
            return None
        if self.class_weights == "balanced":
            return 1.0 / (len(classes) * np.asarray(frequencies, dtype=np.float64))
        named = self.class_weights
        for name in named:
            if name not in classes:
                raise InputError(
                    "unknown_class",
                    f"class_weights names a class that the target does not have: {name!r}.",
                    {"option": "training.loss.class_weights"},
                    nearest(name, list(classes)).capitalize(),
                )
        return np.array([named.get(name, 1.0) for name in classes])

    def expected_initial(self, prior: Sequence[float], class_weight: Sequence[float] | None = None) -> float:
        """Entropy of the class frequencies (log C when balanced), smoothed and weighted like the loss.

        >>> round(CrossEntropy().expected_initial([0.5, 0.5]), 4)
        0.6931
        """
        share = np.asarray(prior, dtype=np.float64)
        weights = np.ones(len(share)) if class_weight is None else np.asarray(class_weight, dtype=np.float64)
        smoothed = (1 - self.label_smoothing) * share + self.label_smoothing / len(share)
        return float(np.sum(smoothed * weights * -np.log(share)) / np.sum(share * weights))


class CrossEntropy(ClassLoss):
    """Cross-entropy of a softmax over C outputs: l = −Σ_c q_c · log p_c, gradient p − q.

    With class weights and smoothing it equals PyTorch's ``cross_entropy`` (each class's term is weighted, the
    sum is divided by the weights of the rows' own classes). Use when classes exclude each other.

    >>> z, y = torch.zeros(1, 2, 4), torch.tensor([[0, 3]])
    >>> loss, gradient = CrossEntropy().value_and_gradient(z, y)
    >>> round(loss.item(), 4), gradient[0, 0].tolist()
    (1.3863, [-0.375, 0.125, 0.125, 0.125])
    """

    def n_outputs(self, n_classes: int) -> int:
        return n_classes

    def activate(self, outputs: Tensor) -> Tensor:
        return torch.softmax(outputs, -1)

    def blend(self, outputs: Tensor) -> Tensor:
        members, networks, batch, classes = outputs.shape
        log_p = _log_softmax(outputs.reshape(-1, batch, classes)).view(members, networks, classes, batch)
        return (torch.logsumexp(log_p, 1) - math.log(networks)).transpose(-1, -2)

    def value_and_gradient(
        self,
        outputs: Tensor,
        target: Tensor,
        share: Tensor | None = None,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        smoothing = self.label_smoothing if smoothing is None else smoothing
        target = target.expand(outputs.shape[:2])
        if share is None:
            share = shares_alike(target, outputs, class_weight)
        log_p = _log_softmax(outputs)
        if class_weight is None and isinstance(smoothing, float) and smoothing == 0.0:
            index = target.unsqueeze(-2)
            likelihood = log_p.gather(-2, index).squeeze(-2)
            gradient = log_p.exp_().scatter_add_(-2, index, log_p.new_full(index.shape, -1.0))
        else:
            q = _soft_target(log_p, target, class_weight, smoothing)
            likelihood = (q * log_p).sum(-2)
            gradient = log_p.exp_().mul_(q.sum(-2, keepdim=True)).sub_(q)
        return (likelihood * share).sum(-1).neg_(), gradient.mul_(share.unsqueeze(-2)).transpose(-1, -2)

    def rows(
        self,
        outputs: Tensor,
        target: Tensor,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor = 0.0,
    ) -> Tensor:
        log_p = _log_softmax(outputs)
        q = _soft_target(log_p, target.expand(outputs.shape[:2]), class_weight, smoothing)
        return -(q * log_p).sum(-2)


def _log_softmax(outputs: Tensor) -> Tensor:
    """Log-probabilities ``[M, C, B]``: PyTorch is several times faster when the rows lie innermost."""
    return torch.log_softmax(outputs.transpose(-1, -2).contiguous(), -2)


def _soft_target(
    log_p: Tensor, target: Tensor, class_weight: Tensor | None, smoothing: float | Tensor
) -> Tensor:
    """Smoothed one-hot targets times the class weights, ``[M, C, B]``."""
    one_hot = torch.zeros_like(log_p).scatter_(-2, target.unsqueeze(-2), 1.0)
    epsilon = smoothing.to(log_p.dtype).reshape(-1, 1, 1) if isinstance(smoothing, Tensor) else smoothing
    q = one_hot * (1 - epsilon) + epsilon / log_p.shape[-2]
    return q if class_weight is None else q * class_weight.to(log_p.dtype).unsqueeze(-1)


class BinaryCrossEntropy(ClassLoss):
    """Cross-entropy of a sigmoid over one output: l = −[q·log p + (1 − q)·log(1 − p)] with p = σ(z).

    The gradient is p − q. Equal to :class:`CrossEntropy` over the two outputs (0, z), its options included.

    >>> loss, gradient = BinaryCrossEntropy().value_and_gradient(torch.zeros(1, 2, 1), torch.tensor([[0, 1]]))
    >>> round(loss.item(), 4), gradient.flatten().tolist()
    (0.6931, [0.25, -0.25])
    """

    def n_outputs(self, n_classes: int) -> int:
        return 1

    def activate(self, outputs: Tensor) -> Tensor:
        z = outputs.squeeze(-1)
        return torch.stack([logsigmoid(-z), logsigmoid(z)], -1).exp_()

    def blend(self, outputs: Tensor) -> Tensor:
        # The log odds of the mean: log Σ σ(z) − log Σ σ(−z).
        return torch.logsumexp(logsigmoid(outputs), 1) - torch.logsumexp(logsigmoid(-outputs), 1)

    def value_and_gradient(
        self,
        outputs: Tensor,
        target: Tensor,
        share: Tensor | None = None,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        smoothing = self.label_smoothing if smoothing is None else smoothing
        target = target.expand(outputs.shape[:2])
        if share is None:
            share = shares_alike(target, outputs, class_weight)
        total, positive, log_other = self._parts(outputs, target, class_weight, smoothing)
        row = -(total * log_other) - positive * outputs.squeeze(-1)
        # σ(z) = 1 − exp(log σ(−z)), precise for both signs of z.
        gradient = (-(total * torch.expm1(log_other)) - positive) * share
        return (row * share).sum(-1), gradient.unsqueeze(-1)

    def rows(
        self,
        outputs: Tensor,
        target: Tensor,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor = 0.0,
    ) -> Tensor:
        target = target.expand(outputs.shape[:2])
        total, positive, log_other = self._parts(outputs, target, class_weight, smoothing)
        return -(total * log_other) - positive * outputs.squeeze(-1)

    @staticmethod
    def _parts(
        outputs: Tensor, target: Tensor, class_weight: Tensor | None, smoothing: float | Tensor
    ) -> tuple[float | Tensor, Tensor, Tensor]:
        """The weights and log σ(−z) of l = −total·log σ(−z) − positive·z; total = both classes' weight."""
        epsilon = smoothing.to(outputs.dtype) if isinstance(smoothing, Tensor) else smoothing
        q = target.to(outputs.dtype) * (1 - epsilon) + epsilon / 2
        log_other = logsigmoid(-outputs.squeeze(-1))
        if class_weight is None:
            return 1.0, q, log_other
        negative, positive = class_weight.to(outputs.dtype)
        return (1 - q) * negative + q * positive, q * positive, log_other
