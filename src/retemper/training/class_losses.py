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
from retemper.training.loss import Goal, Loss, shares

FloatArray = NDArray[np.float64]
_aten = torch.ops.aten
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

    >>> goal = CrossEntropy().goal(torch.tensor([[0, 3]]), torch.ones(1, 2), 4)
    >>> loss, gradient = CrossEntropy().value_and_gradient(torch.zeros(1, 2, 4), goal)
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

    def goal(
        self,
        target: Tensor,
        weight: Tensor,
        outputs: int,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> Goal:
        smoothing = self.label_smoothing if smoothing is None else smoothing
        share = shares(target, weight, class_weight)
        aim = share.new_zeros((*target.shape[:-1], outputs, target.shape[-1]))
        if class_weight is None and isinstance(smoothing, float) and smoothing == 0.0:
            return Goal(aim.scatter_(-2, target.unsqueeze(-2), -share.unsqueeze(-2)), share)
        q = _soft_target(aim, target, class_weight, smoothing)
        return Goal(q.mul_(-share.unsqueeze(-2)), share)

    def value_and_gradient(self, outputs: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        log_p = _log_softmax(outputs)
        value = torch.mul(log_p, goal.aim).flatten(1).sum(1)
        gradient = _aten._log_softmax_backward_data.default(goal.aim, log_p, -2, log_p.dtype)
        return value, gradient.transpose(-1, -2)

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
    like: Tensor, target: Tensor, class_weight: Tensor | None, smoothing: float | Tensor
) -> Tensor:
    """Smoothed one-hot targets times the class weights, ``[…, M, C, B]`` as ``like``."""
    one_hot = torch.zeros_like(like).scatter_(-2, target.unsqueeze(-2), 1.0)
    epsilon = smoothing.to(like.dtype).reshape(-1, 1, 1) if isinstance(smoothing, Tensor) else smoothing
    q = one_hot * (1 - epsilon) + epsilon / like.shape[-2]
    return q if class_weight is None else q * class_weight.to(like.dtype).unsqueeze(-1)


class BinaryCrossEntropy(ClassLoss):
    """Cross-entropy of a sigmoid over one output: l = −[q·log p + (1 − q)·log(1 − p)] with p = σ(z).

    The gradient is p − q. Equal to :class:`CrossEntropy` over the two outputs (0, z), its options included.

    >>> goal = BinaryCrossEntropy().goal(torch.tensor([[0, 1]]), torch.ones(1, 2), 1)
    >>> loss, gradient = BinaryCrossEntropy().value_and_gradient(torch.zeros(1, 2, 1), goal)
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

    def goal(
        self,
        target: Tensor,
        weight: Tensor,
        outputs: int,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> Goal:
        smoothing = self.label_smoothing if smoothing is None else smoothing
        share = shares(target, weight, class_weight)
        total, positive = _weights(share, target, class_weight, smoothing)
        return Goal(positive * share, total * share)

    def value_and_gradient(self, outputs: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        z = outputs.squeeze(-1)
        log_other = logsigmoid(-z)
        row = -(goal.share * log_other) - goal.aim * z
        # σ(z) = 1 − exp(log σ(−z)), precise for both signs of z.
        gradient = -(goal.share * torch.expm1(log_other)) - goal.aim
        return row.sum(-1), gradient.unsqueeze(-1)

    def rows(
        self,
        outputs: Tensor,
        target: Tensor,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor = 0.0,
    ) -> Tensor:
        total, positive = _weights(outputs, target.expand(outputs.shape[:2]), class_weight, smoothing)
        z = outputs.squeeze(-1)
        return -(total * logsigmoid(-z)) - positive * z


def _weights(
    like: Tensor, target: Tensor, class_weight: Tensor | None, smoothing: float | Tensor
) -> tuple[float | Tensor, Tensor]:
    """The weights of l = −total·log σ(−z) − positive·z in the precision of ``like``; total = both classes' weight."""
    epsilon = smoothing.to(like.dtype) if isinstance(smoothing, Tensor) else smoothing
    q = target.to(like.dtype) * (1 - epsilon) + epsilon / 2
    if class_weight is None:
        return 1.0, q
    negative, positive = class_weight.to(like.dtype)
    return (1 - q) * negative + q * positive, q * positive
