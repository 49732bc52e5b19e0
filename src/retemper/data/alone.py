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


def explained_coarsely(x: Floats, goals: Goals) -> Floats:
    """The largest share of a common goal that each of many columns of numbers explains in 32 bins, all at once.

    As :func:`explained_alone`, but ties are cut as they fall: enough to tell which columns are worth a closer look.

    Args:
        x: [rows, F], NaN for missing (they sort last); ``goals``: of the same rows.

    Returns:
        [F].

    >>> x = np.stack([np.arange(64.0), np.arange(64.0) % 7], axis=1)
    >>> explained_coarsely(x, Goals.of(pl.Series(["a"] * 32 + ["b"] * 32), classes=True)).round(1).tolist()
    [1.0, 0.1]
    """
    rows, columns = x.shape
    bins = min(COARSE_BINS, rows // 2)
    place = np.empty(x.shape, dtype=np.int64)
    np.put_along_axis(
        place, np.argsort(x, axis=0, kind="stable"), np.arange(rows)[:, None] * bins // rows, axis=0
    )
    flat = place + np.arange(columns) * bins
    others = np.bincount(flat.ravel(), minlength=bins * columns)[flat] - 1 + PRIOR_ROWS
    best = np.full(columns, -np.inf)
    for g in goals.common:
        y = goals.y[:, [g]]
        sums = np.bincount(flat.ravel(), np.repeat(y, columns), bins * columns)[flat]
        left = ((y - (sums - y + PRIOR_ROWS * y.mean()) / others) ** 2).sum(axis=0)
        best = np.maximum(best, 1 - left / max(float(((y - y.mean()) ** 2).sum()), 1e-300))
    return best
