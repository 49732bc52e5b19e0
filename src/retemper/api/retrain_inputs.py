"""From a person's sources to the start of a retraining."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
from retemper.data.extend.rare_classes import known_words, rare_classes, without_rare, words_of
from retemper.data.kinds import check_kind, demanded_numbers
from retemper.data.read import Table
from retemper.data.rewritten import read_for, read_numbers, styles_of
from retemper.data.roles import check_weight
from retemper.data.schema import Schema, infer
from retemper.retraining.before import Before
from retemper.retraining.copies import without_copies
from retemper.retraining.ground import MOST_ROWS, drawn
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import OldRows, Past
from retemper.retraining.sequence import FEWEST_ROWS
from retemper.retraining.sight import weights_of

HARDLY = 0.001
"""So improbable is chance no explanation."""


def before_of(champion: Model, new: Any, old: Any, options: RetrainOptions, called: str = "") -> Before:
    """Read both sources, and make room in the champion for what is new.

    Args:
        champion: the model in force.
        new: rows of now, with or without the target.
        old: labelled rows from before; None: those that the bundle kept.
        options: what the person said.
        called: what the new rows are called in errors; empty: by their own file.

    Raises:
        InputError: a source can't be read, or lacks columns.
    """
    if options.keep_old is None and champion.recipe.keep.rows:
        options = options.replaced(keep_old=champion.recipe.keep.rows)
    table = read_for(new, champion.schema)
    table = replace(table, source=called or table.source)
    with in_file(table.source):
        frame, copied = without_copies(_counted(table, champion.schema), champion.schema)
    found = _kept(champion) if old is None else _given(champion, old, options)
    known = _by_heart(champion, frame)
    again = frame.filter(known)
    frame = frame.filter(~known)
    if found is not None:
        found = found.with_known(again)
    aside = rare_classes(
        champion.target_codec, frame, pl.DataFrame() if found is None else found.frame, options.folds + 1
    )
    frame = without_rare(frame, champion.target, aside)
    past = Past.none(frame) if found is None else _past(champion, found, frame, options.seed)
    with in_file(table.source):
        larger = _grown(champion, table, frame, past)
    if aside.classes:
        told = aside.finding(kept=bool(options.keep_old))
        larger = replace(larger, aside=aside, findings=(*larger.findings, told))
    if copied is not None:
        larger = replace(larger, findings=(*larger.findings, copied))
    return Before(champion, larger, frame, past, options, again.height)


def _by_heart(champion: Model, frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Which new rows are like some that the champion was trained on: they could teach, but not judge.

    A share that chance explains is no sign of any: the filter's false answers, and rows of few coarse columns, which
    are equal though nobody copied them. Where hardly a row would be left to judge, all do: the champion, who knows
    them, is then hard to beat.
    """
    nobody = np.zeros(frame.height, dtype=bool)
    if champion.memory is None or champion.target not in frame.columns:
        return nobody
    trained = champion.memory.trained
    known = trained.seen(frame, champion.schema) & frame[champion.target].is_not_null().to_numpy()
    chance = trained.false_yes + _equal_by_chance(row_hashes(frame, champion.schema, 0), trained.rows)
    few = known.sum() <= 2 * chance * frame.height or (~known).sum() < FEWEST_ROWS
    return nobody if few else known


def _past(champion: Model, old: OldRows, new: pl.DataFrame, seed: int) -> Past:
    """Old rows, and which of them judge.

    Those of a class that the champion does not know don't: of such a class it keeps nothing. They are learnt from where
    the class is in new rows; else they have to wait. Those that are among the new rows too don't either: networks that
    know them couldn't be judged by them.
    """
    strange = np.zeros(old.frame.height, dtype=bool)
    if champion.classes:
        words = words_of(old.frame[champion.target])
        strange = ~words.is_in(known_words(champion.target_codec)).to_numpy()
        if strange.any() and champion.target in new.columns:
            now = words_of(new[champion.target]).unique()
            waiting = strange & ~words.is_in(now.implode()).to_numpy()
        else:
            waiting = strange
        old, strange = old.where(~waiting), strange[~waiting]
    if champion.target not in new.columns:
        return Past.of(old, seed)
    was, own = (row_hashes(rows, champion.schema, 0) for rows in (old.frame, new))
    both, again = np.isin(was, own), np.isin(own, was)
    chance = _equal_by_chance(own, len(was))
    if again.all() and chance ** len(own) < HARDLY:
        return Past.of(old.where(~both), seed, strange=strange[~both])  # the old source holds the new one
    if again.sum() <= 2 * chance * len(own):
        return Past.of(old, seed, strange=strange)
    return Past.of(old, seed, both, strange)


def _equal_by_chance(own: NDArray[np.uint64], others: int) -> float:
    """The share of rows that equal one of so many others by chance, told by how many equal one of their own."""
    if not len(own):
        return 0.0
    _, counts = np.unique(own, return_counts=True)
    twins = counts[counts > 1].sum() / len(own)
    return float(1 - (1 - twins) ** (others / len(own)))


def _kept(champion: Model) -> OldRows | None:
    kept = None if champion.memory is None else champion.memory.kept
    if kept is None or not kept.frame.height:
        return None
    rows = OldRows(kept.frame, ~kept.unseen, kept.weights(), kept.as_they_came(), kept.batch, "kept")
    return rows.where(weights_of(champion, kept.frame) > 0)


def _counted(table: Table, schema: Schema) -> pl.DataFrame:
    """The rows of a table, checked cell by cell; those of weight 0 neither teach nor judge.

    Raises:
        InputError: ``bad_weight``, ``not_a_number``, ``infinite_value`` or ``not_a_date``, with the row.
    """
    frame, name = table.frame[:], schema.weight
    check_cells(frame, schema)
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
    with in_file(table.source):
        known = _counted(table, champion.schema).filter(pl.col(target).is_not_null())
    rows = drawn(known, MOST_ROWS, options.seed, "old rows")
    memory = champion.memory
    return OldRows(rows, None if memory is None else memory.trained.seen(rows, champion.schema))


@contextmanager
def in_file(source: str) -> Iterator[None]:
    """What goes wrong in here is said to be in this file: there are two, and a row's number is of one of them."""
    try:
        yield
    except InputError as error:
        if not source or isinstance(error.where, str):
            raise
        where = {"file": source, **(error.where or {})}
        raise InputError(error.code, error.message, where, error.hint) from error


def check_cells(frame: pl.DataFrame, schema: Schema) -> None:
    """Stop at the first cell that is no number or date where the model needs one, while rows can still be counted."""
    kinds = {column.name: column.kind for column in schema.features()}
    if schema.target is not None and schema.task == "regression":
        kinds[schema.target.name] = "number"
    styles = styles_of(schema)
    for name, kind in kinds.items():
        if name in frame.columns and kind in ("number", "datetime"):
            check_kind(read_numbers(frame[name].to_frame(), styles)[name], kind, "")


def _grown(champion: Model, table: Table, new: pl.DataFrame, past: Past) -> Grown:
    """The champion with room for the classes, levels and columns of the new rows."""
    rows = pl.concat([new, past.rows], how="diagonal_relaxed")
    # Without the target: its cells may be missing, or all of one class, and what it means is known.
    inputs = replace(table, frame=new.drop(champion.target, strict=False), target=None)
    clean = DataOptions(clean=champion.recipe.data.clean)
    schema = infer(inputs, clean, least_rows=1) if inputs.frame.width else Schema(())
    return grown(champion, rows, schema)
