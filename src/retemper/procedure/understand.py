"""What the model has learnt and where it fails: a look at it through rows that it has not learnt from.

Not a step with a verdict: :func:`run` gives plain data, which result.json holds as ``understanding``. Intervals are of
95 %; *number* stands for ``{"value", "low", "high"}``, [G] for a list over the grid. The metric is log loss, or RMSE in
the target's units. A part that was left out is ``{"left_out": why}`` instead.

.. code-block:: text

    {"metric": "log_loss" | "rmse",
     "rows": held out in all, "networks": in the model,

     "importance": {                # the rise of the metric when cells change places between rows
       "rows", "repeats", "of": columns in all; wide tables are screened first,
       "columns": [                 # the largest rise first
         {"column", "rise": number, "used": whether rise.low > 0,
          "related": [{"column", "association": Cramér's V, .5 to 1}]}],
       "together": [{"columns": […], "rise": number}]},      # columns that go with each other, moved as one

     "dependence": {                # of the 6 most important columns
       "rows", "networks": networks (bags of them) behind the intervals,
       "left_out": [{"column", "why"}],
       "columns": [
         {"column", "kind", "rows", "members",
          "grid": [G] numbers, ISO dates, levels; null is a missing cell,
          "share": [G] of the rows,
          "curves": [{"output": class, or null for a regression,
                      "mean": [G], "low": [G], "high": [G],
                      "quantiles": {"0.1": [G], "0.25": …, "0.5": …, "0.75": …, "0.9": …}}]}]},    # of single rows

     "slices": {                    # found on one half of the rows, measured on the other
       "rows", "columns": columns searched, "searched": slices, "confirmed": how many of these:
       "slices": [                  # the largest gap.low first
         {"words", "rows", "share", "metric", "elsewhere", "p_value", "confirmed": whether gap.low > 0,
          "gap": number; these intervals hold for all slices together,
          "surplus": number, classes: the metric less what the model itself expects there,
          "bias": number, regression: mean of target − prediction,
          "conditions": [{"column", "words", "op": "range" | "level" | "rare" | "missing",
                          "low", "high", "level"}]}]},

     "surprising": {
       "rows": looked at,
       "typical_error": number; null for classes,
       "largest": [                 # the largest loss first
         {"row": in the table, from 1, "loss", "cells": {column: text or null},
          "expected": label or value in the table, "predicted": label (as the decision calls it) or value,
          "probability": of the expected class, "confidence": in the predicted one; null for a regression,
          "low", "high": least and most that single networks (bags) give for it; null with one,
          "deviations": error in robust standard deviations; null for classes}],
       "counts": [{"threshold", "found", "expected", "low", "high"}]},    # as evaluation.surprising.Yardstick

     "more_data": {
       "answer": "yes" | "no" | "can't tell", "why",
       "have": rows to train on, "width": units of the curve's networks at most,
       "points": [{"rows", "value", "low", "high"}],
       "law": {"a", "b", "c"} of a + b·(rows / rows of the last point)^−c,
       "gain": number, by twice the rows there are, "doubled": number, the metric then,
       "floor": number, with endless rows}}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.budget import Budget
from retemper.core.records import NotApplicable, to_json
from retemper.data.dates import as_days
from retemper.evaluation import partial_dependence, surprising
from retemper.evaluation.bands import Bands, bands_of
from retemper.evaluation.held_out import HeldOut
from retemper.evaluation.importance import (
    MOST_COLUMNS,
    Importance,
    permutation_importance,
    relations,
    screened,
    together,
)
from retemper.evaluation.metrics import main_metric
from retemper.evaluation.slices import LEAST_ROWS, surplus, worst_slices
from retemper.procedure import sample_sizes
from retemper.procedure.answer_time import AnswerTime, answer_time
from retemper.procedure.book import Book, State
from retemper.procedure.more_data import more_data
from retemper.procedure.unseen import held_out_rows

MOST_ROWS = 40_000
"""Held-out rows that are looked at, for slices and surprises."""
IMPORTANCE_ROWS, LEAST_IMPORTANCE_ROWS = 2_000, 300
MOST_CELLS = 300_000_000
"""Cells that are prepared for importance: very wide tables get fewer rows."""
DEPENDENCE_COLUMNS, DEPENDENCE_ROWS = 6, 200
SHOWN_CELLS = 10
SHARE_OF_LIMIT = 0.04
"""Of the time limit, set aside from the start for importance and dependence."""
SHARE_OF_TIME = 0.5
"""Of what is left, for each of the two; small tables take far less."""
EFFORTS = ((50, 5, 2_000), (50, 3, 2_000), (25, 3, 1_000), (12, 2, 600), (12, 2, 300))
"""Columns, repeats and rows of importance, by the time there is."""
NO_TIME = "the time left does not allow for it"


def set_aside_s(state: State, budget: Budget) -> float:
    """Seconds of the time limit to keep for looking into the model, its learning curve included."""
    if not state.recipe.procedure.understand:
        return 0.0
    return budget.set_aside_s(SHARE_OF_LIMIT) + sample_sizes.set_aside_s(state, budget)


def run(book: Book, state: State) -> dict[str, Any]:
    """Everything there is to tell about the chosen model; call it when bags and temperature are chosen.

    No test row is looked at. Rows are answered for by networks that have not learnt from them
    (:mod:`retemper.procedure.unseen`); the learning curve trains networks of its own.

    Args:
        book: time and training.
        state: after ``calibrate``, with at least one network chosen.

    Returns:
        plain data in the form above.
    """
    # The learning curve takes back its own part.
    book.budget.kept_s = max(0.0, book.budget.kept_s - book.budget.set_aside_s(SHARE_OF_LIMIT))
    held, rows = held_out_rows(state)
    found: dict[str, Any] = {
        "metric": main_metric(state.task),
        "rows": held.rows,
        "networks": sum(len(bag.networks) for bag, _ in state.chosen),
    }
    some = held.sample(MOST_ROWS, state.recipe.seed, "rows to understand")
    took = answer_time(book, some)
    outputs = some.outputs()
    bands = bands_of(some.frame, some.kinds, LEAST_ROWS)
    ranked: list[str] = []
    unread: set[str] = set()

    def importance() -> dict[str, Any]:
        part = _importance(book, state, some, (outputs, bands), took)
        ranked.extend(entry["column"] for entry in part["columns"])
        # What a treatment has left out, no prediction depends on.
        unread.update(entry["column"] for entry in part["columns"] if not any(entry["rise"].values()))
        return part

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "importance": importance,
        "dependence": lambda: _dependence(book, state, some, [n for n in ranked if n not in unread], took),
        "slices": lambda: _slices(state, some, outputs, (bands, ranked)),
        "surprising": lambda: _surprising(state, some, outputs, rows, ranked),
        "more_data": lambda: more_data(book, state),
    }
    for name, part in parts.items():
        book.reporter.progress(None, f"understanding: {name.replace('_', ' ')}")
        try:
            found[name] = part()
        except NotApplicable as error:
            found[name] = {"left_out": str(error)}
    plain: dict[str, Any] = to_json(found)
    return plain


def _importance(
    book: Book, state: State, held: HeldOut, known: tuple[NDArray[np.float64], list[Bands]], took: AnswerTime
) -> dict[str, Any]:
    outputs, bands = known
    wide = len(held.kinds)
    most = MOST_CELLS // (wide * min(wide, MOST_COLUMNS) * EFFORTS[0][1])
    largest = min(held.rows, IMPORTANCE_ROWS, max(LEAST_IMPORTANCE_ROWS, most))

    def fit_into(left: float) -> list[int] | None:
        for columns, repeats, rows in EFFORTS:
            calls = min(columns, wide) * repeats + 1
            if took.seconds(calls, min(rows, largest)) <= SHARE_OF_TIME * left:
                return [columns, repeats, min(rows, largest)]
        return None

    effort = book.budget.decide("understand.importance", fit_into)
    if effort is None:
        raise NotApplicable(NO_TIME)
    some = held.sample(effort[2], state.recipe.seed, "rows for importance")
    names = screened(held, outputs, bands, effort[0])
    related = relations([own for own in bands if own.column in names])
    groups = together(related)
    alone = permutation_importance(some, [(name,) for name in names], effort[1], seed=state.recipe.seed)
    joint = permutation_importance(some, groups, effort[1], seed=state.recipe.seed) if groups else []
    columns = [
        {
            "column": own.columns[0],
            "rise": _rise(own),
            "used": own.low > 0,
            "related": [{"column": name, "association": v} for name, v in related.get(own.columns[0], ())],
        }
        for own in alone
    ]
    return {
        "rows": some.rows,
        "repeats": effort[1],
        "of": wide,
        "columns": columns,
        "together": [{"columns": own.columns, "rise": _rise(own)} for own in joint],
    }


def _rise(own: Importance) -> dict[str, float]:
    return {"value": own.rise, "low": own.low, "high": own.high}


def _dependence(
    book: Book, state: State, held: HeldOut, ranked: list[str], took: AnswerTime
) -> dict[str, Any]:
    if not ranked:
        raise NotApplicable(
            "no column is known to matter: importance was left out, or none moves a prediction"
        )
    networks = min(len(held.members), partial_dependence.MOST_MEMBERS)
    rows = min(held.rows, DEPENDENCE_ROWS)

    def fit_into(left: float) -> list[int] | None:
        for columns, members in ((DEPENDENCE_COLUMNS, networks), (DEPENDENCE_COLUMNS, 0), (3, 0)):
            asked = took.seconds(columns * (1 + members), partial_dependence.POINTS * rows)
            if asked <= SHARE_OF_TIME * left:
                return [columns, members]
        return None

    effort = book.budget.decide("understand.dependence", fit_into)
    if effort is None:
        raise NotApplicable(NO_TIME)
    held = held if effort[1] else replace(held, members=())
    columns: list[dict[str, Any]] = []
    left_out = []
    for name in ranked[: effort[0]]:
        try:
            own = partial_dependence.partial_dependence(held, name, DEPENDENCE_ROWS, seed=state.recipe.seed)
            columns.append({**partial_dependence.named(own, state.schema.classes), "kind": held.kinds[name]})
        except NotApplicable as error:
            left_out.append({"column": name, "why": str(error)})
    return {
        "rows": rows,
        "networks": max(1, effort[1]),
        "columns": columns,
        "left_out": left_out,
    }


def _slices(
    state: State, held: HeldOut, outputs: NDArray[np.float64], columns: tuple[list[Bands], list[str]]
) -> dict[str, Any]:
    # The important columns first: of many conditions the search takes the first ones.
    order = {name: k for k, name in enumerate(columns[1])}
    bands = sorted(columns[0], key=lambda own: order.get(own.column, len(order)))
    losses = held.losses(outputs)
    found = worst_slices(held, (losses, surplus(held, outputs, losses)), bands, seed=state.recipe.seed)
    aside = "bias" if state.task == "regression" else "surplus"
    slices = [
        {
            "words": own.words,
            "conditions": [asdict(condition) for condition in own.conditions],
            **{key: getattr(own.proof, key) for key in ("rows", "share", "metric", "elsewhere", "p_value")},
            "gap": {"value": own.proof.gap, "low": own.proof.low, "high": own.proof.high},
            aside: asdict(own.aside),
            "confirmed": own.proof.confirmed,
        }
        for own in found.slices
    ]
    return {
        "rows": found.rows,
        "searched": found.searched,
        "columns": found.columns,
        "confirmed": sum(own.proof.confirmed for own in found.slices),
        "slices": slices,
    }


def _surprising(
    state: State, held: HeldOut, outputs: NDArray[np.float64], rows: NDArray[np.int64], ranked: list[str]
) -> dict[str, Any]:
    shown = [*ranked, *(name for name in held.kinds if name not in ranked)][:SHOWN_CELLS]
    labels = state.ready[1].labels
    columns = [(name, as_days(held.frame[name])) for name in shown]
    largest = []
    called = state.decision.codes(outputs) if labels else None
    for own in surprising.most_surprising(held, outputs, called=called):
        facts = asdict(own)
        at = facts.pop("at")
        if labels:
            facts |= {key: str(labels[int(facts[key])]) for key in ("expected", "predicted")}
        cells = {name: None if (cell := own_cells[at]) is None else str(cell) for name, own_cells in columns}
        largest.append({"row": int(rows[held.positions[at]]) + 1, **facts, "cells": cells})
    typical = None
    if state.task == "regression":
        residuals = held.y - outputs
        low, high = surprising.spread_interval(residuals, seed=state.recipe.seed, group=held.group)
        typical = {"value": surprising.spread(residuals), "low": low, "high": high}
    counts = [asdict(own) for own in surprising.yardsticks(held, outputs)]
    return {"rows": held.rows, "typical_error": typical, "largest": largest, "counts": counts}
