"""What the predictions are used for: a threshold, costs, prediction sets and intervals, chosen on validation rows.

A part of ``calibrate``, after the temperature. What the recipe wants is in :mod:`retemper.procedure.goal`, what
comes of it on the test rows in :mod:`retemper.procedure.decision_proof`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Score
from retemper.data.inputs import Inputs
from retemper.evaluation.calibration import apply_temperature
from retemper.evaluation.conformal import LEAST_ROWS, Quantiles, class_scores, fit_intervals
from retemper.evaluation.costs import Costs
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import MOST_INPUTS, MOST_ROWS, Kind, features_of, kinds_for
from retemper.evaluation.intervals import paired_gain, units_of
from retemper.evaluation.threshold import Choice, Rule, Threshold, choose_threshold
from retemper.procedure.book import Book, State
from retemper.procedure.contenders import EVERY
from retemper.procedure.ensemble import mixed
from retemper.procedure.goal import costs_of, positive_code, rule_of
from retemper.procedure.rows import groups_that_judge
from retemper.training.arrays import pooled

Floats = NDArray[np.float64]
SECONDS_A_CELL = 1.6e-5
"""Seconds of the boosted difficulty for a row and a column, all six fits, measured on one slow core."""


def run(book: Book, state: State) -> tuple[Decision, str, dict[str, Any]]:
    """Decide on the rows that judge (validation, or held out in folds): (decision, one sentence or none, evidence).

    The networks never trained on these rows; the ensemble and the temperature were chosen on them, which flatters
    little: :func:`proof` shows what holds on the test rows.
    """
    options = state.recipe.decision
    if not state.chosen:
        return Decision(coverage=options.interval), "", {}
    if state.task == "regression":
        return _intervals(book, state)
    p, y, weight = _validation(state)
    sets = Quantiles.of(class_scores(p, y), weight) if len(y) >= LEAST_ROWS else None
    rule, costs = rule_of(state), costs_of(state)
    decision = Decision(None, sets, None, options.interval, costs)
    if rule is not None:
        return _with_threshold(state, decision, rule)
    if costs is None:
        return decision, "", {}
    gain = cost_gain(state, costs, y, p, weight, groups_that_judge(state))
    evidence = {"costs": {"labels": state.ready[1].classes, "matrix": costs.matrix, **gain}}
    chosen, likeliest = gain["chosen"].value, gain["likeliest"].value
    message = f"The class of least expected cost is predicted: {chosen:.4g} a row, {likeliest:.4g} by the likeliest."
    return decision, message, evidence


def cost_gain(
    state: State,
    costs: Costs,
    y: NDArray[np.int64],
    probabilities: Floats,
    weight: Floats | None,
    group: NDArray[np.int64] | None,
) -> dict[str, Any]:
    """Mean cost a row by least expected cost (``chosen``) and by the likeliest class, and the gain; 95 % intervals."""
    called = {"chosen": costs.least(probabilities), "likeliest": probabilities.argmax(axis=1)}
    before, after = (costs.of_rows(y, called[name]) for name in ("likeliest", "chosen"))
    resamples, seed = state.recipe.procedure.bootstrap, state.recipe.seed
    gain = paired_gain(before, after, resamples, seed, weight, group=group)
    units = None if group is None else units_of(group, len(y))
    found: dict[str, Any] = {name: costs.mean(y, own, weight, units) for name, own in called.items()}
    return {**found, "gain": Score(*gain)}


def _with_threshold(state: State, decision: Decision, rule: Rule) -> tuple[Decision, str, dict[str, Any]]:
    p, y, weight = _validation(state)
    positive = positive_code(state)
    group = groups_that_judge(state)
    choice = choose_threshold(y == positive, p[:, positive], rule, state.recipe.seed, weight, group)
    name = state.ready[1].classes[positive]
    evidence = {"threshold": {"positive": name, "goal": rule.goal, **vars(choice)}}
    if choice.value is not None:
        decision = replace(decision, threshold=Threshold(positive, choice.value))
    return decision, _threshold_words(name, rule, choice), evidence


def _validation(state: State) -> tuple[Floats, NDArray[np.int64], Floats | None]:
    """Calibrated probabilities, codes and weights of the validation rows."""
    y, weight = state.judges(EVERY)
    logs = np.log(np.clip(mixed(state.chosen), 1e-30, None))
    weights = weight.astype(np.float64) if state.schema.weight else None
    return apply_temperature(logs, state.temperature), y, weights


def _intervals(book: Book, state: State) -> tuple[Decision, str, dict[str, Any]]:
    preparer, target, arrays = state.ready
    coverage, (y, weights) = state.recipe.decision.interval, state.judges(EVERY)
    if len(y) < LEAST_ROWS:
        return Decision(coverage=coverage), "", {}
    mean = mixed(state.chosen)
    prediction = target.unscale(mean)
    residual = target.unscale(y.astype(np.float64)) - prediction
    rows = arrays.validation if state.folds is None else pooled(arrays)
    encoded = preparer.encoded(Inputs(rows.dense, rows.codes))
    features = features_of(encoded, prediction, _spread(state, mean))
    weight = weights.astype(np.float64) if state.schema.weight else None
    kinds = _affordable(book, kinds_for(features, residual), features.shape)
    intervals, tried = fit_intervals(residual, features, coverage, state.recipe.seed, weight, kinds)
    decision = Decision(intervals=intervals, coverage=coverage)
    evidence = {"interval": {"wanted": coverage, "difficulty": intervals.difficulty.kind, "tried": tried}}
    if not allows(intervals.quantiles, coverage):
        return (
            decision,
            f"{len(residual)} validation rows are too few for {coverage:.0%} intervals.",
            evidence,
        )
    width = tried[intervals.difficulty.kind]["width"]
    message = f"Intervals of {coverage:.0%} are {width:.4g} wide on average ({intervals.difficulty.kind})."
    return decision, message, evidence


def _spread(state: State, mean: Floats) -> Floats:
    """The networks' standard deviation around their mean, row by row [N], in the network's own units.

    With folds few networks judge a row that all of them will predict: their spreads do not compare, so there is
    none.
    """
    if state.folds is not None:
        return np.zeros(len(mean))
    squares = sum(weight * bag.outputs.astype(np.float64) ** 2 for bag, weight in state.chosen)
    return np.sqrt(np.maximum(squares - mean**2, 0))


def _affordable(book: Book, kinds: tuple[Kind, ...], shape: tuple[int, ...]) -> tuple[Kind, ...]:
    seconds = SECONDS_A_CELL * min(shape[0], MOST_ROWS) * min(shape[1], MOST_INPUTS + 2)
    rich = book.budget.decide("decide.boosted", lambda left: bool(seconds <= max(0.6, left / 3)))
    return kinds if rich else tuple(kind for kind in kinds if kind != "boosted")


def allows(quantiles: Quantiles | None, coverage: float) -> bool:
    """Whether there were rows enough for this coverage."""
    return quantiles is not None and coverage <= quantiles.levels[-1]


def _threshold_words(name: str, rule: Rule, choice: Choice) -> str:
    goal = rule.goal.replace("_", " ")
    if choice.value is None:
        return f"No threshold gives {name!r} a precision of {rule.precision:g}; the likeliest class is predicted."
    share = f"95 % of resamples: {choice.low:.3g} to {choice.high:.3g}"
    return f"{name!r} is predicted from a probability of {choice.value:.3g} on, for {goal} ({share})."
