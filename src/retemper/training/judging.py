"""What validation says of the members: their losses, and how sure they should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.training.class_losses import ClassLoss
from retemper.training.plan import Plan, Rows, outputs_in_chunks
from retemper.training.stack import Stack

SCALES = tuple(1.2**k for k in range(-10, 5))
"""What a network's outputs are multiplied by to ask how good they would be, were it as sure as it may be."""
MANY_ROWS = 3000
"""So many rows that judge are sure enough of the best scale."""
MOST_OUTPUTS = 64
"""With more outputs the question costs too much, and the loss is taken as it is."""


@dataclass(frozen=True)
class Verdict:
    """What validation says of the members.

    With classes the best epoch is the one with the lowest loss *after* the best temperature 1 / scale: cross-entropy
    rises as soon as a network grows too sure, long before it stops to learn (Berta et al. 2025, "Rethinking early
    stopping: refine, then calibrate"). The kept parameters have that scale in their head.

    Args:
        loss: [M] as it is; NaN without validation rows.
        judged: [M] at the best of the scales; the same where there is one scale.
        scale: [M] the best scale.
    """

    loss: NDArray[np.float64]
    judged: NDArray[np.float64]
    scale: NDArray[np.float64]


def judge(plan: Plan, stack: Stack, held_out: NDArray[np.int64] | None = None) -> Verdict:
    """Each member's weighted mean loss on the validation rows, or on those held out from it.

    Args:
        plan: its validation rows.
        stack: the members that still train, M.
        held_out: [M, L] numbers of each member's own rows, filled up with -1; None: all of them.
    """
    data, count = plan.validation, len(stack)
    if data is None:
        return Verdict(np.full(count, np.nan), np.full(count, np.nan), np.ones(count))
    scales = _scales(plan)
    total, asked = torch.zeros((2, len(scales), count), dtype=torch.float64)
    doubt = _doubt(plan, data, held_out) if len(scales) > 1 else None
    weights = torch.zeros(count, dtype=torch.float64)
    start = 0
    for outputs in outputs_in_chunks(plan.network, stack.parameters, data, held_out):
        stop = start + outputs.shape[1]
        rows, weight = _judges(data, held_out, slice(start, stop))
        outputs, start = outputs[:, : weight.shape[-1]], stop
        for number, scale in enumerate(scales):
            scaled = outputs if scale == 1 else outputs * scale
            row = plan.network_loss.rows(scaled, data.y[rows])
            total[number] += (row * weight).sum(1).double().cpu()
            if doubt is not None:
                row = plan.network_loss.rows(scaled, data.y[rows], smoothing=doubt)
            asked[number] += (row * weight).sum(1).double().cpu()
        weights += weight.sum(-1).double().cpu()
    losses, asked_losses = (total / weights).numpy(), (asked / weights).numpy()
    best = np.where(np.isfinite(asked_losses), asked_losses, np.inf).argmin(0)
    return Verdict(losses[scales.index(1.0)], losses[best, np.arange(count)], np.array(scales)[best])


def _doubt(plan: Plan, data: Rows, held_out: NDArray[np.int64] | None) -> Tensor | None:
    """The smoothing [M, 1] of the targets that choose a scale: one mistake more than was seen (Platt 1999).

    A few rows without a mistake would else take the sharpest scale, whose first mistake costs everything.
    """
    judges = np.array([[data.count]]) if held_out is None else (held_out >= 0).sum(1, keepdims=True)
    if judges.min() >= MANY_ROWS:
        return None
    classes = max(2, plan.network.head.outputs)
    return torch.from_numpy(classes / (classes - 1) / (judges + 2.0)).to(data.y.device)


def _scales(plan: Plan) -> tuple[float, ...]:
    few = isinstance(plan.loss, ClassLoss) and plan.network.head.outputs <= MOST_OUTPUTS
    return SCALES if few and plan.options.judge == "calibrated" else (1.0,)


def _judges(data: Rows, held_out: NDArray[np.int64] | None, place: slice) -> tuple[Any, Tensor]:
    """Which rows a chunk of outputs is for, and their weights: [B] that all share, or [M, B] of each member."""
    if held_out is None:
        return place, data.weight[place]
    own = torch.from_numpy(held_out[:, place]).to(data.y.device)
    rows = own.clamp_min(0)
    return rows, data.weight[rows] * (own >= 0)
