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
        weight: Tensor | None = None,
        class_weight: Tensor | None = None,
        smoothing: float | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Each member's mean loss over its batch, Σ w·l / Σ w, and the gradient of that.

        Args:
            outputs: ``[M, B, O]``.
            target: ``[M, B]``, or ``[B]`` when the members share it; class codes (int64) or values (float).
            weight: row weights ``[M, B]``, 0 or more; None: all 1. A batch of zero weights has loss 0.
            class_weight: ``[C]``; multiplies the rows' weights as in PyTorch's ``cross_entropy``.
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


def row_weights(target: Tensor, weight: Tensor | None, class_weight: Tensor | None) -> Tensor | None:
    """The weights that a mean loss is divided by the sum of; None when all are 1.

    A loop that accumulates micro-batches scales each gradient by Σ weights of the part / Σ of the whole.

    >>> row_weights(torch.tensor([[0, 1]]), None, torch.tensor([1.0, 3.0]))
    tensor([[1., 3.]])
    """
    if class_weight is None:
        return weight
    by_class = class_weight[target.to(torch.int64)]
    return by_class if weight is None else weight * by_class


def shares(target: Tensor, weight: Tensor | None, class_weight: Tensor | None) -> float | Tensor:
    """What each row's loss is multiplied by before it is summed: a number or ``[M, B]``."""
    divisors = row_weights(target, weight, class_weight)
    if divisors is None:
        return 1.0 / target.shape[-1]
    total = divisors.sum(-1, keepdim=True).clamp_min(torch.finfo(divisors.dtype).tiny)
    return total.reciprocal() if weight is None else weight / total


def mean(rows: Tensor, share: float | Tensor) -> Tensor:
    """The rows' weighted mean a member, ``[M, B]`` → ``[M]``."""
    return (rows * share).sum(-1) if isinstance(share, Tensor) else rows.sum(-1).mul_(share)
