"""Rows that stay together when a table is dealt out: those of one group, and those of one time."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.data import dates
from retemper.data.cells import first_row, of_rows, place

Rows = NDArray[np.int64]


def groups_of(column: pl.Series, source: str) -> Rows:
    """The number of each row's group, from 0; a missing group is an error."""
    _refuse_gaps(column, "group", source)
    return column.rank("dense").to_numpy().astype(np.int64) - 1


def by_group(groups: Rows, shares: NDArray[np.float64], random: np.random.Generator, source: str) -> Rows:
    """The part of each row: groups in random order, large ones first; each goes where most rows are still wanted."""
    sizes = np.bincount(groups)
    if len(sizes) < len(shares):
        raise InputError(
            "too_few_groups",
            f"There are {len(sizes)} groups, but {len(shares)} are needed: one for each part.",
            {"file": source},
            "Give rows of more groups, or split without --group.",
        )
    large = sizes > 0.5 * shares.min() * len(groups)
    order = random.permutation(len(sizes))
    order = order[np.argsort(-(sizes * large)[order], kind="stable")]
    wanted = shares * len(groups)
    part_of_group = np.zeros(len(sizes), dtype=np.int64)
    empty = np.ones(len(shares), dtype=bool)
    for position, group in enumerate(order):
        last_chance = len(order) - position <= empty.sum()
        part = int(np.argmax(np.where(empty, wanted, -np.inf) if last_chance else wanted))
        part_of_group[group] = part
        wanted[part] -= sizes[group]
        empty[part] = False
    return part_of_group[groups]


def _refuse_gaps(column: pl.Series, role: Literal["group", "time"], source: str) -> None:
    if column.null_count():
        row = first_row(column.is_null())
        raise InputError(
            f"missing_{role}",
            f"The {role} {column.name!r} is missing in {of_rows(column.null_count())}, first in row {row}.",
            place(source, column.name, row),
            f"Give every row a {role}.",
        )


def times_of(column: pl.Series, source: str) -> Rows:
    """The number of each row's time, in order; a missing time is an error."""
    _refuse_gaps(column, "time", source)
    ordered = dates.demanded(column, None, source) if column.dtype == pl.String else column
    return ordered.rank("dense").to_numpy().astype(np.int64)


def by_time(times: Rows, shares: NDArray[np.float64], source: str) -> Rows:
    """The part of each row in the order of time; rows of one time stay together."""
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order])) + 1
    if len(starts) < len(shares) - 1:
        raise InputError(
            "too_few_times",
            f"There are {len(starts) + 1} different times, but {len(shares)} are needed: one for each part.",
            {"file": source},
            "Choose a finer time column, or split without --time.",
        )
    part = np.zeros(len(times), dtype=np.int64)
    first = 0
    for which in range(1, len(shares)):
        # Parts begin where the time changes, as near to their share as can be; later parts keep a start each.
        open_starts = starts[first : len(starts) - (len(shares) - 1 - which)]
        nearest = int(np.abs(open_starts - shares[:which].sum() * len(times)).argmin())
        part[order[open_starts[nearest] :]] = which
        first += nearest + 1
    return part
