"""From a table's rows to the arrays that a network learns from: everything fitted on training rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import shape_of
from retemper.core.recipe import Recipe
from retemper.core.seeds import generator
from retemper.data.cells import chosen
from retemper.data.columns import Frame
from retemper.data.inputs import Inputs
from retemper.data.prepare import Preparer
from retemper.data.schema import Schema
from retemper.data.target import Target
from retemper.training import losses
from retemper.training.arrays import SplitArrays, TaskArrays, joined, write_split
from retemper.training.class_losses import ClassLoss

FIT_ROWS = 250_000
"""Scales, bins and levels of so many rows are as good as of all: a quantile is within .2 % of its rank."""
WINDOW_ROWS = 65_536


@dataclass(frozen=True)
class Prepared:
    """The fitted preparation and the arrays it gives."""

    preparer: Preparer
    target: Target
    arrays: TaskArrays


def prepare(
    frame: Frame,
    schema: Schema,
    recipe: Recipe,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    folder: Path | None = None,
) -> Prepared:
    """Fit the preparer and the target on the training rows, and apply them to both splits.

    Args:
        frame: all rows.
        schema: of the table, with a target.
        recipe: ``prepare``, ``seed`` and ``training.loss`` are used.
        train, validation: row numbers; validation may be empty.
        folder: where the arrays of many rows are written as they come, and mapped; None: all in memory.

    With more than ``FIT_ROWS`` training rows the columns are fitted on that many, drawn by the seed; classes and
    their shares are counted on all.
    """
    assert schema.target is not None
    preparer = Preparer.fit(frame[_drawn(train, recipe)], schema, recipe.prepare, is_tidy=True)
    target = Target.fit(frame[schema.target.name][train], schema, recipe.prepare)
    means, left_out = _of_all(frame, schema, recipe, preparer, train)

    # Columns in memory are read once and whole; of those on disk each window of rows by itself.
    every = preparer.cells(frame, is_tidy=True) if isinstance(frame, pl.DataFrame) else None
    others = [schema.target.name, *([schema.weight] if schema.weight else [])]

    def parts(rows: NDArray[np.int64]) -> Iterator[SplitArrays]:
        for start in range(0, max(1, len(rows)), WINDOW_ROWS):
            place = slice(start, start + WINDOW_ROWS)
            own = None if means is None or rows is not train else means[place]
            if every is None or not isinstance(frame, pl.DataFrame):
                seen = frame[rows[place]]
                cells = preparer.cells(seen, is_tidy=True)
            else:
                seen = chosen(frame, others)[rows[place]]
                cells = every.taken(rows[place])
            part = _split(seen, preparer.inputs(cells, own), schema, target)
            if left_out is not None and rows is train:
                # A row that is left out keeps its place and weighs nothing: arrays stay in step with row numbers.
                part.weight[left_out[place]] = 0.0
            yield part

    splits = [
        joined(list(parts(rows)))
        if folder is None or len(rows) <= WINDOW_ROWS
        else write_split(folder, name, parts(rows), len(rows))
        for name, rows in (("train", train), ("validation", validation))
    ]
    prior = target.prior
    if target.task == "regression":
        prior = (float(np.mean(splits[0].y)), float(np.std(splits[0].y)))
    loss = losses.resolve(recipe.training.loss, target.task, len(target.classes))
    weight = loss.class_weight(target.classes, prior) if isinstance(loss, ClassLoss) else None
    arrays = TaskArrays(
        task=target.task,
        n_classes=len(target.classes),
        shape=shape_of(preparer),
        prior=tuple(prior),
        class_weight=None if weight is None else tuple(weight.tolist()),
        train=splits[0],
        validation=splits[1],
    )
    return Prepared(preparer, target, arrays)


def _drawn(train: NDArray[np.int64], recipe: Recipe) -> NDArray[np.int64]:
    """The training rows to fit on, in their order."""
    if len(train) <= FIT_ROWS:
        return train
    return np.sort(generator(recipe.seed, "rows to fit").choice(train, FIT_ROWS, replace=False))


def _of_all(
    frame: Frame, schema: Schema, recipe: Recipe, preparer: Preparer, train: NDArray[np.int64]
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_] | None]:
    """What some options need all training rows at once for: group means out of fold, and the rows left out."""
    if not preparer.told and recipe.prepare.outliers in ("keep", "clip"):
        return None, None
    seen = frame[train]
    return preparer.out_of_fold(seen, schema), preparer.outlying(seen, recipe.prepare)


def _split(
    frame: pl.DataFrame,
    inputs: Inputs,
    schema: Schema,
    target: Target,
) -> SplitArrays:
    y = target.encode(frame[target.name])
    if target.task == "regression":
        y = target.scale(y).astype(np.float32)
    return SplitArrays(inputs.dense, inputs.categories, y, weights(schema, frame))


def weights(schema: Schema, frame: pl.DataFrame) -> NDArray[np.float32]:
    """Sample weights; 1 for every row where the recipe names no column."""
    if schema.weight is None:
        return np.ones(frame.height, dtype=np.float32)
    return frame[schema.weight].cast(pl.Float32).to_numpy(writable=True)
