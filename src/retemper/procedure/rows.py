"""Which rows judge, and which of them belong together."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.whole_units import groups_of
from retemper.procedure.book import State


def rows_that_judge(state: State) -> NDArray[np.int64]:
    """Numbers in the table: with folds training and validation rows, in this order; without, the validation rows."""
    if state.folds is None:
        return state.splits.validation
    return np.concatenate([state.splits.train, state.splits.validation])


def groups_in(state: State, frame: pl.DataFrame) -> NDArray[np.int64] | None:
    """The number of each row's group; None where the recipe names no group, and rows are independent."""
    name = state.schema.group
    return None if name is None else groups_of(frame[name], state.table.source)


def groups_of_rows(state: State, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """:func:`groups_in` for rows of the table."""
    name = state.schema.group
    return None if name is None else groups_of(state.table.frame[name][rows], state.table.source)


def groups_that_judge(state: State) -> NDArray[np.int64] | None:
    """:func:`groups_in` for the rows that judge."""
    return groups_of_rows(state, rows_that_judge(state))
