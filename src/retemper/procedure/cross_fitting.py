"""Cross-fitting: each row is held out once from one network of a bag, so that all rows teach and all rows judge.

With few validation rows the best of many recipes is mostly the luckiest; judged by every row, it is the best. So the
later steps train bags, one network for each fold, instead of single networks, wherever rows and time allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.folds import folds_of
from retemper.data.told import told_by_folds
from retemper.procedure.book import State
from retemper.procedure.contenders import BAG_IDS, VALIDATION, Contender
from retemper.training.arrays import SplitArrays, pooled
from retemper.training.fold_files import save_folds

FOLD_ROWS = 200_000
"""With more rows than this, validation rows are many enough to judge, and folds would only copy data."""
FOLD_CELLS = 1 << 24
"""Nor with more rows × classes: each bag keeps a probability for each of them."""
LEAST_FOLD_ROWS = 2
"""A fold needs so many rows."""
VERSION_BYTES = 2 << 30
"""Most room for the rows once for each fold, which group means need (see :func:`dealt`)."""
REPEATS = 24
"""Draws of the folds: bags of one run that should not share their folds take another one each."""


def folds_for(state: State) -> int:
    """How many folds the rows can be dealt out to; 0: the validation rows judge."""
    if state.folds is not None:
        return int(state.folds.max()) + 1
    rows = len(state.splits.train) + len(state.splits.validation)
    count = state.recipe.procedure.folds
    if count < 2 or state.splits.method == "time" or rows < LEAST_FOLD_ROWS * count:
        return 0
    if rows > FOLD_ROWS or rows * len(state.schema.classes) > FOLD_CELLS:
        return 0
    if state.schema.group and state.table.frame[state.schema.group].n_unique() < 2 * count:
        return 0
    preparer = state.ready[0]
    if preparer.told and 4 * rows * preparer.width * count > VERSION_BYTES:
        return 0
    return count


def dealt(state: State, count: int) -> State:
    """The state with its rows dealt out to folds, which lie beside the arrays for whoever trains.

    Group means hold targets: where there are any, the rows are written once for each fold, without its targets.
    """
    if state.folds is not None or not count:
        return state
    rows = np.concatenate([state.splits.train, state.splits.validation])
    frame = state.table.frame[rows]
    folds = folds_of(frame, state.schema, count, REPEATS, state.recipe.seed)
    # The rows lie on disk once for each fold: one draw has to do for all bags.
    return dealt_as(state, np.tile(folds[-1], (REPEATS, 1)) if state.ready[0].told else folds)


def dealt_as(state: State, folds: NDArray[np.uint8]) -> State:
    """The state with its rows in these folds [draws, rows]; where there are group means, all draws must be one."""
    if state.ready[0].told:
        frame = state.table.frame[np.concatenate([state.splits.train, state.splits.validation])]
        save_folds(folds, state.data_folder, _versions(state, frame, folds[0]))
    else:
        save_folds(folds, state.data_folder)
    return state.with_(folds=folds)


def _versions(state: State, frame: pl.DataFrame, folds: NDArray[np.uint8]) -> Iterator[SplitArrays]:
    """The rows as each fold's network may see them: what the target tells comes from the other folds."""
    preparer, _, data = state.ready
    rows = pooled(data)
    for columns, values in told_by_folds(preparer, frame, state.schema, folds):
        dense = rows.dense.copy()
        dense[:, columns] = values
        yield replace(rows, dense=dense)


def bag_of_contenders(recipe: Contender, bag: int, folds: int, repeat: int = 0) -> list[Contender]:
    """A recipe once for each fold of a draw; as it is, with the number as its id, without folds.

    Args:
        recipe: what to train.
        bag: unique number of the bag in the run.
        folds: 0 or the number of folds.
        repeat: which draw of the folds.
    """
    if not folds:
        return [recipe.numbered(bag, VALIDATION)]
    return [recipe.numbered(BAG_IDS * bag + fold, folds * repeat + fold) for fold in range(folds)]
