"""The rows of a fit of one network: put in order, some held out to stop by, prepared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.recipe_sections import ColumnKind
from retemper.data.read import Table, read
from retemper.data.roles import class_labels
from retemper.data.schema import UNUSED, Column, Schema, infer
from retemper.data.split import split
from retemper.procedure.prepare import Prepared, prepare

LEAST_ROWS = 2
LEAST_ROWS_TO_HOLD_OUT = 10
MOST_COPIES = 10
AT_ODDS = 0.05


@dataclass(frozen=True)
class Ready:
    """Rows prepared for one network.

    Args:
        schema: of the table.
        recipe: the weight left out where counts were written out as rows.
        prepared: the preparer, the target and the arrays.
        rows: to train on.
        validating: whether rows are held out to stop by.
    """

    schema: Schema
    recipe: Recipe
    prepared: Prepared
    rows: int
    validating: bool


def ready(frame: pl.DataFrame, recipe: Recipe) -> Ready:
    """Prepare the rows of a fit, see :func:`retemper.procedure.single.fit_single`.

    Raises:
        InputError: the rows or an option are at fault.
    """
    table, recipe = _observations(read(frame, recipe.data.target), recipe)
    schema = _schema(table, recipe)
    held_out = np.zeros(table.frame.height, dtype=bool)
    if recipe.training.patience_epochs:
        held_out = _held_out(table, schema, recipe)
    train, validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    prepared = prepare(table.frame, schema, recipe, train, validation)
    return Ready(schema, recipe, prepared, len(train), bool(len(validation)))


def _observations(table: Table, recipe: Recipe) -> tuple[Table, Recipe]:
    """The rows in the order of their cells, counts written out; a recipe without a weight where they were."""
    rows, name = table.frame, recipe.data.weight
    if name is not None:
        rows = rows.filter(rows[name] > 0)
        weight = rows[name]
        if (weight == weight.floor()).all() and weight.sum() <= MOST_COPIES * len(weight):
            copies = np.repeat(np.arange(rows.height), weight.to_numpy().astype(np.int64))
            rows = rows.drop(name)[copies]
            recipe = recipe.with_changes({"data.weight": None})
    assert recipe.data.target is not None
    last = [recipe.data.target, *filter(None, [recipe.data.weight])]
    rows = pl.DataFrame([*rows.drop(last), *(rows[column] for column in last)])
    return replace(table, frame=rows.sort(pl.all())), recipe


def _schema(table: Table, recipe: Recipe) -> Schema:
    name, task, weight = recipe.data.target, recipe.data.task, recipe.data.weight
    assert name is not None
    assert task != "auto"
    features = replace(table, frame=table.frame.drop(name, *filter(None, [weight])), target=None)
    columns = infer(features, recipe.data.replaced(target=None, weight=None), LEAST_ROWS)
    if all(column.kind in UNUSED for column in columns.columns):
        raise InputError(
            "no_features",
            f"None of the {len(columns.columns)} columns varies, so there is nothing to learn from.",
            None,
            "Give columns that describe the rows.",
        )
    labels = tuple(map(str, class_labels(table.frame[name]))) if task == "classification" else ()
    if len(labels) == 1:
        raise InputError(
            "one_class",
            "The rows (of weight above 0) are of one class only: there is nothing to tell apart.",
            None,
            "Give rows of at least two classes.",
        )
    kind: ColumnKind = "category" if labels else "number"
    target = Column(name, kind, 0, table.frame[name].n_unique(), f"the task is {task}")
    return replace(columns, target=target, task=task, classes=labels, weight=weight)


def _held_out(table: Table, schema: Schema, recipe: Recipe) -> NDArray[np.bool_]:
    """Which rows [N] are held out to stop by; ``table`` is sorted, so that copies of a row are neighbours."""
    assert schema.target is not None
    features = table.frame.drop(schema.target.name, *filter(None, [schema.weight]))
    new_cells = _differs_from_row_before(features)
    first = new_cells | _differs_from_row_before(table.frame.select(schema.target.name))
    few = first.sum() < LEAST_ROWS_TO_HOLD_OUT
    if few or first.sum() > (1 + AT_ODDS) * new_cells.sum():
        first[:] = True
    held_out = np.zeros(int(first.sum()), dtype=bool)
    if len(held_out) >= LEAST_ROWS_TO_HOLD_OUT:
        units = replace(table, frame=table.frame.filter(pl.Series(first)))
        share = recipe.split.replaced(test=recipe.split.validation)
        # The split's test rows are the ones held out here; nothing is tested.
        held_out[split(units, schema, share, recipe.seed).open_test()] = True
    of_row: NDArray[np.bool_] = held_out[np.cumsum(first) - 1]
    return of_row


def _differs_from_row_before(frame: pl.DataFrame) -> NDArray[np.bool_]:
    differs = np.zeros(frame.height, dtype=bool)
    differs[0] = True
    for column in frame.iter_columns():
        differs |= column.ne_missing(column.shift(1)).to_numpy()
        if differs.all():
            break
    return differs


def batch_size_for(rows: int) -> int:
    """A power of two near rows / 40, between 32 and 256: some 40 steps an epoch where rows are few.

    >>> batch_size_for(500), batch_size_for(5000), batch_size_for(1_000_000)
    (32, 64, 256)
    """
    power = max(1, rows // 40).bit_length() - 1
    return int(2 ** min(8, max(5, power)))
