"""Losses of a stack of networks, with the gradient written out.

Every loss takes the outputs of M members, ``[M, B, O]``, and gives each member's loss and the gradient
with respect to its outputs. Members never mix: only elementwise operations and sums inside a member are used,
and of those only the ones whose bits don't depend on where an element lies in memory (``torch.sigmoid`` and
``softplus`` are not among them: their last few elements go through other code). So a member has the same bits
alone and in any stack.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from retemper.core.options import Options


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
    def value_and_gradient(
        self,
        outputs: Tensor,
        target: Tensor,
        share: Tensor | None = None,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Each member's mean loss over its batch, Σ s·l, and the gradient of that.

        Args:
            outputs: ``[M, B, O]``.
            target: ``[M, B]``, or ``[B]`` when the members share it; class codes (int64) or values (float).
            share: what each row's loss counts, ``[M, B]`` of :func:`shares`; None: all rows count alike. Part of a
                batch has its part of the shares.
            class_weight: ``[C]``; multiplies the rows' losses as in PyTorch's ``cross_entropy``.
            smoothing: label smoothing, a number or one a member ``[M, 1]``; None: the option's.

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


def shares_alike(target: Tensor, like: Tensor, class_weight: Tensor | None) -> Tensor:
    """The shares of rows that all weigh 1, in the precision of ``like``."""
    return shares(target, like.new_ones(target.shape), class_weight)
