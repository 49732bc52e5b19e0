"""Partial dependence: what the model says on average when one column is set to a value in every row.

Friedman (2001). The mean hides rows that react in opposite ways, so quantiles of the single rows' curves go along (ICE,
Goldstein et al. 2015). A value is set in rows where it may never occur: where columns go together, read with care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.recipe_sections import ColumnKind
from retemper.core.records import NotApplicable
from retemper.core.seeds import generator
from retemper.evaluation.bands import values_of
from retemper.evaluation.held_out import HeldOut, Predict, resampled
from retemper.evaluation.weighted import Floats

POINTS = 16
HEAVY_SHARE = 1 / 8
MOST_LEVELS = 12
MOST_OUTPUTS = 5
MOST_MEMBERS = 8
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Curve:
    """One output over the grid [G]: the mean with its 95 % interval, and quantiles of the rows' curves [5, G].

    ``output`` is the class's code; 0 for a regression.
    """

    output: int
    mean: Floats
    low: Floats
    high: Floats
    quantiles: Floats


@dataclass(frozen=True)
class Dependence:
    """How the outputs depend on one column.

    Args:
        column: its name.
        grid: the cells that were set, numbers in ascending order, levels by their frequency; None: a missing cell.
        share: of the held-out rows at each point: with this level, missing, or nearest to this number [G].
        curves: one for each output shown.
        rows, members: how many of each the intervals rest on (members 1: they tell nothing of other trainings).
    """

    column: str
    grid: tuple[float | int | str | bool | None, ...]
    share: Floats
    curves: tuple[Curve, ...]
    rows: int
    members: int


def partial_dependence(
    held: HeldOut, column: str, most_rows: int = 200, resamples: int = 300, seed: int = 0
) -> Dependence:
    """The dependence on one column.

    The interval is a percentile bootstrap over the rows (whole groups of them where there are any) and over the model's
    networks: a resample of the networks moves the mean by (its own mean − the mean of all), spread by √(M/(M−1)) for
    the few networks they are.

    Args:
        held: the rows; ``members`` are used where there are two or more.
        column: a number, date, category or boolean.
        most_rows: rows that are asked; the cost is rows × points × (1 + networks, 8 at most).
        resamples: of the bootstrap.
        seed: 0 or more.

    Raises:
        NotApplicable: text has no grid, or the column has one value only.

    >>> x = np.linspace(-1, 1, 50)
    >>> held = HeldOut(pl.DataFrame({"a": x}), x, "regression", lambda cells, rows: 2 * cells["a"].to_numpy(),
    ...                {"a": "number"})
    >>> found = partial_dependence(held, "a")
    >>> bool(np.allclose(found.curves[0].mean, 2 * np.array(found.grid)))
    True
    """
    grid, share = _grid(held.frame[column], held.kinds[column])
    some = held.sample(most_rows, seed, "partial dependence")
    said = _asked(some, column, grid, held.predict)
    members = sorted(held.members, key=lambda own: -own[1])[:MOST_MEMBERS]
    alone = [
        _asked(some, column, grid, predict) for predict, _ in members[: len(members) * (len(members) > 1)]
    ]
    shown = _shown(said)
    rows = resampled(some.rows, resamples, seed, some.group) * some.weights
    rows /= rows.sum(1, keepdims=True)
    drawn = np.einsum("bn,gnc->bgc", rows, said[:, :, shown])
    if alone:
        own = np.stack(alone)[..., shown]
        drawn += np.einsum(
            "bn,bm,mgnc->bgc", rows, _moves([w for _, w in members], resamples, seed), own, optimize=True
        )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    mean = np.einsum("n,gnc->gc", some.weights / some.weights.sum(), said)
    quantiles = np.quantile(said, QUANTILES, axis=1)
    curves = [
        Curve(int(c), mean[:, c], low[:, k], high[:, k], quantiles[:, :, c]) for k, c in enumerate(shown)
    ]
    return Dependence(column, tuple(map(_plain, grid)), share, tuple(curves), some.rows, max(1, len(alone)))


def _asked(held: HeldOut, column: str, grid: pl.Series, predict: Predict) -> Floats:
    """What is said of every row with every value of the grid [G, N, outputs]."""
    points, rows = len(grid), held.rows
    at = np.tile(np.arange(rows), points)
    cells = held.frame[at].with_columns(grid[np.repeat(np.arange(points), rows)].alias(column))
    said = np.asarray(predict(cells, held.positions[at]), dtype=np.float64)
    return said.reshape(points, rows, -1)


def _moves(weights: Sequence[float], resamples: int, seed: int) -> Floats:
    """Weights of a resample of the networks less their own weights [resamples, M]."""
    own = np.array(weights) / np.sum(weights)
    count = len(own)
    drawn = generator(seed, "partial dependence members").multinomial(
        count, np.full(count, 1 / count), resamples
    )
    heavy = drawn * own
    return np.asarray((heavy / heavy.sum(1, keepdims=True) - own) * np.sqrt(count / (count - 1)))


def _shown(said: Floats) -> NDArray[np.int64]:
    """The second of two classes; of many, those that the column moves most."""
    outputs = said.shape[2]
    if outputs == 2:
        return np.array([1])
    span = np.ptp(said.mean(1), axis=0)
    return np.sort(np.argsort(-span, kind="stable")[:MOST_OUTPUTS])


def _grid(cells: pl.Series, kind: ColumnKind) -> tuple[pl.Series, Floats]:
    """The cells to set, and the share of rows at each."""
    if kind not in ("number", "datetime", "category", "boolean"):
        raise NotApplicable(f"a column of kind {kind} has no order and no levels to go through")
    if kind in ("category", "boolean"):
        counts = (
            cells.drop_nulls()
            .value_counts(sort=True, name="rows")
            .sort(["rows", cells.name], descending=[True, False])
        )
        grid = counts[cells.name].head(MOST_LEVELS)
        counted = counts["rows"].head(MOST_LEVELS).to_numpy()
    else:
        grid, counted = _through(cells, kind == "datetime")
    if len(grid) + (cells.null_count() > 0) < 2:
        raise NotApplicable("the column has one value only in the held-out rows")
    if cells.null_count():
        grid = pl.concat([grid, pl.Series(cells.name, [None], dtype=cells.dtype)])
        counted = np.append(counted, cells.null_count())
    return grid, counted / len(cells)


def _through(cells: pl.Series, date: bool) -> tuple[pl.Series, NDArray[np.int64]]:
    """Values that occur, without the outermost 2 %, and the rows nearest to each."""
    values = values_of(cells, date)
    order = np.argsort(values, kind="stable")[: np.isfinite(values).sum()]
    ranked = values[order]
    distinct = np.unique(ranked)
    wanted = distinct if len(distinct) <= POINTS else _spread_out(ranked)
    between = (wanted[1:] + wanted[:-1]) / 2
    counted = np.bincount(np.searchsorted(between, ranked), minlength=len(wanted))
    return cells[order[np.searchsorted(ranked, wanted)]], counted


def _spread_out(ranked: Floats) -> Floats:
    """Points for many values: each that an eighth of the rows has, and quantiles of the other rows."""
    values, counts = np.unique(ranked, return_counts=True)
    heavy = values[counts >= HEAVY_SHARE * len(ranked)]
    others = ranked[~np.isin(ranked, heavy)]
    levels = np.linspace(0.02, 0.98, POINTS - len(heavy))
    return np.union1d(heavy, np.quantile(others, levels, method="nearest"))


def _plain(cell: Any) -> float | int | str | bool | None:
    return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell


def named(dependence: Dependence, classes: Sequence[str]) -> dict[str, Any]:
    """As plain data for the record, the outputs by name."""
    curves = [
        {
            "output": classes[curve.output] if classes else None,
            "mean": curve.mean,
            "low": curve.low,
            "high": curve.high,
            "quantiles": {f"{q:g}": own for q, own in zip(QUANTILES, curve.quantiles, strict=True)},
        }
        for curve in dependence.curves
    ]
    return {**vars(replace(dependence)), "curves": curves}
