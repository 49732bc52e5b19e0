"""How much of the target one column explains by itself."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import rankdata

from retemper.data.sampled import Codes, Floats, Goals, is_ordered, level_codes, ordered_cells
from retemper.data.schema import Column

COARSE_BINS = 32
ROWS_A_FINE_BIN = (12, 4)
PRIOR_ROWS = 0.1


def explained_alone(cells: pl.Series, column: Column, goals: Goals) -> Floats:
    """The share of the target's variance that one column's bins explain, as :meth:`Goals.explained` gives it.

    A row is predicted by the mean of the *other* rows of its bin (leave-one-out, drawn towards the mean of all
    rows by the weight of a tenth of a row), so that bins of few rows earn nothing by chance. Levels are bins;
    numbers and dates are cut at quantiles, into 32 bins and into bins of 12 and of 4 rows, and the best counts.
    Missing cells are a bin of their own.

    >>> from retemper.data.schema import Column
    >>> goals = Goals.of(pl.Series(["a", "b"] * 50), classes=True)
    >>> cells = pl.Series("x", [1.0, 2.0] * 50)
    >>> explained_alone(cells, Column("x", "number", 0, 2, ""), goals).round(2).tolist()
    [1.0, 1.0, 1.0]
    """
    if not is_ordered(column):
        return _by_bins(level_codes(cells), goals)
    x = ordered_cells(cells, column)
    sizes = {COARSE_BINS, *(max(COARSE_BINS, len(x) // rows) for rows in ROWS_A_FINE_BIN)}
    return np.max([_by_bins(quantile_bins(x, bins), goals) for bins in sorted(sizes)], axis=0)  # type: ignore[no-any-return]


def quantile_bins(x: Floats, bins: int) -> Codes:
    """Bins with equally many rows, one a value where the values are few; missing cells have the last one.

    >>> quantile_bins(np.array([5.0, 1.0, 3.0, np.nan]), 2).tolist()
    [1, 0, 0, 2]
    """
    missing = np.isnan(x)
    distinct = np.unique(x[~missing])
    if len(distinct) <= bins:
        codes = np.searchsorted(distinct, np.where(missing, np.inf, x))
        return codes.astype(np.int64)
    place = rankdata(np.where(missing, np.inf, x), "min") - 1
    codes = place * bins // max(1, int((~missing).sum()))
    return np.where(missing, bins, np.minimum(codes, bins)).astype(np.int64)


def _by_bins(bins: Codes, goals: Goals) -> Floats:
    rows = np.bincount(bins)
    sums = np.stack([np.bincount(bins, y, len(rows)) for y in goals.y.T], axis=1)
    others = (rows[bins] - 1 + PRIOR_ROWS)[:, None]
    predicted = (sums[bins] - goals.y + PRIOR_ROWS * goals.y.mean(axis=0)) / others
    return goals.explained(predicted)
