"""A small forest for the checks: predictions for rows that each tree has not seen, from one fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from sklearn.ensemble import ExtraTreesRegressor

from retemper.core.seeds import generator
from retemper.data.sampled import Floats, is_ordered, level_codes, ordered_cells
from retemper.data.schema import Column

TREES = 60
LEAST_LEAF_ROWS = 2
FREE_COLUMNS = 20
TOP_LEVELS = 8


def forest_inputs(frame: pl.DataFrame, columns: Sequence[Column]) -> tuple[Floats, list[str]]:
    """Columns as plain numbers for trees, and the column that each number comes from.

    Numbers and dates are as they are, with NaN for missing; levels become indicators of the 8 most frequent and how
    often the level comes.

    Returns:
        float64 [rows, K], and K names.
    """
    blocks, names = [], []
    for column in columns:
        own = (
            [ordered_cells(frame[column.name], column)]
            if is_ordered(column)
            else _of_levels(frame[column.name])
        )
        blocks += own
        names += [column.name] * len(own)
    return (np.stack(blocks, axis=1) if blocks else np.empty((frame.height, 0))), names


def _of_levels(cells: pl.Series) -> list[Floats]:
    codes = level_codes(cells)
    rows = np.bincount(codes)
    tops = np.argsort(-rows, kind="stable")[:TOP_LEVELS]
    indicators = [(codes == top).astype(np.float64) for top in tops if rows[top]]
    return [*indicators, rows[codes].astype(np.float64)] if len(rows) > 2 else indicators[:1]


def out_of_bag(x: Floats, y: Floats, purpose: str) -> tuple[Floats, Floats]:
    """Predict each row by the trees whose bootstrap sample left it out (extremely randomised trees).

    Geurts et al. 2006, "Extremely randomized trees"; 60 trees grown to 2 rows a leaf.

    Args:
        x: [rows, K], NaN for missing; at least one column.
        y: [rows, G] goals.
        purpose: keys the random numbers.

    Returns:
        predictions [rows, G], and each column's importance [K].

    >>> x = np.arange(200.0)[:, None]
    >>> bool(abs(out_of_bag(x, x, "test")[0] - x).mean() < 2)
    True
    """
    share = min(1.0, max(FREE_COLUMNS, 2 * x.shape[1] ** 0.5) / x.shape[1])
    forest = ExtraTreesRegressor(
        TREES,
        min_samples_leaf=LEAST_LEAF_ROWS,
        max_features=share,
        bootstrap=True,
        oob_score=True,
        random_state=int(generator(0, purpose).integers(2**31)),
    )
    spread = y.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    scaled = (y - y.mean(axis=0)) / scale
    # Trees split numbers in float32; a value beyond its range would be refused.
    x = np.clip(x, -np.finfo(np.float32).max, np.finfo(np.float32).max)
    forest.fit(x, scaled if y.shape[1] > 1 else scaled[:, 0])
    predicted: Floats = forest.oob_prediction_.reshape(y.shape) * scale + y.mean(axis=0)
    return predicted, np.asarray(forest.feature_importances_)
