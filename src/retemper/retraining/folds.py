"""Which of the new rows judge which networks: all rows teach, all rows judge, and a few are never trained on."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.folds import folds_of
from retemper.data.schema import Schema
from retemper.retraining.options import RetrainOptions

NEVER = 0
"""The fold that no network trains on: later retrainings judge by it what was learnt today."""
FOLD_ROWS = 8
"""A fold has at least so many rows, or there are fewer folds."""
FEWEST_FOLDS = 2


def dealt(frame: pl.DataFrame, schema: Schema, options: RetrainOptions) -> NDArray[np.int64]:
    """The fold of each new row, 0 … K: networks of fold k don't train on it, and nobody trains on fold 0.

    Classes are spread evenly, rows of one group stay together.

    Args:
        frame: the labelled new rows.
        schema: of the model, with its group column.
        options: ``folds`` is K at most; few rows make it smaller.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"size": [1.5 * i for i in range(30)], "y": ["a", "b", "b"] * 10})
    >>> np.bincount(dealt(table.frame, infer(table, DataOptions(target="y")), RetrainOptions())).tolist()
    [10, 10, 10]
    """
    units = frame.height
    if schema.group is not None and schema.group in frame.columns:
        units = min(units, frame[schema.group].n_unique())
    count = max(FEWEST_FOLDS, min(options.folds, units // FOLD_ROWS - 1))
    folds: NDArray[np.int64] = folds_of(frame, schema, count + 1, 1, options.seed)[0].astype(np.int64)
    return folds
