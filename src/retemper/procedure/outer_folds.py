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


@dataclass(frozen=True)
class OuterRows:
    """The rows of one outer fold of one draw.

    Args:
        fold: its number.
        splits: the rows without the fold; there is no test among them.
        judges: the fold's rows, by their numbers in the table.
    """

    fold: int
    splits: Splits
    judges: NDArray[np.int64]


def outer_folds(book: Book, state: State, repeat: int) -> list[Outer]:
    """Each outer fold of a repeat, with everything that is fitted fitted without its rows."""
    options = state.recipe.procedure
    found = []
    for own in outer_rows(state, options.nested_folds, options.nested_repeats, repeat):
        name = f"nested.{repeat}.{own.fold}"
        alone = prepared_alone(book, state, own.splits, name)
        number = repeat * options.nested_folds + own.fold
        found.append(Outer(name, number, dealt(alone, folds_for(alone)), own.judges))
    return found


def outer_rows(state: State, count: int, repeats: int = 1, repeat: int = 0) -> list[OuterRows]:
    """Training and validation rows dealt out to outer folds.

    A fold is left out where nothing can be judged by it: no class, or no group, would be left to learn from.

    Args:
        state: its rows, classes and groups.
        count: outer folds.
        repeats: draws that there are.
        repeat: which of them.
    """
    rows = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    outer = folds_of(state.table.frame[rows], state.schema, count, repeats, state.recipe.seed)[repeat]
    found = []
    for fold in range(count):
        outside = _spared(state, rows, outer == fold)
        learn, judges = rows[~outside], rows[outside]
        aside = _aside(state, learn) if len(judges) else np.zeros(0, dtype=bool)
        if aside.any():
            splits = Splits.seal(learn[~aside], learn[aside], NO_ROWS, state.splits.method)
            found.append(OuterRows(fold, splits, judges))
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


def prepared_alone(book: Book, state: State, splits: Splits, name: str) -> State:
    """The state of a run that has these rows only, before anything is chosen, or dealt out to folds.

    Args:
        book: its folder takes the arrays, as ``arrays.<name>``.
        state: of the whole run.
        splits: the rows.
        name: unique in the folder.
    """
    place = (book.folder.checkpoints / f"arrays.{name}").resolve()
    prepared = prepare(state.table.frame, state.schema, state.recipe, splits.train, splits.validation, place)
    return state.with_(
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
