"""From a table's rows to the arrays that a network learns from: everything fitted on training rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.recipe import Recipe
from retemper.data.prepare import Preparer
from retemper.data.schema import Schema
from retemper.data.target import Target
from retemper.models.layers.inputs import InputShape
from retemper.training import losses
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.class_losses import ClassLoss


@dataclass(frozen=True)
class Prepared:
    """The fitted preparation and the arrays it gives."""

    preparer: Preparer
    target: Target
    arrays: TaskArrays


def prepare(
    frame: pl.DataFrame,
    schema: Schema,
    recipe: Recipe,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
) -> Prepared:
    """Fit the preparer and the target on the training rows, and apply them to both splits.

    Args:
        frame: all rows.
        schema: of the table, with a target.
        recipe: ``prepare`` and ``training.loss`` are used.
        train, validation: row numbers; validation may be empty.
    """
    assert schema.target is not None
    seen = frame[train]
    preparer = Preparer.fit(seen, schema, recipe.prepare)
    target = Target.fit(seen[schema.target.name], schema, recipe.prepare)
    splits = [
        _split(seen, schema, preparer, target, preparer.out_of_fold(seen, schema)),
        _split(frame[validation], schema, preparer, target),
    ]
    # A row that is left out keeps its place and weighs nothing: arrays stay in step with the split's row numbers.
    splits[0].weight[preparer.outlying(seen, recipe.prepare)] = 0.0
    prior = target.prior
    if target.task == "regression":
        prior = (float(np.mean(splits[0].y)), float(np.std(splits[0].y)))
    loss = losses.resolve(recipe.training.loss, target.task, len(target.classes))
    weight = loss.class_weight(target.classes, prior) if isinstance(loss, ClassLoss) else None
    arrays = TaskArrays(
        task=target.task,
        n_classes=len(target.classes),
        shape=InputShape(preparer.width, preparer.n_numbers, preparer.cardinalities, preparer.bins),
        prior=tuple(prior),
        class_weight=None if weight is None else tuple(weight.tolist()),
        train=splits[0],
        validation=splits[1],
    )
    return Prepared(preparer, target, arrays)


def _split(
    frame: pl.DataFrame,
    schema: Schema,
    preparer: Preparer,
    target: Target,
    group_means: NDArray[np.float64] | None = None,
) -> SplitArrays:
    inputs = preparer.transform(frame, group_means)
    y = target.encode(frame[target.name])
    if target.task == "regression":
        y = target.scale(y).astype(np.float32)
    return SplitArrays(inputs.dense, inputs.categories, y, weights(schema, frame))


def weights(schema: Schema, frame: pl.DataFrame) -> NDArray[np.float32]:
    """Sample weights; 1 for every row where the recipe names no column."""
    if schema.weight is None:
        return np.ones(frame.height, dtype=np.float32)
    return frame[schema.weight].cast(pl.Float32).to_numpy(writable=True)
