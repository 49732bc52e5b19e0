"""Missing cells: where, which columns together, and whether the target differs where a cell is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from retemper.report.table.cells import Cells, Floats

BLOCKS = 60
MOST_COLUMNS, MOST_PAIRS, MOST_TOLD = 60, 12, 12
LEAST_TOGETHER = 0.3
LEAST_CELLS = 20


def where_missing(columns: Sequence[Cells]) -> dict[str, Any]:
    """The columns with gaps, most gaps first, and the share of missing cells in each block of rows.

    Args:
        columns: in the order of the table's rows.

    Returns:
        ``columns``: at most 60 of ``{"name", "cells", "share", "blocks"}``; ``of``: how many have gaps; ``blocks``.

    >>> found = where_missing([Cells("x", "number", np.array([1, np.nan, 3, 4.0]))])
    >>> found["columns"][0]["cells"], found["columns"][0]["blocks"]
    (1, [0.0, 1.0, 0.0, 0.0])
    """
    gaps = {own.name: own.gaps for own in columns}
    counts = {name: int(gap.sum()) for name, gap in gaps.items() if gap.any()}
    order = sorted(counts, key=lambda name: -counts[name])
    rows = len(columns[0].values) if columns else 0
    edges = np.linspace(0, rows, min(BLOCKS, rows) + 1).astype(int)
    shown = [
        {
            "name": name,
            "cells": counts[name],
            "share": counts[name] / rows,
            "blocks": np.round(np.add.reduceat(gaps[name], edges[:-1]) / np.diff(edges), 3).tolist(),
        }
        for name in order[:MOST_COLUMNS]
    ]
    return {"columns": shown, "of": len(order), "blocks": len(edges) - 1, "rows": rows}


def missing_together(columns: Sequence[Cells]) -> list[dict[str, Any]]:
    """Pairs of columns whose gaps come in the same rows: φ of "missing or not", from .3 on, strongest first.

    Among the 60 columns with the most gaps.
    """
    gaps = {own.name: own.gaps for own in columns}
    names = sorted(
        (name for name, gap in gaps.items() if gap.any() and not gap.all()), key=lambda n: -gaps[n].sum()
    )
    names = names[:MOST_COLUMNS]
    if len(names) < 2:
        return []
    x = np.stack([gaps[name] for name in names]).astype(np.float64)
    strength = np.atleast_2d(np.corrcoef(x))
    both = x @ x.T
    pairs = [
        {"one": names[i], "other": names[j], "strength": float(strength[i, j]), "rows": int(both[i, j])}
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if strength[i, j] >= LEAST_TOGETHER
    ]
    return sorted(pairs, key=lambda pair: -float(pair["strength"]))[:MOST_PAIRS]  # type: ignore[arg-type]  # a number


def target_where_missing(columns: Sequence[Cells], target: Cells | None) -> list[dict[str, Any]]:
    """The target's mean (or the share of one class) where a cell is missing and where it is not, with 95 % intervals.

    Of two classes the rarer is told, of more the one whose share differs most. The columns with the surest
    difference come first.

    Returns:
        ``{"name", "class", "missing": number, "present": number, "z"}`` with *number* ``{"value", "low", "high"}``;
        ``z`` is the difference in standard errors; at most 12 columns with 20 cells on each side.
    """
    if target is None:
        return []
    known = ~target.gaps
    found = []
    for own in columns:
        sides = [own.gaps & known, ~own.gaps & known]
        if min(int(side.sum()) for side in sides) < LEAST_CELLS or own.name == target.name:
            continue
        found.append({"name": own.name, **_largest_difference(target, sides)})
    return sorted(found, key=lambda entry: -abs(entry["z"]))[:MOST_TOLD]


def _largest_difference(target: Cells, sides: Sequence[Any]) -> dict[str, Any]:
    if not target.levels:
        return _difference(target.values, sides) | {"class": None}
    told = [
        _difference((target.values == k).astype(np.float64), sides) | {"class": level}
        for k, level in enumerate(target.levels[:MOST_TOLD])
        if len(target.levels) > 2 or k == 1
    ]
    return max(told, key=lambda entry: abs(entry["z"]))


def _difference(values: Floats, sides: Sequence[Any]) -> dict[str, Any]:
    reach = float(norm.ppf(0.975))
    parts = [values[side] for side in sides]
    means = [float(part.mean()) for part in parts]
    errors = [float(part.std(ddof=1) / len(part) ** 0.5) for part in parts]
    shown = [
        {"value": mean, "low": mean - reach * error, "high": mean + reach * error}
        for mean, error in zip(means, errors, strict=True)
    ]
    error, apart = (errors[0] ** 2 + errors[1] ** 2) ** 0.5, means[0] - means[1]
    z = apart / error if error else math.copysign(math.inf, apart) if apart else 0.0
    return {"missing": shown[0], "present": shown[1], "z": z}
