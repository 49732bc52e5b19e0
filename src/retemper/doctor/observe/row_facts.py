"""What rows say without the network: do targets belong to inputs, are both kinds of rows alike, what is there to learn.

Nothing of it changes while the network trains, so that it waits until findings are asked for: by then it is known what
it may cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from retemper.doctor.case import Task
from retemper.doctor.likeness import Likeness
from retemper.doctor.observe.aligned import MOST_ROWS, aligned_p
from retemper.doctor.observe.attempt import attempt
from retemper.doctor.observe.likeness import MOST, likeness_of
from retemper.doctor.observe.reference import FEWEST_TREES, ROWS, TREES, tree_s
from retemper.doctor.observe.rows import Rows, parts_of
from retemper.doctor.observe.standing import best_reference
from retemper.doctor.observe.traceless import traceless

FEWEST_ALIGNED, ALIGNED_S = 450, 0.04
"""Rows of which targets are held against inputs where more are not paid for, and what ``MOST_ROWS`` of them cost."""
IN_DOUBT = 0.015
"""So many shuffles fit as well as the targets that another look is worth its price."""


@dataclass(frozen=True)
class RowFacts:
    """What was found of the rows; NaN and None where it could not be had.

    Args:
        aligned_p, held_out_p: see :class:`retemper.doctor.case.Sample`.
        likeness: of training rows and held-out ones.
        reference: skill of the better of two simple models on the rows that the network is judged by.
        reasons: why something could not be had, by its name.
    """

    aligned_p: float = math.nan
    held_out_p: float = math.nan
    likeness: Likeness | None = None
    reference: float = math.nan
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Means:
    """What is paid for: trees of each forest, and rows of which targets are held against inputs."""

    trees: int = TREES
    aligned: int = MOST_ROWS


def row_facts(rows: Rows | None, held_out: Rows | None, task: Task, means: Means) -> RowFacts:
    """Facts of rows.

    Args:
        rows: of the training, in a random order, or None.
        held_out: rows that are not trained on, likewise.
        task: of the training.
        means: what is paid for.

    >>> import torch
    >>> x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    >>> own = row_facts((x[:100], x[:100, 0]), (x[100:], x[100:, 0]), "regression", Means())
    >>> own.aligned_p, own.reference > 0.9
    (0.01, True)
    """
    reasons: dict[str, str] = {}
    own, other, alike = None, None, None
    with traceless():
        if rows is not None:
            own = attempt("aligned", reasons, lambda: aligned_p(*rows, means.aligned))
        if rows is not None and held_out is not None:
            if own is not None and own > IN_DOUBT:
                other = attempt("aligned", reasons, lambda: aligned_p(*held_out, means.aligned))
            alike = attempt("likeness", reasons, lambda: likeness_of(rows, held_out, task, means.trees))
        judged = held_out or rows
        reference = None
        if judged is not None:
            learnt = rows if held_out is not None else None
            reference = attempt(
                "reference", reasons, lambda: best_reference(learnt, judged, task, means.trees)
            )
    return RowFacts(
        aligned_p=math.nan if own is None else own,
        held_out_p=math.nan if other is None else other,
        likeness=alike,
        reference=math.nan if reference is None else reference,
        reasons=reasons,
    )


def means_within(seconds: float, rows: Rows | None, held_out: Rows | None) -> Means:
    """What :func:`row_facts` may do for a price; forests take what the comparison of targets and inputs leaves.

    >>> import torch
    >>> few = (torch.rand(200, 2), torch.rand(200))
    >>> means_within(math.inf, few, None)
    Means(trees=40, aligned=900)
    >>> means_within(0.0, few, None)
    Means(trees=8, aligned=450)
    """
    if math.isinf(seconds):
        return Means()
    aligned = MOST_ROWS if seconds >= 3 * ALIGNED_S else FEWEST_ALIGNED
    left = seconds - ALIGNED_S * (aligned / MOST_ROWS) ** 2
    price = sum(_tree_s(own, most) for own, most in ((rows, ROWS), (rows, MOST // 2), (held_out, MOST // 2)))
    return Means(min(TREES, max(FEWEST_TREES, int(left / price))) if price > 0 else TREES, aligned)


def _tree_s(rows: Rows | None, most: int) -> float:
    """Of a forest that learns up to so many of some rows; 0: there are none."""
    if rows is None:
        return 0.0
    x, y = rows
    columns = sum(part[:1].numel() for part in parts_of(x))
    outputs = y[:1].numel() if y.is_floating_point() else int(y.max()) + 1
    return tree_s(min(most, len(y)), columns, outputs)
