"""One network from a fixed recipe, without the procedure: what the scikit-learn estimators train."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.core import device
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.core.recipe_sections import ColumnKind
from retemper.data.read import Table, read
from retemper.data.roles import class_labels
from retemper.data.schema import UNUSED, Column, Schema, infer
from retemper.data.split import split
from retemper.procedure.jobs import member_of
from retemper.procedure.prepare import Prepared, prepare
from retemper.training.job import Job
from retemper.training.loop import Training
from retemper.training.planning import callbacks_of, plan_of

LEAST_ROWS = 2
LEAST_ROWS_TO_HOLD_OUT = 10
MOST_COPIES = 10
AT_ODDS = 0.05


def fit_single(frame: pl.DataFrame, recipe: Recipe) -> Model:
    """Train one network in this process, on the CPU or the device the recipe names.

    The fit depends on the rows, not on their order. A row of weight 0 is left out; weights that are all whole
    numbers count observations, a row of weight 3 being three rows (up to 10 a row on average; larger ones, like
    fractions, weigh the row's loss).

    With ``training.patience_epochs`` above 0 and 10 rows or more, a share of them (``split.validation``) is held
    out, training stops after so many epochs without gain there, and the best epoch's parameters are kept. Copies
    of a row are held out together, for who has seen one knows the others; but where rows of the same cells differ in
    their target, as in a table of a few categories, a copy is an observation like any other.

    Args:
        frame: 2 rows or more, target included; one class or a constant target is let in for regression alone.
        recipe: with ``data.target`` and ``data.task``; ``data.weight``, ``data.kinds`` and ``data.drop`` are used.

    Raises:
        InputError: the rows or an option are at fault.

    >>> from retemper.core.recipe import build
    >>> rows = pl.DataFrame({"x": [k / 40 for k in range(40)], "y": [k / 20 for k in range(40)]})
    >>> recipe = build({"data.target": "y", "data.task": "regression", "training.epochs": 30, "model.width": 16})
    >>> fit_single(rows, recipe).predict(rows).shape
    (40,)
    """
    table, recipe = _observations(read(frame, recipe.data.target), recipe)
    schema = _schema(table, recipe)
    held_out = np.zeros(table.frame.height, dtype=bool)
    if recipe.training.patience_epochs:
        held_out = _held_out(table, schema, recipe)
    train, validation = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    prepared = prepare(table.frame, schema, recipe, train, validation)
    with _one_thread():
        part = _train(recipe, prepared, len(train), validating=bool(len(validation)))
    return Model(schema, prepared.preparer, prepared.target, recipe, (part,))


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


@contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch with one thread while a network trains (see :func:`retemper.core.device.one_thread`), then as before."""
    before = torch.get_num_threads()
    device.one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(recipe: Recipe, prepared: Prepared, rows: int, validating: bool) -> Part:
    training = recipe.training.model_dump(mode="json")
    training["batch_size"] = recipe.training.batch_size or batch_size_for(rows)
    job = Job(
        name="single",
        data="",
        model=recipe.model.as_plain(),
        training=training,
        members=(member_of(recipe, 0),),
        seed=recipe.seed,
        epochs=recipe.training.epochs,
        device=recipe.device,
    )
    plan = plan_of(job, prepared.arrays, validating)
    (fit,) = Training(plan, callbacks_of(plan, lambda share, text: None, None, None)).run()
    loss = fit.val_loss if validating else fit.history[-1]["train_loss"]
    if not math.isfinite(loss) or not torch.isfinite(fit.row).all():
        raise InputError(
            "no_model",
            "The network did not stay finite in training, so there is no model.",
            None,
            "Lower learning_rate, or look for huge values in the columns and the target.",
        )
    return Part(job.model, fit.row.cpu(), 1.0)


def batch_size_for(rows: int) -> int:
    """A power of two near rows / 40, between 32 and 256: some 40 steps an epoch where rows are few.

    >>> batch_size_for(500), batch_size_for(5000), batch_size_for(1_000_000)
    (32, 64, 256)
    """
    power = max(1, rows // 40).bit_length() - 1
    return int(2 ** min(8, max(5, power)))
