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


NO_ROWS = np.empty(0, dtype=np.int64)


def outer_folds(book: Book, state: State, repeat: int) -> list[Outer]:
    """Each outer fold of a repeat, with everything that is fitted fitted without its rows.

    A fold is left out where nothing can be judged by it: no class, or no group, would be left to learn from.
    """
    rows = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    count, seed = state.recipe.procedure.nested_folds, state.recipe.seed
    frame = state.table.frame[rows]
    outer = folds_of(frame, state.schema, count, state.recipe.procedure.nested_repeats, seed)[repeat]
    found = []
    for fold in range(count):
        outside = _spared(state, rows, outer == fold)
        learn, judges = rows[~outside], rows[outside]
        aside = _aside(state, learn) if len(judges) else np.zeros(0, dtype=bool)
        if aside.any():
            splits = Splits.seal(learn[~aside], learn[aside], NO_ROWS, state.splits.method)
            own = _prepared(book, state, splits, f"nested.{repeat}.{fold}")
            found.append(Outer(f"nested.{repeat}.{fold}", repeat * count + fold, own, judges))
    return found


def _aside(state: State, learn: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the rows validate: about the run's own share; none where the groups don't allow for it."""
    shares = max(2, round(1 / state.recipe.split.validation))
    frame = state.table.frame[learn]
    if state.schema.group:
        shares = min(shares, frame[state.schema.group].n_unique())
    if shares < 2:
        return np.zeros(len(learn), dtype=bool)
    return _spared(state, learn, folds_of(frame, state.schema, shares, 1, state.recipe.seed)[0] == 0)


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


def _prepared(book: Book, state: State, splits: Splits, name: str) -> State:
    """The state of a run that has these rows only, up to the choice among recipes."""
    place = (book.folder.checkpoints / f"arrays.{name}").resolve()
    prepared = prepare(state.table.frame, state.schema, state.recipe, splits.train, splits.validation, place)
    own = state.with_(
        splits=splits,
        preparer=prepared.preparer,
        target=prepared.target,
        arrays=arrays.save(prepared.arrays, place),
        data_folder=place,
        folds=None,
        trials=(),
        candidates=(),
        chosen=(),
        temperature=1.0,
    )
    return dealt(own, folds_for(own))
