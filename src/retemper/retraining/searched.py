"""The strategy ``new_search`` carried out: the whole procedure on old and new rows, some set apart to judge."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.load import load
from retemper.bundle.model import Model
from retemper.core.budget import Budget
from retemper.core.progress import SilentReporter
from retemper.core.run_folder import RunFolder
from retemper.data.read import Table
from retemper.procedure import sequence
from retemper.retraining.folds import LEARNT, NEVER
from retemper.retraining.ground import Ground
from retemper.retraining.stacks import Trained

APART = (NEVER, 1)
"""Folds that are set apart: of the new rows a third or so."""


def apart(ground: Ground) -> Ground:
    """The same ground with those rows alone to judge: nothing was trained or chosen with them."""
    rows, old = set_apart(ground), np.isin(ground.old_folds, APART)
    return replace(
        ground,
        new=ground.new.filter(rows),
        past=replace(ground.past, judging=old),
        folds=np.full(int(rows.sum()), NEVER, dtype=np.int64),
        old_folds=np.where(old, NEVER, LEARNT),
    )


def searched(ground: Ground, folder: RunFolder, budget: Budget, scratch: float) -> Trained:
    """A model of the whole procedure, with the champion's recipe as its beginning.

    Args:
        ground: all rows.
        folder: of the retraining; the search is a part of it, with a report of its own.
        budget: the time limit, or none.
        scratch: multiply-adds that a training from scratch takes.

    Returns:
        The model and what it says of the rows that are set apart, see :func:`apart`.
    """
    began = time.perf_counter()
    rows, model = set_apart(ground), ground.grown
    judged = apart(ground)
    teach = pl.concat([ground.new.filter(~rows), judged.taught_old()], how="diagonal_relaxed")
    test = judged.new
    table = Table(
        pl.concat([teach, test], how="diagonal_relaxed"), "search", "the old and new rows", model.target
    )
    own = folder.part("search")
    recipe = model.recipe.with_changes({"keep.rows": 0, "seed": ground.options.seed})
    sequence.run(table, recipe, own, budget, SilentReporter(), own_test_rows=test.height)
    found = load(own.path)
    spent = scratch if found.memory is None or found.memory.work is None else found.memory.work.multiply_adds
    new, old = (_in_order(ground, found, frame) for frame in (test, judged.past.judges))
    return Trained(found, new, old, spent, time.perf_counter() - began)


def set_apart(ground: Ground) -> NDArray[np.bool_]:
    """Which new rows a search does not see."""
    return np.isin(ground.folds, APART)


def _in_order(ground: Ground, model: Model, frame: pl.DataFrame) -> NDArray[np.float64]:
    """Outputs in the grown order of classes."""
    said = model.outputs(frame) if frame.height else ground.said_old[:0]
    if not ground.grown.classes or not frame.height:
        return np.asarray(said)
    spread = np.zeros((len(said), len(ground.grown.classes)))
    spread[:, [ground.grown.classes.index(name) for name in model.classes]] = said
    return spread
