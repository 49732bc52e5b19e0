"""Then and now: the columns that have drifted, counted on both sides, for decision.json."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from retemper.bundle.memory.sketches import Sketches, Tally
from retemper.bundle.model import Model
from retemper.core.drift_records import Drift
from retemper.data.cells import as_words
from retemper.data.schema import Column
from retemper.retraining.two_samples.count_tables import Counts
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import numbers_of
from retemper.retraining.two_samples.side_by_side import as_learnt

MOST_PICTURES, BINS, MOST_LEVELS = 12, 12, 12
TAIL = 0.005
"""Of the values at either end so many share the outermost bin."""
OTHERS = "(others)"
Picture = dict[str, Any]


def pictures_of(
    drift: Drift, reference: pl.DataFrame | Sketches, new: pl.DataFrame, model: Model
) -> list[Picture]:
    """How the cells of drifted columns of numbers and levels, and of the target, are spread on both sides.

    Args:
        drift: that was found; its drifted columns are drawn, the worst first, at most twelve.
        reference: rows from before, or the model's sketches of them.
        new: rows of now.
        model: whose schema tells the columns' kinds.

    Returns:
        One a column: ``name``, ``kind`` (``number`` or ``category``), ``edges`` (one more than bins, None where a bin
        is open) or ``levels``, ``then`` and ``now`` (rows in each). Missing cells are not counted.
    """
    schema = model.schema
    known = {column.name: column for column in (*schema.columns, *([schema.target] if schema.target else []))}
    now = as_learnt(new, model).frame
    draw = (
        _from_sketches(reference, now, model)
        if isinstance(reference, Sketches)
        else _from_rows(as_learnt(reference, model).frame, now, model)
    )
    names = dict.fromkeys(column.name for column in drift.drifted)
    drawn = (draw(known[name]) for name in names if name in known)
    return list(islice((picture for picture in drawn if picture is not None), MOST_PICTURES))


def _from_rows(then: pl.DataFrame, now: pl.DataFrame, model: Model) -> Callable[[Column], Picture | None]:
    def draw(column: Column) -> Picture | None:
        name = column.name
        if name not in then.columns or name not in now.columns:
            return None
        if _is_number(column, model):
            return _histogram(name, numbers_of(then[name], column), numbers_of(now[name], column))
        if column.kind in ("datetime", "text"):
            return None
        sides = [as_words(frame[name]).drop_nulls() for frame in (then, now)]
        levels = pl.concat(sides).unique(maintain_order=True).to_list()
        counts = [_level_counts(side, levels) for side in sides]
        return _shares(name, levels, *counts)

    return draw


def _from_sketches(
    sketches: Sketches, frame: pl.DataFrame, model: Model
) -> Callable[[Column], Picture | None]:
    grid, before = sketches.grid, sketches.unseen
    target = model.target
    labels = frame[target] if target in frame.columns else None
    after = grid.tally(frame, None, labels)
    places = {cells.name: number for number, cells in enumerate(grid.columns)}

    def counts(tally: Tally, name: str) -> Counts | None:
        return tally.target if name == target else tally.columns[places[name]]

    def draw(column: Column) -> Picture | None:
        name = column.name
        if name != target and name not in places:
            return None
        cells = grid.target if name == target else grid.columns[places[name]]
        then, now = counts(before, name), counts(after, name)
        if then is None or now is None or cells.kind == "datetime":
            return None
        if cells.ordered:
            return _merged(name, cells.edges, then, now)
        return _shares(name, [*cells.levels, OTHERS], then, now)

    return draw


def _is_number(column: Column, model: Model) -> bool:
    return column.kind == "number" and (column.name != model.target or model.task == "regression")


def _histogram(name: str, then: Floats, now: Floats) -> Picture | None:
    then, now = then[np.isfinite(then)], now[np.isfinite(now)]
    if not len(then) or not len(now):
        return None
    values = np.concatenate([then, now])
    different = np.unique(values)
    if len(different) <= BINS:
        middles = (different[1:] + different[:-1]) / 2
        reach = np.diff(different).min() / 2 if len(different) > 1 else 0.5
        edges = np.concatenate([[different[0] - reach], middles, [different[-1] + reach]])
    else:
        low, high = np.quantile(values, (TAIL, 1 - TAIL)).tolist()
        inner = np.linspace(low, high, BINS + 1)[1:-1]
        edges = np.unique(np.concatenate([[different[0]], inner, [different[-1]]]))
    counts = [np.histogram(side, edges)[0].tolist() for side in (then, now)]
    return {"name": name, "kind": "number", "edges": edges.tolist(), "then": counts[0], "now": counts[1]}


def _merged(name: str, edges: tuple[float, ...], then: Counts, now: Counts) -> Picture:
    """Neighbouring cells of sketches as one bin, about equally many rows in each."""
    both = np.cumsum(then / max(then.sum(), 1) + now / max(now.sum(), 1)) / 2
    of_bin = np.minimum((both * BINS * (1 - 1e-9)).astype(int), BINS - 1)
    starts = np.flatnonzero(np.diff(of_bin, prepend=-1))
    kept = [None, *(edges[start - 1] for start in starts[1:].tolist()), None]
    sides = [np.add.reduceat(side, starts).tolist() for side in (then, now)]
    return {"name": name, "kind": "number", "edges": kept, "then": sides[0], "now": sides[1]}


def _shares(name: str, levels: list[str], then: Counts, now: Counts) -> Picture:
    """The levels with the largest share on either side; all others as one."""
    weight = np.maximum(then / max(then.sum(), 1), now / max(now.sum(), 1))
    order = np.argsort(-weight, kind="stable")
    shown, rest = order[:MOST_LEVELS], order[MOST_LEVELS:]
    sides = [[*side[shown].tolist(), *([int(side[rest].sum())] if len(rest) else [])] for side in (then, now)]
    words = [*(levels[k] for k in shown), *([OTHERS] if len(rest) else [])]
    return {"name": name, "kind": "category", "levels": words, "then": sides[0], "now": sides[1]}


def _level_counts(cells: pl.Series, levels: list[str]) -> Counts:
    places = cells.replace_strict(levels, range(len(levels)), return_dtype=pl.Int64).to_numpy()
    return np.bincount(places, minlength=len(levels))
