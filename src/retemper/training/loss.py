"""Losses of a stack of networks, with the gradient written out.

Every loss takes the outputs of M members, ``[M, B, O]``, and gives each member's loss and the gradient
with respect to its outputs. Members never mix: only elementwise operations and sums inside a member are used,
and of those only the ones whose bits don't depend on where an element lies in memory (``torch.sigmoid`` and
``softplus`` are not among them: their last few elements go through other code). So a member has the same bits
alone and in any stack.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.core.options import Options


@dataclass(frozen=True)
class Goal:
    """What outputs are held against; the batch's rows lie along the last dimension.

    Args:
        aim: ``[…, B]`` targets, or ``[…, C, B]`` what a loss of classes makes of them.
        share: ``[…, B]`` what each row's loss counts in its member's mean; 0 for rows that only fill a batch up.
    """

    aim: Tensor
    share: Tensor

    def of(self, rows: slice) -> Goal:
        """Of some rows of the batch."""
        return Goal(self.aim[..., rows], self.share[..., rows])

    def by_step(self) -> Iterator[Goal]:
        """One after another of the first dimension."""
        return map(Goal, self.aim.unbind(0), self.share.unbind(0))


class Loss(Options, ABC):
    """A loss: per-row values, their weighted mean, its gradient, and what it should be before training."""

    @abstractmethod
    def n_outputs(self, n_classes: int) -> int:
        """Outputs the network needs (``n_classes`` is 0 for regression)."""

    @abstractmethod
    def activate(self, outputs: Tensor) -> Tensor:
        """Outputs ``[M, B, O]`` as probabilities ``[M, B, C]``, or as values ``[M, B]`` for regression."""

    @abstractmethod
    def blend(self, outputs: Tensor) -> Tensor:
        """Outputs ``[M, K, B, O]`` of K networks as outputs ``[M, B, O]`` that predict the networks' mean."""

    @abstractmethod
    def expected_initial(self, prior: Sequence[float], class_weight: Sequence[float] | None = None) -> float:
        """The loss of a network that knows only the prior.

        Args:
            prior: class frequencies ``[C]``; for regression (mean, standard deviation) of the scaled target.
            class_weight: weights ``[C]``; classification only.
        """

    @abstractmethod
    def goal(
        self,
        target: Tensor,
        weight: Tensor,
        outputs: int,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> Goal:
        """What outputs are held against, for one batch or for many at once.

        Args:
            target: ``[…, B]``; class codes (int64) or values (float).
            weight: row weights ``[…, B]``, 0 or more. A batch of zero weights has loss 0.
            outputs: O, of one network.
            class_weight: ``[C]``; multiplies the rows' weights as in PyTorch's ``cross_entropy``.
            smoothing: label smoothing, a number or one a member ``[M, 1]``; None: the option's.
        """

    def weighed(self, goal: Goal, factor: Tensor) -> Goal:
        """The goal of which each row's loss counts ``factor`` ``[…, B]`` times as much; the mean's divisor stays."""
        across = factor.unsqueeze(-2) if goal.aim.ndim > factor.ndim else factor
        return Goal(goal.aim * across, goal.share * factor)

    @abstractmethod
    def value_and_gradient(self, outputs: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """Each member's mean loss over its batch, Σ w·l / Σ w, and the gradient of that.

        Args:
            outputs: ``[M, B, O]``.
            goal: of the same rows; part of a batch has its part of the loss.

        Returns:
            loss ``[M]`` and gradient ``[M, B, O]``.
        """

    @abstractmethod
    def rows(
        self,
        outputs: Tensor,
        target: Tensor,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor = 0.0,
    ) -> Tensor:
        """Each row's loss ``[M, B]``, not averaged and, for evaluation, not smoothed unless asked."""


def shares(target: Tensor, weight: Tensor, class_weight: Tensor | None) -> Tensor:
    """What each row's loss counts in the mean over its batch: w / Σ w, the classes' weights in the sum.

    Args:
        target: ``[…, B]`` class codes, or values.
        weight: row weights ``[…, B]``, 0 or more. A batch of zero weights has loss 0.
        class_weight: ``[C]``, or None.

    >>> shares(torch.tensor([[0, 1]]), torch.ones(1, 2), torch.tensor([1.0, 3.0]))
    tensor([[0.2500, 0.2500]])
    """
    divisors = weight if class_weight is None else weight * class_weight[target]
    return weight / divisors.sum(-1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
