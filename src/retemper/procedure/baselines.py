"""Step 2: the honest marks that a network must beat."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from retemper.core import interrupt
from retemper.core.records import Step
from retemper.core.seeds import generator
from retemper.data.inputs import Inputs
from retemper.evaluation.baseline_rows import BaselineRows
from retemper.evaluation.baselines import fit_baselines
from retemper.evaluation.metrics import main_metric, metrics
from retemper.procedure.book import Book, State
from retemper.procedure.prepare import weights
from retemper.training.arrays import SplitArrays
from retemper.training.pages import first_of_each, gathered

SHARE_OF_LIMIT = 0.1
"""Baselines may use a tenth of the time limit."""
MOST_ROWS = 250_000
"""Of more rows a sample is fitted on, and scored: a mark that is a few thousandths off is a mark all the same."""


def rows_of(state: State, frame: pl.DataFrame, done: Inputs | None = None) -> BaselineRows:
    """Rows as the baselines read them; ``done`` are the same rows prepared, where that is done already."""
    # Treatments of the columns may come later: the baselines go on reading what they were fitted on.
    preparer, target = state.baseline_preparer or state.ready[0], state.ready[1]
    numbers, levels = preparer.plain(frame)
    inputs = preparer.transform(frame) if done is None else done
    numbers = np.concatenate([numbers, inputs.dense[:, preparer.spoken]], axis=1)
    weight = weights(state.schema, frame).astype(float) if state.schema.weight else None
    return BaselineRows(
        numbers, levels, preparer.encoded(inputs, places=False), target.encode(frame[target.name]), weight
    )


def drawn(rows: int, seed: int, purpose: str) -> NDArray[np.int64]:
    """Places of at most ``MOST_ROWS`` among so many rows, drawn by the seed, in order.

    >>> drawn(3, 0, "any"), len(drawn(1_000_000, 0, "any"))
    (array([0, 1, 2]), 250000)
    """
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(generator(seed, purpose).choice(rows, MOST_ROWS, replace=False))


def _part(state: State, rows: NDArray[np.int64], own: SplitArrays, name: str) -> BaselineRows:
    """A part of the rows that is small enough, with every class that the part has."""
    place = drawn(len(rows), state.recipe.seed, f"baseline rows of {name}")
    if state.task == "classification" and len(place) < len(rows):
        place = np.union1d(place, first_of_each(own.y))
    done = Inputs(gathered(own.dense, place), gathered(own.codes, place))
    return rows_of(state, state.table.frame[rows[place]], done)


def run(book: Book, state: State) -> tuple[State, Step]:
    """A constant, a linear model, gradient boosting; scored on validation here, on the test in test_once."""
    _, target, arrays = state.ready
    train = _part(state, state.splits.train, arrays.train, "train")
    validation = _part(state, state.splits.validation, arrays.validation, "validation")
    stop_at = book.budget.elapsed_s() + SHARE_OF_LIMIT * (book.budget.limit_s or math.inf)
    cut: list[str] = []

    def allowed(name: str, share: float) -> bool:
        interrupt.check()
        book.reporter.progress(None, f"{name.replace('_', ' ')}, {share:.0%}")
        place = f"baselines.{name}.{share:.4f}"
        refuse = book.budget.decide(
            place, lambda left: not math.isinf(left) and book.budget.elapsed_s() > stop_at
        )
        cut.extend([name] if refuse else [])
        return not refuse

    # Boosting's threads wait for each other: on a busy machine two are slower than one.
    with threadpool_limits(1):
        fitted = fit_baselines(state.task, train, validation, len(target.classes), allowed, state.recipe.seed)
    metric = main_metric(state.task)
    scores = {
        name: metrics(state.task, validation.y, baseline.predict(validation), validation.weight)
        for name, baseline in fitted.items()
    }
    marks = {name: own[metric] for name, own in scores.items()}
    best = min(marks, key=lambda name: marks[name])
    named = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in marks.items())
    evidence = {
        "metric": metric,
        "validation": scores,
        "best": best,
        "cut_short": cut,
        "rows": {"train": len(train), "validation": len(validation)},
        "fitted": {name: baseline.message for name, baseline in fitted.items()},
    }
    message = f"Marks to beat on the validation rows ({metric}): {named}."
    if cut:
        names = " and ".join(name.replace("_", " ") for name in dict.fromkeys(cut))
        message += f" A tenth of the time limit was not enough for {names}: "
        message += (
            "a weaker mark than with more time." if set(cut) <= set(fitted) else "weaker marks, or none."
        )
    return state.with_(baselines=fitted, baseline_losses=marks, baseline_preparer=state.preparer), Step(
        "baselines", "pass", message, evidence
    )
