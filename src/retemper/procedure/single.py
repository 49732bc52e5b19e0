"""One network from a fixed recipe, without the procedure: what the scikit-learn estimators train."""

from __future__ import annotations

import numpy as np
import polars as pl

from retemper.bundle.model import Model, Part
from retemper.core.recipe import Recipe
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure.jobs import member_of
from retemper.procedure.prepare import Prepared, prepare
from retemper.training.job import Job
from retemper.training.loop import Training
from retemper.training.planning import callbacks_of, plan_of


def fit_single(frame: pl.DataFrame, recipe: Recipe) -> Model:
    """Train one network in this process, on the CPU or the device the recipe names.

    With ``training.patience_epochs`` above 0, a share of the rows (``split.validation``) is held out, training
    stops after so many epochs without gain there, and the best epoch's parameters are kept.

    Args:
        frame: the rows, target included.
        recipe: ``data.target`` set.

    Raises:
        InputError: the rows or an option are at fault.

    >>> from retemper.core.recipe import build
    >>> rows = pl.DataFrame({"x": [k / 40 for k in range(40)], "y": [k / 20 for k in range(40)]})
    >>> recipe = build({"data": {"target": "y"}, "training": {"epochs": 30, "batch_size": 16}, "model.width": 16})
    >>> fit_single(rows, recipe).predict(rows).shape
    (40,)
    """
    table = read(frame, recipe.data.target)
    schema = infer(table, recipe.data)
    every = np.arange(frame.height)
    train, validation = every, every[:0]
    if recipe.training.patience_epochs:
        share = recipe.split.replaced(test=recipe.split.validation)
        # The split's test rows are the ones held out here; nothing is tested.
        splits = split(table, schema, share, recipe.seed)
        validation = splits.open_test()
        train = np.sort(np.concatenate([splits.train, splits.validation]))
    prepared = prepare(frame, schema, recipe, train, validation)
    part = _train(recipe, prepared, len(train), validating=bool(len(validation)))
    return Model(schema, prepared.preparer, prepared.target, recipe, (part,))


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
    return Part(job.model, fit.row.cpu(), 1.0)


def batch_size_for(rows: int) -> int:
    """A power of two near rows / 40, between 32 and 256: some 40 steps an epoch where rows are few.

    >>> batch_size_for(500), batch_size_for(5000), batch_size_for(1_000_000)
    (32, 64, 256)
    """
    power = max(1, rows // 40).bit_length() - 1
    return int(2 ** min(8, max(5, power)))
