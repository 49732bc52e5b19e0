"""From a person's sources to the start of a retraining."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.grown import Grown, grown
from retemper.bundle.memory.row_hash import row_hashes
from retemper.bundle.model import Model
from retemper.core.errors import InputError, nearest
from retemper.core.recipe_sections import DataOptions
from retemper.data.kinds import demanded_numbers
from retemper.data.read import Table
from retemper.data.rewritten import read_for
from retemper.data.roles import check_weight
from retemper.data.schema import Schema, infer
from retemper.retraining.before import Before
from retemper.retraining.ground import MOST_ROWS, drawn
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import OldRows, Past
from retemper.retraining.sequence import FEWEST_ROWS
from retemper.retraining.sight import weights_of


def before_of(champion: Model, new: Any, old: Any, options: RetrainOptions) -> Before:
    """Read both sources, and make room in the champion for what is new.

    Args:
        champion: the model in force.
        new: rows of now, with or without the target.
        old: labelled rows from before; None: those that the bundle kept.
        options: what the person said.

    Raises:
        InputError: a source can't be read, or lacks columns.
    """
    if options.keep_old is None and champion.recipe.keep.rows:
        options = options.replaced(keep_old=champion.recipe.keep.rows)
    table = read_for(new, champion.schema)
    frame = _counted(table, champion.schema)
    found = _kept(champion) if old is None else _given(champion, old, options)
    known = _by_heart(champion, frame)
    again = frame.filter(known)
    frame = frame.filter(~known)
    past = Past.none(frame)
    if found is not None:
        past = _past(champion, found.with_known(again), frame, options.seed)
    larger = _grown(champion, table, frame, past)
    return Before(champion, larger, frame, past, options, again.height)


def _by_heart(champion: Model, frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Which new rows are like some that the champion was trained on: they could teach, but not judge.

    A share that the filter's false answers explain is no sign of any. Where hardly a row would be left to judge, all
    do: the champion, who knows them, is then hard to beat.
    """
    nobody = np.zeros(frame.height, dtype=bool)
    if champion.memory is None or champion.target not in frame.columns:
        return nobody
    trained = champion.memory.trained
    known = trained.seen(frame, champion.schema) & frame[champion.target].is_not_null().to_numpy()
    few = known.sum() <= 2 * trained.false_yes * frame.height or (~known).sum() < FEWEST_ROWS
    return nobody if few else known


def _past(champion: Model, old: OldRows, new: pl.DataFrame, seed: int) -> Past:
    """Old rows that are not among the new ones too: networks that know them couldn't be judged by those."""
    if champion.target not in new.columns:
        return Past.of(old, seed)
    was, now = (row_hashes(rows, champion.schema, 0) for rows in (old.frame, new))
    both = np.isin(was, now)
    if np.isin(now, was).all():
        return Past.of(old.where(~both), seed)  # the old source holds the new one
    return Past.of(old, seed, both)


def _kept(champion: Model) -> OldRows | None:
    kept = None if champion.memory is None else champion.memory.kept
    if kept is None or not kept.frame.height:
        return None
    rows = OldRows(kept.frame, ~kept.unseen, kept.weights(), kept.as_they_came(), kept.batch, "kept")
    return rows.where(weights_of(champion, kept.frame) > 0)


def _counted(table: Table, schema: Schema) -> pl.DataFrame:
    """The rows of a table; those of weight 0 neither teach nor judge.

    Raises:
        InputError: ``bad_weight``, or ``not_a_number``.
    """
    frame, name = table.frame[:], schema.weight
    if name is None or name not in frame.columns:
        return frame
    check_weight(frame[name], table.source)
    return frame.filter(demanded_numbers(frame[name], table.source) > 0)


def _given(champion: Model, old: Any, options: RetrainOptions) -> OldRows:
    table, target = read_for(old, champion.schema), champion.target
    if target not in table.frame.columns:
        raise InputError(
            "missing_target",
            f"The old rows have no column {target!r}; {nearest(target, table.frame.columns)}",
            {"file": table.source, "column": target},
            "Old rows are learnt from and judged by: give them with their target.",
        )
    known = _counted(table, champion.schema).filter(pl.col(target).is_not_null())
    rows = drawn(known, MOST_ROWS, options.seed, "old rows")
    memory = champion.memory
    return OldRows(rows, None if memory is None else memory.trained.seen(rows, champion.schema))


def _grown(champion: Model, table: Table, new: pl.DataFrame, past: Past) -> Grown:
    """The champion with room for the classes, levels and columns of the new rows."""
    rows = pl.concat([new, past.rows], how="diagonal_relaxed")
    # Without the target: its cells may be missing, or all of one class, and what it means is known.
    inputs = replace(table, frame=new.drop(champion.target, strict=False), target=None)
    clean = DataOptions(clean=champion.recipe.data.clean)
    schema = infer(inputs, clean, least_rows=1) if inputs.frame.width else Schema(())
    return grown(champion, rows, schema)
