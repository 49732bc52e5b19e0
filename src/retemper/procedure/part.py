"""A part of a run that is done as if it were a run: in a folder of its own, its decisions by names of its own.

The trials of two searches have the same numbers, and so their trainings and their decisions the same names. What a
part trains lies in a folder of its own, and what it decides is in the run's log under the part's name, so that a
resumed or a repeated run finds each where it belongs.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

from retemper.core.budget import Budget
from retemper.procedure.book import Book, State


def part_of(book: Book, name: str, parts_left: int = 1) -> Book:
    """The book of a part; where the time is limited it has an even share of what is left.

    Args:
        book: of the run, or of a part of it.
        name: unique in the book.
        parts_left: how many parts share the time, this one included.
    """
    folder, pool = book.folder.part(name), copy(book.pool)
    pool.folder = folder.jobs  # the same processes
    return replace(book, folder=folder, budget=_budget_of(book.budget, name, parts_left), pool=pool)


def paced(book: Book, state: State) -> Book:
    """The book with the pace of a state's rows and columns; what is known of the machine stays known."""
    splits = state.splits
    pace = replace(
        book.pace, n_train=len(splits.train), n_validation=len(splits.validation), shape=state.ready[2].shape
    )
    return replace(book, pace=pace)


def _budget_of(budget: Budget, name: str, parts_left: int) -> Budget:
    mark = f"{name}."
    kept_s = budget.kept_s
    if budget.limited:
        kept_s += max(0.0, budget.left_s()) * (1 - 1 / parts_left)

    def log(event: dict[str, Any]) -> None:
        budget.log({**event, "name": mark + event["name"]})

    made = {own.removeprefix(mark): value for own, value in budget.made.items() if own.startswith(mark)}
    return replace(budget, made=made, log=log, kept_s=kept_s)
