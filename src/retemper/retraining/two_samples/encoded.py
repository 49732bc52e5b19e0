"""All columns of a sample of rows as one matrix on one scale, for the tests of all columns together."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import rankdata

from retemper.data.schema import Column
from retemper.retraining.two_samples.count_tables import Counts
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import TwoSamples, levels_of, numbers_of

MOST_INDICATORS = 50
"""A category's most frequent levels that have an indicator of their own."""
ONE_UNIT = 1 / np.sqrt(12)
"""The standard deviation of a rank in 0 ... 1: two levels are as far apart as two ranks on average."""


def encoded(samples: TwoSamples, rows: Counts, indicators: bool) -> Floats:
    """A matrix [rows, D]: columns with an order as their ranks in 0 ... 1, levels as indicators or numbers.

    Ranks need no scale, are not ruled by outliers, and leave a column that is nearly always the same nearly without
    weight. A missing cell has the middle rank and, where any is missing, an indicator. All of it is decided by both
    samples together, so that a permutation of the rows' sides changes nothing.

    Args:
        samples: with at least one column.
        rows: which rows.
        indicators: levels as indicators (for distances), or as their numbers (for trees).
    """
    frame = samples.frame[rows]
    blocks = [_block(frame[column.name], column, indicators) for column in samples.columns]
    return np.concatenate(blocks, axis=1)


def _block(column_cells: pl.Series, column: Column, indicators: bool) -> Floats:
    if column.kind in ("category", "boolean"):
        levels = levels_of(column_cells)
        return _indicators(levels) if indicators else levels[:, None].astype(np.float64)
    cells = numbers_of(column_cells, column)
    missing = np.isnan(cells)
    gaps = [ONE_UNIT * missing] if missing.any() else []
    ranks = np.full(len(cells), 0.5)
    ranks[~missing] = rankdata(cells[~missing]) / max(1, int((~missing).sum()))
    return np.stack([ranks, *gaps], axis=1)


def _indicators(levels: Counts) -> Floats:
    """One column for each of the frequent levels, and for missing cells."""
    first = -1 if (levels < 0).any() else 0
    shown = np.arange(first, min(int(levels.max(initial=first)) + 1, MOST_INDICATORS))
    return np.asarray(ONE_UNIT * (levels[:, None] == shown))
