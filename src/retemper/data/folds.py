"""Folds: every row is held out once, by networks that have not seen it."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.data.cells import as_words
from retemper.data.schema import Schema
from retemper.data.whole_units import by_group, groups_of


def folds_of(frame: pl.DataFrame, schema: Schema, count: int, repeats: int, seed: int) -> NDArray[np.uint8]:
    """Deal rows out to folds, several times over.

    Classes have the same share in every fold, to within a row; rows of one group stay together. Repeats differ in
    their draw, so that a row meets other neighbours each time (repeated k-fold).

    Args:
        frame: the rows to deal out, without the test.
        schema: its group column, else its classes, say how.
        count: folds, 2 to 255.
        repeats: 1 or more.
        seed: the run's seed.

    Returns:
        [repeats, rows] the number of each row's fold, from 0; sizes differ by one row at most, groups aside.

    Raises:
        InputError: ``too_few_groups`` for so many folds.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"size": [1.5 * i for i in range(30)], "y": ["a", "b", "b"] * 10})
    >>> folds = folds_of(table.frame, infer(table, DataOptions(target="y")), 5, 2, seed=0)
    >>> folds.shape, np.bincount(folds[0]).tolist(), np.bincount(folds[0][::3]).tolist()
    ((2, 30), [6, 6, 6, 6, 6], [2, 2, 2, 2, 2])
    """
    dealt = np.empty((repeats, frame.height), dtype=np.uint8)
    grouped = groups_of(frame[schema.group], frame_name(schema)) if schema.group else None
    labels = _labels(frame, schema)
    for repeat in range(repeats):
        random = generator(seed, "folds", step=repeat)
        if grouped is not None:
            dealt[repeat] = by_group(grouped, np.full(count, 1 / count), random, frame_name(schema))
            continue
        order = random.permutation(frame.height)
        order = order[np.argsort(labels[order], kind="stable")]
        dealt[repeat, order] = np.arange(frame.height) % count
    return dealt


def frame_name(schema: Schema) -> str:
    """What messages call the rows."""
    return f"rows to train on {schema.target.name!r}" if schema.target else "rows to train on"


def _labels(frame: pl.DataFrame, schema: Schema) -> NDArray[np.int64]:
    if schema.target is None or schema.task != "classification":
        return np.zeros(frame.height, dtype=np.int64)
    return as_words(frame[schema.target.name]).rank("dense").to_numpy().astype(np.int64)
