"""Columns that know the future: the target of a later row, its running total, or a noisy copy of what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from retemper.data import dates
from retemper.data.sampled import Floats, Goals, ordered_cells
from retemper.data.schema import Column, Schema

MIN_ROWS = 50
MOST_ROWS = 50_000
MOST_SHIFT = 3
PAST_ROWS = 3
SAME_SHARE, RARE_SHARE = 0.6, 0.5
OVER_PRESENT = 0.3
KNOWS_NEXT = 0.6
OVER_NOW = 0.15
MIN_DISTINCT = 10


@dataclass(frozen=True)
class Ahead:
    """A column that is ahead of its row: ``how`` in words, ``strength`` a share of rows or a partial correlation."""

    name: str
    how: str
    strength: float


def ahead_of_time(frame: pl.DataFrame, columns: Sequence[Column], schema: Schema) -> list[Ahead]:
    """Columns of numbers that hold the target of another row, or what only later rows can tell.

    Rows are taken in the order of the time column, else as they stand. Three signs, the first that holds:

    - the cells are the target 1 to 3 rows later (without a time column: or earlier) in 60 % of the rows or more;
    - the differences from row to row are the target: a running total;
    - with a time column: given this row's target and the three before, the column's partial correlation with the *next*
      target is .6 or more, and clearly above that with this row's target given the three before.

    Nothing is said where several rows have the same time (a panel), or of fewer than 50 rows.
    """
    assert schema.target is not None
    numbers = [column for column in columns if column.kind == "number" and column.name != schema.time]
    order = _order(frame, schema)
    if order is None or not numbers:
        return []
    frame = frame[order]
    goals = Goals.of(frame[schema.target.name], schema.task == "classification")
    target, y = _Target.of(goals), goals.y[:, 0]
    timed = schema.time is not None
    shifts = [*range(1, MOST_SHIFT + 1), *(() if timed else range(-MOST_SHIFT, 0))]
    found = []
    for column in numbers:
        x = ordered_cells(frame[column.name], column)
        one = _shifted(x, target, shifts) or _total(x, target) or (_next(x, y) if timed else None)
        if one is not None:
            found.append(Ahead(column.name, *one))
    return found


@dataclass(frozen=True)
class _Target:
    """The target, and what is asked of it for every column: ``y`` are numbers, or classes from 0 on.

    ``values`` with their ``counts``; ``rare`` are the rows of all but the most frequent.
    """

    y: Floats
    classes: bool
    values: Floats
    counts: NDArray[np.int64]
    rare: NDArray[np.bool_]

    @classmethod
    def of(cls, goals: Goals) -> _Target:
        y = rankdata(goals.key, "dense").astype(np.float64) - 1 if goals.classes else goals.y[:, 0]
        values, counts = np.unique(y, return_counts=True)
        return cls(y, goals.classes, values, counts, y != values[counts.argmax()])


def _order(frame: pl.DataFrame, schema: Schema) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    if frame.height < MIN_ROWS:
        return None
    if schema.time is None:
        return np.arange(min(frame.height, MOST_ROWS))
    cells = frame[schema.time]
    times = dates.demanded(cells) if cells.dtype == pl.String else cells
    if times.n_unique() < 0.99 * frame.height:
        return None
    order = times.rank("ordinal").to_numpy().argsort()
    return order[:MOST_ROWS].astype(np.int64)


def _shifted(x: Floats, target: _Target, shifts: Sequence[int]) -> tuple[str, float] | None:
    """The column is the target of another row; for classes the agreement must beat chance and this row's own."""
    if target.classes:
        if len(np.unique(x[~np.isnan(x)])) != len(target.values):
            return None
        x = np.where(np.isnan(x), np.nan, rankdata(x, "dense") - 1)
    elif len(target.values) < MIN_DISTINCT:
        return None
    now = _agreement(x, target, 0)
    shares = {shift: _agreement(x, target, shift) for shift in shifts}
    best = max(shares, key=lambda shift: shares[shift])
    if shares[best] < SAME_SHARE or shares[best] < now + OVER_PRESENT:
        return None
    rows = f"{abs(best)} row{'s' * (abs(best) > 1)}"
    return f"is the target {rows} {'later' if best > 0 else 'earlier'}", shares[best]


def _agreement(x: Floats, target: _Target, shift: int) -> float:
    """The share of rows that agree, over chance (Cohen's κ).

    0 where rows do not agree in what is rare: most columns of mostly zeros agree in their zeros.
    """
    here, there = _pair(x, target.y, shift)
    rare = _pair(x, target.rare, shift)[1]
    if rare.sum() < MIN_ROWS or np.mean(here[rare] == there[rare]) < RARE_SHARE:
        return 0.0
    own = np.searchsorted(target.values, here).clip(0, len(target.values) - 1)
    by_chance = target.counts[own] / len(target.y)
    expected = float(np.mean(np.where(target.values[own] == here, by_chance, 0.0)))
    same = float(np.mean(here == there))
    return (same - expected) / max(1 - expected, 1e-9)


def _pair(x: Floats, y: NDArray[Any], shift: int) -> tuple[Floats, NDArray[Any]]:
    if shift == 0:
        return x, y
    return (x[:-shift], y[shift:]) if shift > 0 else (x[-shift:], y[:shift])


def _total(x: Floats, target: _Target) -> tuple[str, float] | None:
    if target.classes or len(target.values) < MIN_DISTINCT:
        return None
    y = target.y
    moves = y[1:] != 0  # where the target is 0 any column that stands still would agree
    if moves.sum() < MIN_ROWS:
        return None
    grown, here = np.diff(x)[moves], x[1:][moves]
    if np.isclose(here, y[1:][moves]).mean() >= RARE_SHARE:
        return None  # the target itself, between zeros
    same = float(np.mean(np.isclose(grown, y[1:][moves], rtol=1e-6, atol=1e-9)))
    return ("is the running total of the target", same) if same >= SAME_SHARE else None


def _next(x: Floats, y: Floats) -> tuple[str, float] | None:
    """Partial correlation with the next target, given this row's and the three before it (least squares, ranks)."""
    if np.isnan(x).any() or np.ptp(x) == 0:
        return None
    x, y = rankdata(x), rankdata(y)
    past = [y[PAST_ROWS - lag : len(y) - 1 - lag] for lag in range(PAST_ROWS + 1)]
    here, following = x[PAST_ROWS:-1], y[PAST_ROWS + 1 :]
    later = _partial(here, following, past)
    now = _partial(here, past[0], past[1:])
    if abs(later) < KNOWS_NEXT or abs(later) < abs(now) + OVER_NOW:
        return None
    return "goes with the next row's target more than with its own", abs(later)


def _partial(a: Floats, b: Floats, given: Sequence[Floats]) -> float:
    basis = np.stack([np.ones(len(a)), *given], axis=1)
    rest = [v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (a, b)]
    size = float(np.linalg.norm(rest[0]) * np.linalg.norm(rest[1]))
    return float(rest[0] @ rest[1]) / size if size > 1e-9 else 0.0
