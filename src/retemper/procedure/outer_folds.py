"""The outer folds of a nested estimate: each with everything that is fitted fitted without its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.data.folds import folds_of
from retemper.data.split import Splits
from retemper.procedure.book import Book, State
from retemper.procedure.cross_fitting import dealt, folds_for
from retemper.procedure.prepare import prepare
from retemper.training import arrays


@dataclass(frozen=True)
class Outer:
    """One outer fold of one repeat.

    Args:
        name: unique in the run, ``nested.<repeat>.<fold>``.
        number: of the fold, counted through the repeats.
        state: the rows without the fold, prepared and dealt out by themselves.
        judges: the fold's rows, by their numbers in the table.
    """

    name: str
    number: int
    state: State
    judges: NDArray[np.int64]


def outer_folds(book: Book, state: State, repeat: int) -> list[Outer]:
    """Each outer fold of a repeat, with everything that is fitted fitted without its rows."""
    rows = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    count, seed = state.recipe.procedure.nested_folds, state.recipe.seed
    frame = state.table.frame[rows]
    outer = folds_of(frame, state.schema, count, state.recipe.procedure.nested_repeats, seed)[repeat]
    found = []
    for fold in range(count):
        outside = _spared(state, rows, outer == fold)
        learn, judges = rows[~outside], rows[outside]
        if not len(judges):
            continue
        found.append(_prepared(book, state, f"nested.{repeat}.{fold}", repeat * count + fold, learn, judges))
    return found


def _spared(state: State, rows: NDArray[np.int64], outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``outside`` without the rows (and their groups) of classes that would have nobody left to learn from."""
    if state.task != "classification":
        return outside
    codes = state.ready[1].encode(state.table.frame[state.ready[1].name][rows])
    absent = outside & ~np.isin(codes, codes[~outside])
    if state.schema.group and absent.any():
        groups = state.table.frame[state.schema.group][rows].rank("dense").to_numpy()
        absent = np.isin(groups, groups[absent])
    return outside & ~absent


def _prepared(
    book: Book, state: State, name: str, number: int, learn: NDArray[np.int64], judges: NDArray[np.int64]
) -> Outer:
    recipe = state.recipe
    shares = max(2, round(1 / recipe.split.validation))
    inner = folds_of(state.table.frame[learn], state.schema, shares, 1, recipe.seed)[0]
    aside = _spared(state, learn, inner == 0)
    splits = Splits.seal(learn[~aside], learn[aside], np.empty(0, dtype=np.int64), state.splits.method)
    place = (book.folder.checkpoints / f"arrays.{name}").resolve()
    prepared = prepare(state.table.frame, state.schema, recipe, splits.train, splits.validation, place)
    own = state.with_(
        splits=splits,
        preparer=prepared.preparer,
        target=prepared.target,
        arrays=arrays.save(prepared.arrays, place),
        data_folder=place,
        folds=None,
        candidates=(),
        chosen=(),
        temperature=1.0,
    )
    return Outer(name, number, dealt(own, folds_for(own)), judges)
