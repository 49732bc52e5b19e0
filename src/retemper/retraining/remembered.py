"""What the model in force remembers after a retraining: the rows it knows now, how it stands, rows to keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retemper.bundle.memory.kept import Kept, tenths_of
from retemper.bundle.memory.record import Memory, Work
from retemper.bundle.memory.trained import Trained
from retemper.bundle.model import Model
from retemper.retraining.before import Before
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.harm.measured import standings
from retemper.retraining.harm.rows import Rows


def remembering(
    before: Before, ground: Ground | None, model: Model, promoted: bool, honest: Floats | None, work: float
) -> Model:
    """The model with its memory brought up to date.

    Rows of this batch are kept as far as the user lets rows be kept, whoever won: a challenger that was not good enough
    today is helped by them tomorrow.

    Args:
        before: with the champion and its memory.
        ground: the rows by what they were used for; None: nothing was trained.
        model: in force from now on.
        promoted: whether it is the challenger.
        honest: what the challenger says of the new rows, by networks that have not seen them.
        work: multiply-adds of training such networks from scratch on all rows.
    """
    old, schema = before.champion.memory, model.schema
    trained = Trained.drawn(before.options.seed) if old is None else old.trained
    if not promoted or ground is None or honest is None:
        kept = _kept(before, ground, model, trained, promoted=False)
        return model if old is None and kept is None else replace(model, memory=_with(old, trained, kept))
    taught = ground.new.filter(ground.folds != NEVER)
    for rows in (taught, ground.past.lessons):
        trained = trained.with_rows(rows, schema) if rows.height else trained
    said = Rows.of(
        model.task,
        honest,
        ground.y_new,
        called=model.decision.codes(honest) if model.classes else None,
        weight=ground.weight_new,
    )
    networks = len(model.parts)
    count = taught.height + ground.past.lessons.height
    spent = Work(count, networks, model.recipe.training.epochs * networks, work)
    kept = _kept(before, ground, model, trained, promoted=True)
    return replace(model, memory=Memory(trained, standings(said, before.options.seed), spent, kept))


def _with(old: Memory | None, trained: Trained, kept: Kept | None) -> Memory:
    return Memory(trained, kept=kept) if old is None else replace(old, kept=kept)


def _kept(
    before: Before, ground: Ground | None, model: Model, trained: Trained, promoted: bool
) -> Kept | None:
    """The reservoir with this batch's rows in it."""
    memory, most = before.champion.memory, before.options.keep_old
    kept = None if memory is None else memory.kept
    if most is None:
        most = 0 if kept is None else kept.frame.height
    if not most:
        return None
    kept = _begun(before, model, most) if kept is None else kept
    kept = (
        kept.now_trained(kept.unseen & trained.seen(kept.frame, model.schema)) if kept.frame.height else kept
    )
    rows = before.labelled if ground is None else ground.new
    if not rows.height:
        return kept
    unseen = ground.folds == NEVER if promoted and ground is not None else np.ones(rows.height, dtype=bool)
    return kept.updated(rows, unseen, int(kept.batch.max(initial=0)) + 1, most, model.schema)


def _begun(before: Before, model: Model, most: int) -> Kept:
    """A reservoir of the old rows that were given."""
    target, past = model.target_codec, before.past
    sides = [(past.lessons, False), (past.judges, past.known == "unseen")]
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
