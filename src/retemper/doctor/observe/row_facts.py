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
from retemper.doctor.observe.aligned import aligned_p
from retemper.doctor.observe.attempt import attempt
from retemper.doctor.observe.likeness import MOST, likeness_of
from retemper.doctor.observe.reference import FEWEST_TREES, ROWS, TREES, tree_s
from retemper.doctor.observe.rows import Rows, parts_of
from retemper.doctor.observe.standing import best_reference
from retemper.doctor.observe.traceless import traceless

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


def row_facts(rows: Rows | None, held_out: Rows | None, task: Task, trees: int = TREES) -> RowFacts:
    """Facts of rows.

    Args:
        rows: of the training, in a random order, or None.
        held_out: rows that are not trained on, likewise.
        task: of the training.
        trees: of each forest.

    >>> import torch
    >>> x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    >>> own = row_facts((x[:100], x[:100, 0]), (x[100:], x[100:, 0]), "regression")
    >>> own.aligned_p, own.reference > 0.9
    (0.01, True)
    """
    reasons: dict[str, str] = {}
    own, other, alike = None, None, None
    with traceless():
        if rows is not None:
            own = attempt("aligned", reasons, lambda: aligned_p(*rows))
        if rows is not None and held_out is not None:
            if own is not None and own > IN_DOUBT:
                other = attempt("aligned", reasons, lambda: aligned_p(*held_out))
            alike = attempt("likeness", reasons, lambda: likeness_of(rows, held_out, task, trees))
        judged = held_out or rows
        reference = None
        if judged is not None:
            learnt = rows if held_out is not None else None
            reference = attempt("reference", reasons, lambda: best_reference(learnt, judged, task, trees))
    return RowFacts(
        aligned_p=math.nan if own is None else own,
        held_out_p=math.nan if other is None else other,
        likeness=alike,
        reference=math.nan if reference is None else reference,
        reasons=reasons,
    )


def trees_within(seconds: float, rows: Rows | None, held_out: Rows | None) -> int:
    """Trees of each forest of :func:`row_facts`, so that all of them keep to a price.

    >>> import torch
    >>> few = (torch.rand(200, 2), torch.rand(200))
    >>> trees_within(math.inf, few, None), trees_within(0.0, few, None)
    (40, 8)
    """
    if math.isinf(seconds):
        return TREES
    price = sum(_tree_s(own, most) for own, most in ((rows, ROWS), (rows, MOST // 2), (held_out, MOST // 2)))
    return min(TREES, max(FEWEST_TREES, int(seconds / price))) if price > 0 else TREES


def _tree_s(rows: Rows | None, most: int) -> float:
    """Of a forest that learns up to so many of some rows; 0: there are none."""
    if rows is None:
        return 0.0
    x, y = rows
    columns = sum(part[:1].numel() for part in parts_of(x))
    outputs = y[:1].numel() if y.is_floating_point() else int(y.max()) + 1
    return tree_s(min(most, len(y)), columns, outputs)
