"""An anchor: what was learnt holds the parameters, each as strongly as it mattered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.training.stack import Stack


@dataclass(frozen=True)
class Anchor:
    """Adds ½ Σ strength·(θ − center)² to the loss (elastic weight consolidation, Kirkpatrick et al. 2017).

    The strength is the diagonal Fisher information (:func:`retemper.training.fisher.fisher`) times what the old
    rows are worth; one number for all is L2-SP (Li et al. 2018).

    Args:
        center: [M, P] where the parameters are held, in the stack's layout.
        strength: [M, P], 0 (free) or more; finite.

    >>> anchor = Anchor(torch.zeros(1, 32), torch.ones(1, 32))
    >>> anchor.strength.sum().item()
    32.0
    """

    center: Tensor
    strength: Tensor

    def __post_init__(self) -> None:
        if self.center.shape != self.strength.shape or self.center.ndim != 2:
            raise ValueError(
                "center and strength must both be [M, P], but are "
                f"{list(self.center.shape)} and {list(self.strength.shape)}"
            )
        if not (torch.isfinite(self.strength).all() and (self.strength >= 0).all()):
            raise ValueError("strength must be finite and 0 or more")


class Pull:
    """The anchor's part of a step: the proximal step in the optimizer's own metric.

    The optimizer divides a gradient by some D: 1 in plain descent, 1 − momentum with a heavy ball, √v̂ + ε in Adam.
    After its step to u the parameters go to the minimum of ½·s·(θ − c)² + D/(2·rate)·(θ − u)², that is

        θ = u + (c − u) · rate·s / (D + rate·s)

    (adaptive proximal gradient: Yun, Lozano & Yang 2021). Added to the gradient instead, plain descent diverges
    where rate·s > 2, and in Adam the penalty would fill v̂ and shrink the loss's own steps; decoupled without D, as
    weight decay is, Adam would come to rest where the loss and the penalty don't balance. This one is stable at any
    strength, goes to ``center`` as s → ∞, and rests where the gradients of loss and penalty cancel.

    Args:
        anchor: for all members.
        stack: whose parameters are held.
        still: places of parameters that don't move.

    Raises:
        ValueError: the anchor has not the stack's shape [M, P].
    """

    def __init__(self, anchor: Anchor, stack: Stack, still: Sequence[slice]) -> None:
        like = stack.buffers["parameters"]
        if anchor.center.shape != like.shape:
            raise ValueError(
                f"the anchor must be {list(like.shape)}, the stack's, but is {list(anchor.center.shape)}"
            )
        self._center = anchor.center.to(like)
        self._strength = anchor.strength.to(like) * stack.layout.true_places().to(like)
        for place in still:
            self._strength[:, place] = 0

    def keep(self, slots: Sequence[int]) -> None:
        """Drop all members but those in ``slots``."""
        self._center, self._strength = self._center[list(slots)], self._strength[list(slots)]

    def move(self, parameters: Tensor, rate: Tensor, metric: Tensor) -> None:
        """Draw the parameters [M, P] to the center, at the members' rates [M, 1] and the optimizer's D."""
        step = self._strength * rate
        parameters.addcmul_(self._center - parameters, step / (step + metric))
