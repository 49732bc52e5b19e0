"""Units slips: some rows of a column in cents instead of euros, in inches instead of centimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from retemper.core.records import Finding, NotApplicable
from retemper.data.check_columns import listed
from retemper.data.sampled import Floats, Goals, ordered_cells, sample_rows
from retemper.data.schema import Schema

FACTORS = {
    10.0: "10", 100.0: "100", 1000.0: "1,000", 1e6: "1,000,000", 2.54: "2.54 (inches and centimetres)",
    25.4: "25.4 (inches and millimetres)", 1.609344: "1.609 (miles and kilometres)",
    2.2046: "2.205 (pounds and kilograms)", 28.3495: "28.35 (ounces and grams)", 3.28084: "3.281 (feet and metres)",
    12.0: "12 (months and years, inches and feet)", 60.0: "60 (minutes and hours, seconds and minutes)",
    3600.0: "3,600 (seconds and hours)", 24.0: "24 (hours and days)", 4.184: "4.184 (joules and calories)",
    3.78541: "3.785 (gallons and litres)",
}  # fmt: skip
MIN_ROWS = 100
MIN_DISTINCT = 20
MOST_ROWS = 20_000
MOST_COLUMNS = 200
RIDGE = 1e-3
MIN_SLIPPED, MIN_SHARE, MOST_SHARE = 8, 0.003, 0.45
SPREADS = 3.0
REACH = 0.35
"""Around each of the two groups, in shares of the distance."""
WIDE_STEP, WIDE_REACH = 6.9, 0.48
"""Of groups a factor of 1,000 apart, which hardly come by chance, each may be wider."""
OFF_CENTRE = 0.12
BETWEEN_SHARE = 0.1
ROUNDS = 3


@dataclass(frozen=True)
class Slip:
    """``cells`` of a column seem to be ``factor`` times too large (or too small, where below 1)."""

    factor: float
    cells: int
    spread: float


def units_slips(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns in which some cells are 10, 100, 1,000, 2.54, 1.609, … times what the other columns let expect.

    Each positive column's logarithm is compared with the best linear prediction from all others and the target. Cells
    in another unit stand as a group of their own at the distance log(factor), as narrow as the rest, with a gap
    between the two. At most 20,000 rows; where a column's own spread is as wide as the factor, nothing can be said.

    Raises:
        NotApplicable: no column of positive numbers with 20 values or more, or fewer than 100 rows.
    """
    if frame.height < MIN_ROWS:
        raise NotApplicable(f"{frame.height} rows are fewer than the {MIN_ROWS} that groups need")
    frame = frame[sample_rows(frame.height, MOST_ROWS, "units")]
    logs, names, positive = _logarithms(frame, schema)
    if not positive:
        raise NotApplicable(f"no column holds positive numbers of {MIN_DISTINCT} values or more")
    found: dict[str, Slip] = {}
    spreads = {i: logs[:, i] - np.nanmedian(logs[:, i]) for i in positive}
    rest = _unpredicted(logs, positive)
    for i in positive:
        slip = slipped(spreads[i]) or slipped(rest[:, positive.index(i)])
        if slip is not None:
            found[names[i]] = slip
    if not found:
        return None
    worst = max(found, key=lambda name: found[name].cells)
    slip = found[worst]
    size = FACTORS[slip.factor if slip.factor > 1 else _nearest(1 / slip.factor)]
    than = "larger" if slip.factor > 1 else "smaller"
    return Finding(
        "units_slips",
        "warning",
        0.6,
        f"Columns in which some cells seem to be in another unit: {listed(list(found))}; {slip.cells} cells of "
        f"{worst!r} are {than} by a factor of {size}.",
        {
            "columns": {
                name: {"factor": one.factor, "cells": one.cells, "spread_log": round(one.spread, 4)}
                for name, one in found.items()
            },
            "rows": frame.height,
            "cells_from": MIN_SLIPPED,
            "share_from": MIN_SHARE,
        },
    )


