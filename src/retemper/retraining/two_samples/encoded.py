"""All columns of a sample of rows as one matrix on one scale, for the tests of all columns together."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from retemper.retraining.two_samples.count_tables import Counts
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import TwoSamples, numbers_of

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
    blocks = []
    for column in samples.columns:
        if column.kind not in ("category", "boolean"):
            blocks.append(_ranks(numbers_of(frame[column.name], column)))
            continue
        levels = samples.levels(column)[rows]
        blocks.append(_indicators(levels) if indicators else levels[:, None].astype(np.float64))
    return np.concatenate(blocks, axis=1)


def _ranks(cells: Floats) -> Floats:
    """Ranks, and an indicator of missing cells where there are any."""
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
