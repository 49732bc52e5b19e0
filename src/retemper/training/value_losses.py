"""Losses of numbers: squared, absolute, and Huber's between the two."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import erf, exp, pi, sqrt

from pydantic import Field
from torch import Tensor

from retemper.training.loss import Goal, Loss, shares


class ValueLoss(Loss):
    """What the losses of numbers share: l = f(d), gradient f'(d), with d = output − target."""

    @abstractmethod
    def _value(self, difference: Tensor) -> Tensor: ...

    @abstractmethod
    def _slope(self, difference: Tensor) -> Tensor: ...

    @abstractmethod
    def information(self) -> float:
        """E f'(d)² for a target whose density is in proportion to exp(−f(d)): the output's Fisher information."""

    def n_outputs(self, n_classes: int) -> int:
        return 1

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(-1)

    def blend(self, outputs: Tensor) -> Tensor:
        return outputs.mean(1)

    def goal(
        self,
        target: Tensor,
        weight: Tensor,
        outputs: int,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> Goal:
        _no_class_options(class_weight, smoothing)
        return Goal(target, shares(target, weight, None))

    def weighed(self, goal: Goal, factor: Tensor) -> Goal:
        return Goal(goal.aim, goal.share * factor)

    def value_and_gradient(self, outputs: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        difference = outputs.squeeze(-1) - goal.aim
        loss = (self._value(difference) * goal.share).sum(-1)
        return loss, (self._slope(difference) * goal.share).unsqueeze(-1)

    def rows(
        self,
        outputs: Tensor,
        target: Tensor,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor = 0.0,
    ) -> Tensor:
        _no_class_options(class_weight, smoothing)
        return self._value(outputs.squeeze(-1) - target.expand(outputs.shape[:2]))


def _no_class_options(class_weight: Tensor | None, smoothing: float | Tensor | None) -> None:
    if class_weight is not None or isinstance(smoothing, Tensor) or smoothing:
        raise ValueError("class weights and label smoothing belong to losses of classes, not of numbers")


class MeanSquaredError(ValueLoss):
    """Squared error, d²: estimates the mean; sensitive to outliers.

    >>> import torch
    >>> goal = MeanSquaredError().goal(torch.tensor([[1.0]]), torch.ones(1, 1), 1)
    >>> MeanSquaredError().value_and_gradient(torch.tensor([[[3.0]]]), goal)
    (tensor([4.]), tensor([[[4.]]]))
    """

    def _value(self, difference: Tensor) -> Tensor:
        return difference * difference

    def _slope(self, difference: Tensor) -> Tensor:
        return difference * 2

    def information(self) -> float:
        return 2.0

    def expected_initial(self, prior: Sequence[float], class_weight: Sequence[float] | None = None) -> float:
        """The target's variance.

        >>> MeanSquaredError().expected_initial([5.0, 2.0])
        4.0
        """
        return float(prior[1]) ** 2


class MeanAbsoluteError(ValueLoss):
    """Absolute error, \\|d\\|: estimates the median; robust, but its gradient never shrinks.

    >>> import torch
    >>> goal = MeanAbsoluteError().goal(torch.tensor([[1.0]]), torch.ones(1, 1), 1)
    >>> MeanAbsoluteError().value_and_gradient(torch.tensor([[[3.0]]]), goal)
    (tensor([2.]), tensor([[[1.]]]))
    """

    def _value(self, difference: Tensor) -> Tensor:
        return difference.abs()

    def _slope(self, difference: Tensor) -> Tensor:
        return difference.sign()

    def information(self) -> float:
        return 1.0

    def expected_initial(self, prior: Sequence[float], class_weight: Sequence[float] | None = None) -> float:
        """σ·√(2/π): the mean absolute deviation of a normal target, an approximation for others."""
        return float(prior[1]) * sqrt(2 / pi)


class Huber(ValueLoss):
    """Squared near the target, absolute beyond δ: d²/2 or δ(\\|d\\| − δ/2) (Huber 1964).

    >>> import torch
    >>> goal = Huber(delta=1.0).goal(torch.tensor([[1.0]]), torch.ones(1, 1), 1)
    >>> Huber(delta=1.0).value_and_gradient(torch.tensor([[[3.0]]]), goal)
    (tensor([1.5000]), tensor([[[1.]]]))
    """

    delta: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="δ, where the loss turns linear, in units of the scaled target (its standard deviations)",
        json_schema_extra={"search": {"low": 0.3, "high": 3.0, "log": True}},
    )

    def _value(self, difference: Tensor) -> Tensor:
        near = difference.abs().clamp_max(self.delta)
        return near * (difference.abs() - near * 0.5)

    def _slope(self, difference: Tensor) -> Tensor:
        return difference.clamp(-self.delta, self.delta)

    def information(self) -> float:
        # E f'² = E f'' is the share of the density where the loss is squared.
        near = sqrt(2 * pi) * erf(self.delta / sqrt(2))
        return near / (near + 2 / self.delta * exp(-self.delta * self.delta / 2))

    def expected_initial(self, prior: Sequence[float], class_weight: Sequence[float] | None = None) -> float:
        """Its mean over a normal target of the prior's σ, an approximation for others."""
        sigma = float(prior[1])
        if sigma == 0:
            return 0.0
        a = self.delta / sigma
        density, inside = exp(-a * a / 2) / sqrt(2 * pi), erf(a / sqrt(2))
        near = sigma**2 / 2 * (inside - 2 * a * density)
        far = 2 * self.delta * (sigma * density - self.delta / 2 * (1 - inside) / 2)
        return near + far
