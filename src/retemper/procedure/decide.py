"""What the predictions are used for: a threshold, prediction sets and intervals, chosen on validation rows.

Parts of two steps, not a step of its own: :func:`run` belongs to ``calibrate``, after the temperature;
:func:`proof` to ``test_once``; :func:`check` stands before everything, since a wrong label must not cost a run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.errors import InputError, nearest
from retemper.core.recipe_sections import DecisionOptions
from retemper.data.inputs import Inputs
from retemper.data.propose import Proposal
from retemper.data.schema import Schema
from retemper.evaluation.calibration import apply_temperature
from retemper.evaluation.conformal import (
    LEAST_ROWS,
    Quantiles,
    class_scores,
    coverage_score,
    fit_intervals,
    prediction_sets,
)
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import MOST_INPUTS, MOST_ROWS, Kind, features_of, kinds_for
from retemper.evaluation.precision_recall import precision_recall
from retemper.evaluation.resampling import draws
from retemper.evaluation.threshold import Choice, Rule, Threshold, best_cut, choose_threshold, outcome
from retemper.procedure.book import EVERY, Book, State
from retemper.procedure.ensemble import mixed
from retemper.training.arrays import pooled

Floats = NDArray[np.float64]
SECONDS_A_CELL = 1.6e-5
"""Seconds of the boosted difficulty for a row and a column, all six fits, measured on one slow core."""
IMBALANCED = 3.0
"""From this ratio of the largest to the smallest class on, class weights are worth a trial."""
YAML_WORDS = {True: ("true", "yes", "on", "y"), False: ("false", "no", "off", "n")}
"""What YAML reads as a truth value where a person wrote a label."""


def check(schema: Schema, options: DecisionOptions) -> None:
    """Whether the options fit the target; call it before anything is trained.

    Raises:
        InputError: ``not_binary`` or ``unknown_class``.
    """
    wanted = [name for name in ("positive", "metric") if getattr(options, name) not in (None, "none")]
    wanted += [name for name in ("cost_false_positive", "cost_false_negative") if getattr(options, name)]
    if not wanted:
        return
    if len(schema.classes) != 2:
        has = f"has {len(schema.classes)} classes" if schema.classes else "is a number"
        raise InputError(
            "not_binary",
            f"decision.{wanted[0]} needs a target of two classes, but this one {has}.",
            {"option": f"decision.{wanted[0]}"},
            "Leave it out, or choose a target of two classes.",
        )
    if options.positive is not None:
        _code_of(options.positive, schema.classes)


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
    rule = rule_of(options)
    if rule is None:
        return Decision(None, sets, None, options.interval), "", {}
    positive = positive_code(state)
    choice = choose_threshold(y == positive, p[:, positive], rule, state.recipe.seed, weight)
    threshold = None if choice.value is None else Threshold(positive, choice.value)
    decision = Decision(threshold, sets, None, options.interval)
    name = state.ready[1].classes[positive]
    evidence = {"threshold": {"positive": name, "goal": rule.goal, **vars(choice)}}
    return decision, _threshold_words(name, rule, choice), evidence


def proof(
    state: State, model: Model, frame: Any, y: NDArray[Any], outputs: Floats, weight: Floats | None
) -> dict[str, Any]:
    """What the decision comes to on rows that nothing was chosen on: evidence for ``test_once``.

    Args:
        state: gives the seed and the number of resamples.
        model: with its decision.
        frame: the test rows.
        y: their codes or values [N].
        outputs: the model's [N, C] or [N].
        weight: sample weights [N]; ``None``: none are named.

    Returns:
        for classes ``precision_recall``, and ``threshold`` where one decides; for both kinds of target ``interval``:
        wanted and reached coverage (exact 95 % interval), and the mean width or size.
    """
    decision, procedure = model.decision, state.recipe.procedure
    wanted = decision.coverage
    if state.task == "regression":
        if decision.intervals is None or not _allows(decision.intervals.quantiles, wanted):
            return {}
        low, high = model.predict_interval(frame).T
        reached = coverage_score((y >= low) & (y <= high))
        width = float(np.average(high - low, weights=weight))
        return {"interval": {"wanted": wanted, "coverage": reached, "width": width}}
    seed, classes = state.recipe.seed, model.classes
    found: dict[str, Any] = {
        "precision_recall": precision_recall(outputs, y, classes, procedure.bootstrap, seed, weight)
    }
    if decision.sets is not None and _allows(decision.sets, wanted):
        inside = prediction_sets(outputs, decision.sets, wanted)
        reached = coverage_score(inside[np.arange(len(y)), y])
        size = float(np.average(inside.sum(axis=1), weights=weight))
        found["interval"] = {"wanted": wanted, "coverage": reached, "size": size}
    if decision.threshold is not None:
        positive = decision.threshold.positive
        called, rule = decision.codes(outputs) == positive, rule_of(state.recipe.decision)
        half = outputs.argmax(axis=1) == positive
        found["threshold"] = {
            "positive": classes[positive],
            "value": decision.threshold.value,
            "chosen": outcome(y == positive, called, rule, weight),
            "argmax": outcome(y == positive, half, rule, weight),
        }
    return found


def imbalance_treatments(state: State) -> list[Proposal]:
    """Class weights worth a race, judged by :func:`goal_gain`; none where log loss decides or classes are even.

    Weights shift probabilities towards rare classes, which can only harm log loss, so nothing is proposed without a
    goal. Resampling is not proposed: to draw a class more often is, in expectation, to weight it.
    """
    if rule_of(state.recipe.decision) is None:
        return []
    _, target, _ = state.ready
    share = np.asarray(target.prior)
    ratio = float(share.max() / share.min())
    if getattr(state.recipe.training.loss.options, "class_weights", None) != "none" or ratio < IMBALANCED:
        return []
    root = np.sqrt(1 / share)
    root /= float(share @ root)
    weights = {name: round(float(w), 4) for name, w in zip(target.classes, root, strict=True)}
    why = f"the largest class has {ratio:.3g} times the rows of the smallest"
    path = "training.loss.class_weights"
    return [
        Proposal("class weights, balanced", why, {path: "balanced"}),
        Proposal("class weights, square root", why, {path: weights}),
    ]


def goal_gain(state: State, before: Floats, after: Floats) -> tuple[float, float, float]:
    """How much better ``after`` serves the recipe's goal on the rows that judge: gain with its 95 % interval.

    Each half of the rows is decided by the threshold that is best on the other half, so that networks are compared
    by what they can reach, and class weights by more than the shift that a threshold makes as well.

    Args:
        state: with a goal (:func:`rule_of`).
        before, after: probabilities for the rows that judge [N, 2].
    """
    rule, positive = rule_of(state.recipe.decision), positive_code(state)
    assert rule is not None
    codes, weights = state.judges(EVERY)
    y, weight = codes == positive, weights.astype(np.float64)
    called = [_called_by_halves(y, p[:, positive].astype(np.float64), rule, weight) for p in (before, after)]
    sides = np.stack([y, ~y, *(c & side for c in called for side in (y, ~y))]) * weight
    resamples, seed = state.recipe.procedure.bootstrap, state.recipe.seed
    totals = [sides.sum(axis=1, keepdims=True), *(sides @ drawn for drawn in draws(len(y), resamples, seed))]
    gains = [rule.value(t[4], t[5], t[0], t[1]) - rule.value(t[2], t[3], t[0], t[1]) for t in totals]
    low, high = np.quantile(np.concatenate(gains[1:]), [0.025, 0.975])
    return float(gains[0][0]), float(low), float(high)


def _called_by_halves(y: NDArray[np.bool_], p: Floats, rule: Rule, weight: Floats) -> NDArray[np.bool_]:
    even = np.arange(len(y)) % 2 == 0
    called = np.zeros(len(y), dtype=bool)
    for half in (even, ~even):
        called[half] = p[half] >= best_cut(y[~half], p[~half], rule, weight[~half])
    return called


def rule_of(options: DecisionOptions) -> Rule | None:
    """What a threshold is chosen for; ``None``: the likeliest class is predicted."""
    if options.costs:
        positive, negative = options.cost_false_positive or 1.0, options.cost_false_negative or 1.0
        return Rule("cost", false_positive=positive, false_negative=negative)
    return None if options.metric == "none" else Rule(options.metric, precision=options.precision or 0.0)


def positive_code(state: State) -> int:
    """The code of the class that counts: the named one, else the rarer."""
    _, target, _ = state.ready
    named = state.recipe.decision.positive
    return int(np.argmin(target.prior)) if named is None else _code_of(named, target.classes)


def _code_of(label: str | bool | int | float, classes: tuple[str, ...]) -> int:
    words = [str(label)]
    if isinstance(label, bool):
        words += [name for name in classes if name.lower() in YAML_WORDS[label]]
    found = [classes.index(word) for word in words if word in classes]
    if not found and isinstance(label, (int, float)):
        found = [k for k, name in enumerate(classes) if name in (f"{label:g}", f"{float(label)}")]
    if not found:
        raise InputError(
            "unknown_class",
            f"decision.positive names {words[0]!r}, which is no class of the target.",
            {"option": "decision.positive"},
            nearest(words[0], list(classes)).capitalize(),
        )
    return found[0]


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
    if not _allows(intervals.quantiles, coverage):
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


def _allows(quantiles: Quantiles | None, coverage: float) -> bool:
    return quantiles is not None and coverage <= quantiles.levels[-1]


def _threshold_words(name: str, rule: Rule, choice: Choice) -> str:
    goal = rule.goal.replace("_", " ")
    if choice.value is None:
        return f"No threshold gives {name!r} a precision of {rule.precision:g}; the likeliest class is predicted."
    share = f"95 % of resamples: {choice.low:.3g} to {choice.high:.3g}"
    return f"{name!r} is predicted from a probability of {choice.value:.3g} on, for {goal} ({share})."
