"""What the model in force remembers after a retraining: the rows it knows now, how it stands, rows to keep."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.memory.kept import Kept, tenths_of
from retemper.bundle.memory.record import Memory, Work
from retemper.bundle.memory.sketches import Grid, Sketches
from retemper.bundle.memory.trained import Trained
from retemper.bundle.memory.waiting import waiting
from retemper.bundle.model import Model
from retemper.retraining.before import Before
from retemper.retraining.forgetting import Matrix
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.harm.measured import standings
from retemper.retraining.harm.rows import Rows
from retemper.retraining.sight import groups_in

Flags = NDArray[np.bool_]
FEWEST_TO_COUNT = 40
"""Fewer new rows are no sketch of the present."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a promoted challenger learnt from, and how it did where it had not.

    Args:
        taught: [new rows] which of them trained it.
        judged: the rows that it was judged by.
        honest: what it says of the new ones of these, by networks that have not seen them.
        work: multiply-adds of training such networks from scratch on all rows.
    """

    taught: Flags
    judged: Ground
    honest: Floats
    work: float


def remembering(
    before: Before, ground: Ground | None, model: Model, learnt: Learnt | None, matrix: Matrix
) -> Model:
    """The model with its memory brought up to date.

    Rows of this batch are kept as far as the user lets rows be kept, whoever won: a challenger that was not good enough
    today is helped by them tomorrow.

    Args:
        before: with the champion and its memory.
        ground: the rows by what they were used for; None: nothing was trained.
        model: in force from now on.
        learnt: of the challenger, where it is promoted; None: the champion stays.
        matrix: what the models in force were worth on every batch, the last of them this one where it has labels.
    """
    if before.options.keep_old is not None:
        # The recipe goes with the model: later retrainings keep as many.
        model = replace(model, recipe=model.recipe.with_changes({"keep.rows": before.options.keep_old}))
    old, schema = before.champion.memory, model.schema
    trained = Trained.drawn(before.options.seed) if old is None else old.trained
    if learnt is None or ground is None:
        kept = _kept(before, ground, model, trained, len(matrix) - 1)
        if old is None and kept is None:
            return model
        memory = Memory(trained) if old is None else old
        return replace(model, memory=replace(memory, kept=kept, matrix=matrix))
    taught = ground.new.filter(learnt.taught)
    taught_old = learnt.judged.taught_old()
    for rows in (taught, taught_old):
        trained = trained.with_rows(rows, schema) if rows.height else trained
    networks = len(model.parts)
    count = taught.height + taught_old.height
    memory = Memory(
        trained,
        standings(_said(model, learnt), before.options.seed),
        Work(count, networks, model.recipe.training.epochs * networks, learnt.work),
        _kept(before, ground, model, trained, len(matrix) - 1, learnt.taught),
        _sketches(model, learnt) if model.recipe.keep.sketches else None,
        matrix,
    )
    return replace(model, memory=memory)


def _said(model: Model, learnt: Learnt) -> Rows:
    ground, honest = learnt.judged, learnt.honest
    called = model.decision.codes(honest) if model.classes else None
    group = groups_in(model, ground.new)
    return Rows.of(model.task, honest, ground.y_new, called=called, weight=ground.weight_new, group=group)


def _sketches(model: Model, learnt: Learnt) -> Sketches | None:
    """Counts of the new rows: one half says where cells are cut, the other is counted, so that the counts are fair."""
    ground = learnt.judged
    if model.classes != ground.grown.classes or ground.new.height < FEWEST_TO_COUNT:
        return None
    cut = np.arange(ground.new.height) % 2 == 0
    y = np.asarray(ground.y_new, dtype=np.float64)
    rows = ground.new.filter(~cut)
    # New rows may lack what they may lack for the champion; of such a column nothing is known.
    there = tuple(column for column in model.schema.columns if column.name in rows.columns)
    schema = replace(model.schema, columns=there)
    grid = Grid.fit(ground.new.filter(cut), schema, learnt.honest[cut], y[cut])
    return Sketches(grid, grid.tally(rows, learnt.honest[~cut], rows[model.target]))


def _kept(
    before: Before,
    ground: Ground | None,
    model: Model,
    trained: Trained,
    batch: int,
    taught: Flags | None = None,
) -> Kept | None:
    """The reservoir with the rows of this batch in it; ``taught``: which of them trained the model in force."""
    memory, most = before.champion.memory, model.recipe.keep.rows
    kept = None if memory is None else memory.kept
    if not most:
        return None
    kept = _begun(before, model, most) if kept is None else kept
    kept = (
        kept.now_trained(kept.unseen & trained.seen(kept.frame, model.schema)) if kept.frame.height else kept
    )
    rows = before.labelled if ground is None else ground.new
    kept, aside = waiting(kept, before.grown.aside.rows, model.target_codec)
    unseen = np.ones(rows.height, dtype=bool) if taught is None else ~taught
    if aside.height:  # until there are enough of a class
        rows = pl.concat([rows, aside], how="diagonal_relaxed")
        unseen = np.concatenate([unseen, np.ones(aside.height, dtype=bool)])
    if not rows.height:
        # Fewer may be kept from now on than were.
        rows = kept.frame.clear()
    if not rows.width:
        return kept
    return kept.updated(rows, unseen, batch, most, model.schema)


def _begun(before: Before, model: Model, most: int) -> Kept:
    """A reservoir of the old rows that were given."""
    target, past = model.target_codec, before.past
    sides = [(past.rows.filter(~past.judging), False), (past.judges, past.known == "unseen")]
    edges: tuple[float, ...] = ()
    if target.task == "regression":
        first = next((rows for rows, _ in sides if rows.height), before.labelled)
        edges = (
            tenths_of(np.asarray(target.encode(first[target.name]), dtype=np.float64)) if first.height else ()
        )
    kept = Kept(before.options.seed, edges)
    for rows, unseen in sides:
        if rows.height:
            kept = kept.updated(rows, np.full(rows.height, unseen), 0, most, model.schema)
    return kept