def slipped(distance: Floats) -> Slip | None:
    """The factor that sets a group of cells apart from the rest, if any.

    Args:
        distance: log of each cell over what was expected, NaN for unknown, [rows].

    >>> random = np.random.default_rng(0)
    >>> x = random.normal(0, 0.1, 500)
    >>> x[:20] += np.log(100)
    >>> slipped(x).factor, slipped(x[20:]) is None
    (100.0, True)
    """
    x = distance[np.isfinite(distance)]
    if len(x) < MIN_ROWS:
        return None
    middle = np.median(x)
    spread = 1.4826 * float(np.median(np.abs(x - middle)))
    if spread <= 0:
        return None
    found = [
        slip
        for factor in FACTORS
        for sign in (1, -1)
        if (slip := _group(x - middle, factor**sign, float(np.log(factor)) * sign, spread))
    ]
    return max(found, key=lambda slip: slip.cells, default=None)


def _group(x: Floats, factor: float, step: float, spread: float) -> Slip | None:
    reach = max(REACH, SPREADS * spread / abs(step))
    if reach > (WIDE_REACH if abs(step) > WIDE_STEP else REACH):
        return None
    away = np.abs(x - step) <= SPREADS * spread
    cells = int(away.sum())
    if not max(MIN_SLIPPED, MIN_SHARE * len(x)) <= cells <= MOST_SHARE * len(x):
        return None
    place = x * np.sign(step)
    between = (place > reach * abs(step)) & (place < (1 - reach) * abs(step))
    beyond = (place > reach * abs(step)) & ~away & ~between
    centred = abs(float(np.median(x[away])) - step) <= min(OFF_CENTRE * abs(step), spread)
    if not centred or between.sum() > BETWEEN_SHARE * cells or beyond.sum() > BETWEEN_SHARE * cells:
        return None
    return Slip(factor, cells, spread)


def _nearest(factor: float) -> float:
    return min(FACTORS, key=lambda one: abs(one - factor))


def _logarithms(frame: pl.DataFrame, schema: Schema) -> tuple[Floats, list[str], list[int]]:
    """Positive columns as logarithms, others as they are, the target last; which of the first are to be judged."""
    columns = [c for c in schema.features() if c.kind == "number" and c.distinct >= MIN_DISTINCT][
        :MOST_COLUMNS
    ]
    parts: list[Floats] = []
    names, positive = [], []
    for column in columns:
        x = ordered_cells(frame[column.name], column)
        known = x[~np.isnan(x)]
        if len(known) < MIN_ROWS:
            continue
        if known.min() > 0:
            positive.append(len(parts))
            x = np.log(x)
        parts.append(x)
        names.append(column.name)
    if schema.target is not None:
        goals = Goals.of(frame[schema.target.name], schema.task == "classification").y
        if schema.task == "regression" and goals[:, 0].min() > 0:
            goals = np.log(goals)
        parts += list(goals.T)
    return (np.stack(parts, axis=1) if parts else np.empty((frame.height, 0))), names, positive


def _unpredicted(x: Floats, judged: list[int]) -> Floats:
    """What a linear prediction from all other columns leaves of each judged one.

    With P the inverse of the covariance, (x P)ⱼ / Pⱼⱼ is column j minus its best prediction from the others.
    Three rounds, each without the cells that were far off in the one before.
    """
    middle = np.nanmedian(x, axis=0)
    filled = np.where(np.isnan(x), middle, x) - middle
    scale = filled.std(axis=0)
    filled /= np.where(scale > 0, scale, 1.0)
    left = np.empty((len(x), len(judged)))
    clipped = filled
    for _ in range(ROUNDS):
        centred = clipped - clipped.mean(axis=0)
        precision = np.linalg.inv(centred.T @ centred / len(x) + RIDGE * np.eye(x.shape[1]))
        residual = (filled @ precision / np.diag(precision))[:, judged]
        left = residual - np.median(residual, axis=0)
        near = 1.4826 * np.median(np.abs(left), axis=0) * SPREADS
        clipped = clipped.copy()
        # A far cell is replaced by what was expected of it, so that the next round learns from the rest.
        clipped[:, judged] = np.where(np.abs(left) > near, filled[:, judged] - left, filled[:, judged])
    return np.where(np.isnan(x[:, judged]), np.nan, left * scale[judged])
