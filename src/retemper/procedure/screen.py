"""Of more columns than rows, those that tell no more than noise are left out at once, where that helps a linear model.

A network on thousands of columns and hundreds of rows learns the noise by heart, and each of its steps costs as much as
a hundred of what is left; a race of networks (:mod:`retemper.procedure.treat`) would cost the whole time limit. So a
linear model races in their place: fitted on training rows with all columns and with the chosen ones, judged by the
validation rows, which had no say in the choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retemper.data.inputs import Inputs
from retemper.evaluation.baseline_rows import BaselineRows
from retemper.evaluation.baselines import fit_baselines
from retemper.evaluation.metrics import main_metric, metrics
from retemper.procedure.book import State
from retemper.procedure.prepare import Prepared, prepare
from retemper.training.arrays import SplitArrays

WIDE_COLUMNS = 1_000
SELECT = "mutual_information"


def is_wide(state: State) -> bool:
    """Whether there are more than 1,000 columns, more columns than rows, and the recipe leaves the choice open."""
    columns, recipe = len(state.schema.features()), state.recipe
    open_ = recipe.data.clean and recipe.prepare.select == "none"
    return open_ and columns > max(WIDE_COLUMNS, len(state.splits.train))


def screened(state: State, every: Prepared) -> tuple[State, Prepared, dict[str, Any]]:
    """Leave out what tells nothing, if a linear model predicts the validation rows better without it.

    Args:
        state: with its splits; see :func:`is_wide`.
        every: all columns, prepared.

    Returns:
        the state, its recipe with ``prepare.select`` where that is kept; what is to be used; and a record: ``columns``,
        ``kept_columns``, ``metric``, ``before``, ``after`` (of the linear model on validation rows), ``verdict`` (kept,
        reverted).
    """
    recipe = state.recipe.with_changes({"prepare.select": SELECT})
    few = prepare(state.table.frame, state.schema, recipe, state.splits.train, state.splits.validation)
    before, after = (_linear_loss(state, own) for own in (every, few))
    better = after < before
    record = {
        "columns": len(every.preparer.columns),
        "kept_columns": len(few.preparer.columns),
        "metric": main_metric(state.task),
        "before": before,
        "after": after,
        "verdict": "kept" if better else "reverted",
    }
    return (state.with_(recipe=recipe), few, record) if better else (state, every, record)


def said(record: dict[str, Any]) -> str:
    """The record in a sentence; empty where all columns stay.

    >>> said({"columns": 5000, "kept_columns": 9, "metric": "log_loss", "before": 0.7, "after": 0.5, "verdict": "kept"})
    '; 4,991 columns that tell no more than noise are left out (a linear model: log_loss 0.7 → 0.5 on validation rows)'
    """
    if record.get("verdict") != "kept":
        return ""
    left_out = record["columns"] - record["kept_columns"]
    return (
        f"; {left_out:,} columns that tell no more than noise are left out (a linear model: {record['metric']} "
        f"{record['before']:.4g} → {record['after']:.4g} on validation rows)"
    )


def _linear_loss(state: State, prepared: Prepared) -> float:
    """The main metric of the linear baseline on the validation rows; a regression's in units of the scaled target."""
    train, validation = (_rows(prepared, own) for own in (prepared.arrays.train, prepared.arrays.validation))
    classes = len(prepared.target.classes)
    found = fit_baselines(state.task, train, validation, classes, lambda name, share: True, state.recipe.seed)
    last = list(found.values())[-1]  # the constant, where no column can be read by a linear model
    scores = metrics(state.task, validation.y, last.predict(validation), validation.weight)
    return float(scores[main_metric(state.task)])


def _rows(prepared: Prepared, own: SplitArrays) -> BaselineRows:
    """Rows for the linear model alone: without raw columns there is no boosting."""
    count = len(own.y)
    dense = prepared.preparer.encoded(Inputs(own.dense[:count], own.codes[:count]), places=False)
    return BaselineRows(
        np.empty((count, 0)), np.empty((count, 0), np.int64), dense, own.y, own.weight.astype(np.float64)
    )
