"""Which rows judge which networks: all teach, all that the champion has not seen judge, a few are never trained on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.memory.kept import Kept
from retemper.bundle.memory.shares import UNSEEN_SHARE
from retemper.core.seeds import generator
from retemper.data.cells import as_words
from retemper.data.folds import folds_of
from retemper.data.schema import Schema
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import MOST_JUDGES, Past

NEVER = 0
"""The fold that no network trains on: later retrainings judge by it what was learnt today."""
LEARNT = -1
"""No fold: old rows that judge nobody."""
GOLDEN = (5**0.5 - 1) / 2
FOLD_ROWS = 8
"""A fold has at least so many rows, or there are fewer folds."""
FEWEST_FOLDS = 2
MOST_PARTS = 255


def dealt(
    frame: pl.DataFrame, schema: Schema, options: RetrainOptions, never: int | None = None
) -> NDArray[np.int64]:
    """The fold of each new row, 0 … K: networks of fold k don't train on it, and nobody trains on fold 0.

    Classes are spread evenly; rows of one group stay together.

    Args:
        frame: the labelled new rows.
        schema: of the model, with its group column.
        options: ``folds`` is K at most; few rows make it smaller.
        never: rows of fold 0 that are of use, see :func:`of_use`; the others are learnt from. Rows of groups stay
            where they are. None: all are.

    Raises:
        InputError: ``too_few_groups`` where there are less than three, ``missing_group``.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"size": [1.5 * i for i in range(30)], "y": ["a", "b", "b"] * 10})
    >>> np.bincount(dealt(table.frame, infer(table, DataOptions(target="y")), RetrainOptions())).tolist()
    [10, 10, 10]
    """
    count = max(FEWEST_FOLDS, min(options.folds, units_of(frame, schema) // FOLD_ROWS - 1))
    grouped = _grouped(frame, schema)
    schema = schema if grouped else replace(schema, group=None)
    folds: NDArray[np.int64] = folds_of(frame, schema, count + 1, 1, options.seed)[0].astype(np.int64)
    if never is None or grouped:
        return folds
    zero = np.flatnonzero(folds == NEVER)
    parts = min(len(zero) // max(never, FOLD_ROWS), MOST_PARTS)
    if parts > 1:
        again = folds_of(frame[zero], schema, parts, 1, options.seed)[0].astype(np.int64)
        folds[zero] = np.where(again == 0, NEVER, 1 + (again - 1) % count)
    return folds


def dealt_old(
    past: Past, schema: Schema, new: pl.DataFrame, folds: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """The fold of each old row, as :func:`dealt` gives them to new ones; ``LEARNT``: the champion has seen it.

    As of the new rows, one in K + 1 of all old ones is never trained on, as far as the champion has not seen as many;
    ``MOST_JUDGES`` are enough. Where nobody knows what it has seen, those that judge are not learnt from.

    Args:
        past: the old rows.
        schema: of the model, with its group column: a group is in the fold that it has among the new rows.
        new: the new rows.
        folds: theirs.
        seed: draws.

    >>> from retemper.retraining.past import OldRows
    >>> from retemper.data.schema import Column, Schema
    >>> schema = Schema((Column("a", "number", 0, 9, ""),), Column("y", "number", 0, 9, ""), "regression")
    >>> rows = pl.DataFrame({"a": range(300), "y": range(300)})
    >>> past = Past.of(OldRows(rows, seen=np.arange(300) < 100), 0)
    >>> np.bincount(1 + dealt_old(past, schema, rows[:0], np.arange(4), 0)).tolist()
    [100, 76, 41, 41, 42]
    """
    found = np.where(past.judging, NEVER, LEARNT).astype(np.int64)
    if past.known != "unseen":
        return found
    schema = schema if _grouped(past.rows, schema) and _grouped(new, schema) else replace(schema, group=None)
    count, rows = int(folds.max()), past.judges
    units, first, unit = np.unique(_units(rows, schema), return_index=True, return_inverse=True)
    held = min(MOST_JUDGES, past.rows.height / (count + 1)) / rows.height
    edges = held + (1 - min(held, 1.0)) / count * np.arange(count)
    order = generator(seed, "old rows in folds").permutation(len(units))
    if schema.task == "classification" and schema.target is not None:
        labels = as_words(rows[schema.target.name])[first].rank("dense").to_numpy()
        order = order[np.argsort(labels[order], kind="stable")]
    # Multiples of the golden ratio lie evenly in every stretch: each class has its share of each fold.
    own = np.empty(len(units), dtype=np.int64)
    own[order] = np.searchsorted(edges, np.arange(len(units)) * GOLDEN % 1, side="right")
    if schema.group is not None:
        known, at = np.unique(_units(new, schema), return_index=True)
        _, here, there = np.intersect1d(units, known, return_indices=True)
        own[here] = folds[at[there]]
    found[past.judging] = own[unit]
    return found


def units_of(frame: pl.DataFrame, schema: Schema) -> int:
    """How many there are to deal out: groups where there are any, else rows."""
    return len(np.unique(_units(frame, schema)))


def _grouped(frame: pl.DataFrame, schema: Schema) -> bool:
    return schema.group is not None and schema.group in frame.columns


def _units(frame: pl.DataFrame, schema: Schema) -> NDArray[Any]:
    """What stays together: rows with the same label here."""
    if schema.group is not None and schema.group in frame.columns:
        return as_words(frame[schema.group]).to_numpy().astype(str)
    # Rows that are alike are so by chance (copies.py); apart from its twins no row would be told right.
    return np.arange(frame.height)


def of_use(labels: pl.Series | None, rows: int, options: RetrainOptions, kept: Kept | None) -> int | None:
    """How many rows that nobody trains on the bundle will keep of a batch; None: nobody knows.

    A reservoir of n rows, balanced by class, has n/4 places for such rows, and of these a batch has the share that it
    has of all rows ever met, class by class. What it can't keep judges nobody tomorrow and may as well be learnt from.

    Args:
        labels: the batch's classes as text; None: a regression.
        rows: in the batch.
        options: with the number of rows to keep.
        kept: what was kept so far.

    >>> of_use(pl.Series(["a", "b"] * 50), 100, RetrainOptions(keep_old=80), None)
    20
    """
    most = (kept.frame.height if kept is not None else 0) if options.keep_old is None else options.keep_old
    if not most:
        return None
    places = UNSEEN_SHARE * most
    strata = () if kept is None else kept.strata
    if labels is None:
        return round(places * rows / (rows + sum(own.met for own in strata)))
    now = Counter(labels.to_list())
    before: Counter[str] = Counter()
    for own in strata:
        before[own.label] += own.met
    classes = len(now.keys() | before.keys())
    return round(places / classes * sum(count / (count + before[name]) for name, count in now.items()))
