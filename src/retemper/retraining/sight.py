"""Rows as one preparer shows them to networks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.prepare_options import PrepareOptions
from retemper.data.prepare import Preparer
from retemper.data.target import Target
from retemper.data.whole_units import groups_of
from retemper.procedure.prepare import weights
from retemper.training.arrays import SplitArrays


@dataclass(frozen=True, eq=False)
class Sight:
    """Prepared rows.

    Args:
        model: how rows are prepared and what the target's codes mean.
        lessons: the new rows, then the old ones.
    """

    model: Model
    lessons: SplitArrays


def sight_of(model: Model, lessons: pl.DataFrame) -> Sight:
    """Rows prepared by a model's own preparer.

    Args:
        model: with every class that the rows hold.
        lessons: labelled rows.

    Raises:
        InputError: a column is absent, or a cell can't be read as its column's kind.
    """
    return Sight(model, arrays_of(model, lessons))


def arrays_of(model: Model, frame: pl.DataFrame) -> SplitArrays:
    """Labelled rows as a network of this model learns them."""
    target = model.target_codec
    inputs = model.preparer.transform(frame)
    y = target.encode(frame[target.name])
    if target.task == "regression":
        y = target.scale(y).astype(np.float32)
    return SplitArrays(inputs.dense, inputs.categories, y, weights_of(model, frame))


def weights_of(model: Model, frame: pl.DataFrame) -> NDArray[np.float32]:
    """The rows' weights; 1 where their column is absent, as it may be of one of two tables below each other."""
    name = model.schema.weight
    if name is None or name not in frame.columns:
        return np.ones(frame.height, dtype=np.float32)
    return weights(model.schema, frame.with_columns(pl.col(name).fill_null(1)))


def groups_in(model: Model, frame: pl.DataFrame) -> NDArray[np.int64] | None:
    """The number of each row's group; None: rows are independent, or come without their group's column.

    Raises:
        InputError: ``missing_group``: a row has none.
    """
    name = model.schema.group
    return None if name is None or name not in frame.columns else groups_of(frame[name], name)


def refitted(model: Model, frame: pl.DataFrame) -> Model:
    """The model with its preparer, and a regression's scale, fitted anew; its networks don't fit any more.

    Columns that the target tells (group means, words' scores) are left out: the rows that judge a fold would be in
    them.

    Args:
        model: its schema and its recipe are used.
        frame: rows that may be trained on.
    """
    options = model.recipe.prepare
    told: dict[str, object] = {
        "constructed": [name for name in options.constructed if name != "group_mean"],
        "text_scores": False,
        "select": "none",
    }
    plain: PrepareOptions = options.replaced(**told)
    # Rows may lack what they may lack for the champion: columns that came late, and those that are gone.
    preparer = replace(Preparer.fit(frame, model.schema, plain), gone=model.preparer.optional)
    target = model.target_codec
    if target.task == "regression":
        target = Target.fit(frame[target.name], model.schema, plain)
    recipe = model.recipe.with_changes({f"prepare.{name}": value for name, value in told.items()})
    return replace(model, preparer=preparer, target_codec=target, recipe=recipe, parts=())
