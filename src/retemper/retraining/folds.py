"""Which of the new rows judge which networks: all rows teach, all rows judge, and a few are never trained on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.memory.kept import Kept
from retemper.bundle.memory.shares import UNSEEN_SHARE
from retemper.data.folds import folds_of
from retemper.data.schema import Schema
from retemper.retraining.options import RetrainOptions

NEVER = 0
"""The fold that no network trains on: later retrainings judge by it what was learnt today."""
FOLD_ROWS = 8
"""A fold has at least so many rows, or there are fewer folds."""
FEWEST_FOLDS = 2
MOST_PARTS = 255


def dealt(
    frame: pl.DataFrame, schema: Schema, options: RetrainOptions, never: int | None = None
) -> NDArray[np.int64]:
    """The fold of each new row, 0 … K: networks of fold k don't train on it, and nobody trains on fold 0.

    Classes are spread evenly, rows of one group stay together.

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
    if schema.group is not None and schema.group not in frame.columns:
        schema = replace(schema, group=None)
    count = max(FEWEST_FOLDS, min(options.folds, units_of(frame, schema) // FOLD_ROWS - 1))
    folds: NDArray[np.int64] = folds_of(frame, schema, count + 1, 1, options.seed)[0].astype(np.int64)
    if never is None or schema.group is not None:
        return folds
    zero = np.flatnonzero(folds == NEVER)
    parts = min(len(zero) // max(never, FOLD_ROWS), MOST_PARTS)
    if parts > 1:
        again = folds_of(frame[zero], schema, parts, 1, options.seed)[0].astype(np.int64)
        folds[zero] = np.where(again == 0, NEVER, 1 + (again - 1) % count)
    return folds


def units_of(frame: pl.DataFrame, schema: Schema) -> int:
    """How many there are to deal out: groups where there are any, else rows."""
    if schema.group is None or schema.group not in frame.columns:
        return frame.height
    return frame[schema.group].n_unique()


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
