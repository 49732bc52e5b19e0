"""L1 and L2 penalties and clipping, on the gradients of all members at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from retemper.training.stack import Stack


def add_penalties(stack: Stack, l1: float, l2: float, places: Sequence[slice]) -> None:
    """g ← g + l1·sign(w) + l2·w on some places of each row (the weights')."""
    if not (l1 or l2):
        return
    for place in places:
        gradient = stack.buffers["gradients"][:, place]
        weights = stack.buffers["parameters"][:, place]
        if l2:
            gradient.add_(weights, alpha=l2)
        if l1:
            gradient.add_(torch.sign(weights), alpha=l1)


def clip(stack: Stack, norm: float) -> None:
    """Scale each member's gradient down to ``norm`` where it is longer (Pascanu et al. 2013); 0: leave it.

    g ← g · min(1, norm / (‖g‖ + 1e-6)), as ``torch.nn.utils.clip_grad_norm_``.
    """
    if not norm:
        return
    gradient = stack.buffers["gradients"]
    length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    gradient.mul_((norm / (length + 1e-6)).clamp_max(1.0))
