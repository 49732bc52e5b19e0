"""What a preparation does to the cells of its training rows: counted, with what they were before and are after."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.prepare_options import PrepareOptions
from retemper.data.cells import as_numbers
from retemper.data.histogram import bin_edges
from retemper.data.inputs import needed_cells
from retemper.data.prepare import Preparer
from retemper.data.rewritten import read_numbers
from retemper.data.scaling import Floats

BINS = 20
LEAVES_OUT = {
    "drop": "rows with a number beyond the robust z-score",
    "isolation_forest": "the most isolated rows",
}


def cleaned(preparer: Preparer, frame: pl.DataFrame, options: PrepareOptions) -> list[dict[str, Any]]:
    """The changes that a preparation makes to these rows; none where the options leave all cells as they are.

    Args:
        preparer: fitted with these options.
        frame: the training rows, or a sample of them.
        options: the recipe's.

    Returns:
        for each change ``what`` (placeholder, unit, outlier, gap, row), ``column`` (None: whole rows), ``cells`` (or
        rows), ``before`` and ``after`` in words, and for columns of numbers a ``histogram``: 21 ``edges``, counts
        ``before`` and ``after``.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"size": [*range(99), 5000]})
    >>> options = PrepareOptions(outliers="clip")
    >>> preparer = Preparer.fit(table.frame, infer(table, DataOptions()), options)
    >>> (change,) = cleaned(preparer, table.frame, options)
    >>> change["column"], change["cells"], change["before"], change["after"]
    ('size', 1, '5000', '343.1')
    """
    as_they_are = (options.placeholders, options.units, options.outliers, options.missing)
    if as_they_are == ("keep", "keep", "keep", "indicator"):
        return []
    found = _placeholders(preparer, frame) + _units(preparer, frame) + _numbers(preparer, frame)
    rows = int(preparer.outlying(frame, options).sum())
    if rows:
        before = LEAVES_OUT[options.outliers]
        found.append({"what": "row", "column": None, "cells": rows, "before": before, "after": "left out"})
    return found


def _placeholders(preparer: Preparer, frame: pl.DataFrame) -> list[dict[str, Any]]:
    raw = read_numbers(needed_cells(frame, preparer.columns, is_tidy=False), preparer.written)
    emptied, done = preparer.sentinels.apply(raw)
    found: list[dict[str, Any]] = []
    for one in done:
        own = {"what": one.what, "column": one.column, "cells": one.cells}
        own |= {"before": one.before, "after": one.after}
        if one.column in preparer.numbers:
            own |= _histogram(*(as_numbers(part[one.column]).to_numpy() for part in (raw, emptied)))
        found.append(own)
    return found


def _units(preparer: Preparer, frame: pl.DataFrame) -> list[dict[str, Any]]:
    read = read_numbers(needed_cells(frame, preparer.columns, is_tidy=False), preparer.written)
    raw, _ = preparer.sentinels.apply(read)
    found: list[dict[str, Any]] = []
    for own in preparer.units.columns:
        x = as_numbers(raw[own.column]).fill_null(float("nan")).to_numpy()
        if own.where(x).any():
            after = preparer.units.apply(own.column, x)
            found += _changes("unit", [own.column], x[:, None], after[:, None], own.where(x)[:, None])
    return found


def _numbers(preparer: Preparer, frame: pl.DataFrame) -> list[dict[str, Any]]:
    derived, names = preparer.derived, preparer.raw_names
    x = preparer.cells(frame).number_matrix()[:, : len(names)]
    found: list[dict[str, Any]] = []
    if derived.bounds is not None:
        clipped = derived.bounds.apply(x)
        found += _changes("outlier", names, x, clipped, derived.bounds.beyond(x))
        x = clipped
    if derived.imputer is not None:
        found += _changes("gap", names, x, derived.imputer.apply(x), np.isnan(x))
    return found


def _changes(
    what: str, names: list[str], before: Floats, after: Floats, changed: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """One for each column [rows, F] that has changed cells."""
    return [
        {
            "what": what,
            "column": names[k],
            "cells": int(changed[:, k].sum()),
            "before": _span(before[changed[:, k], k]),
            "after": _span(after[changed[:, k], k]),
            **_histogram(before[:, k], after[:, k]),
        }
        for k in np.flatnonzero(changed.any(axis=0))
    ]


def _span(cells: Floats) -> str:
    if np.isnan(cells).any():
        return "missing"
    low, high = float(cells.min()), float(cells.max())
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _histogram(before: NDArray[Any], after: NDArray[Any]) -> dict[str, Any]:
    """Counts in 20 bins that hold both; nothing where the range is too wide for floats."""
    both = [own[np.isfinite(own)] for own in (before.astype(np.float64), after.astype(np.float64))]
    every = np.concatenate(both)
    with np.errstate(over="ignore"):
        if not len(every) or not np.isfinite(np.ptp(every)):
            return {}
    edges = bin_edges(every, BINS)
    counts = [np.histogram(own, edges)[0].tolist() for own in both]
    return {"histogram": {"edges": edges.tolist(), "before": counts[0], "after": counts[1]}}
