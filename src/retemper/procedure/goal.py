"""What a decision is for: the class that counts, the costs of mistakes, the metric; by the recipe and the target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retemper.core.errors import InputError, nearest
from retemper.core.recipe_sections import DecisionOptions
from retemper.data.propose import Proposal
from retemper.data.schema import Schema
from retemper.evaluation.costs import Costs
from retemper.evaluation.resampling import draws
from retemper.evaluation.threshold import Rule, best_cut
from retemper.procedure.book import State
from retemper.procedure.contenders import EVERY
from retemper.procedure.rows import groups_that_judge

Floats = NDArray[np.float64]
IMBALANCED = 3.0
"""From this ratio of the largest to the smallest class on, class weights are worth a trial."""
YAML_WORDS = {"True": ("true", "yes", "on", "y"), "False": ("false", "no", "off", "n")}
"""What YAML reads as a truth value where a person wrote a label."""
Label = str | bool | int | float


def check(schema: Schema, options: DecisionOptions) -> None:
    """Whether the options fit the target; call it before anything is trained.

    Raises:
        InputError: ``not_binary``, ``not_classes``, ``unknown_class``, or ``bad_costs``.
    """
    if options.costs is not None:
        if not schema.classes:
            raise InputError(
                "not_classes",
                "decision.costs needs a target of classes, but this one is a number.",
                {"option": "decision.costs"},
                "Leave it out, or choose a target of classes.",
            )
        cost_table(options.costs, schema.classes)
    wanted = [name for name in ("positive", "metric") if getattr(options, name) not in (None, "none")]
    wanted += [name for name in ("cost_false_positive", "cost_false_negative") if getattr(options, name)]
    if not wanted:
        return
    if len(schema.classes) != 2:
        has = f"has {len(schema.classes)} classes" if schema.classes else "is a number"
        several = bool(schema.classes) and wanted[0].startswith("cost")
        raise InputError(
            "not_binary",
            f"decision.{wanted[0]} needs a target of two classes, but this one {has}.",
            {"option": f"decision.{wanted[0]}"},
            "Name each mistake's cost in decision.costs."
            if several
            else "Leave it out, or choose a target of two classes.",
        )
    if options.positive is not None:
        code_of(options.positive, schema.classes, "decision.positive")


def cost_table(named: dict[str, dict[str, float]], classes: tuple[str, ...]) -> Costs:
    """The cost of every mistake: as named, else 1; a right call costs 0.

    Raises:
        InputError: ``unknown_class``, or ``bad_costs``.

    >>> cost_table({"ill": {"well": 9}}, ("ill", "well")).matrix
    ((0.0, 9.0), (1.0, 0.0))
    """
    table = 1.0 - np.eye(len(classes))
    for true, own in named.items():
        for called, cost in own.items():
            table[code_of(true, classes, "decision.costs"), code_of(called, classes, "decision.costs")] = cost
    if table.diagonal().any() or not table.any():
        rule = "a right call must cost 0" if table.any() else "some mistake must cost more than 0"
        raise InputError(
            "bad_costs",
            f"decision.costs can't be used: {rule}.",
            {"option": "decision.costs"},
            "Write {true class: {predicted class: cost}}, for mistakes alone.",
        )
    return Costs(tuple(tuple(row) for row in table.tolist()))


def costs_of(state: State) -> Costs | None:
    """What mistakes cost, where the recipe says so: by ``costs``, or by those of false positives and negatives."""
    options, classes = state.recipe.decision, state.ready[1].classes
    if options.costs is not None:
        return cost_table(options.costs, classes)
    if not options.two_costs:
        return None
    positive, table = positive_code(state), np.zeros((2, 2))
    table[1 - positive, positive] = options.cost_false_positive or 1.0
    table[positive, 1 - positive] = options.cost_false_negative or 1.0
    return Costs(tuple(tuple(row) for row in table.tolist()))


def rule_of(state: State) -> Rule | None:
    """What the threshold of two classes is chosen for; ``None``: there is none to choose."""
    options, costs = state.recipe.decision, costs_of(state)
    if costs is None:
        return None if options.metric == "none" else Rule(options.metric, precision=options.precision or 0.0)
    if len(state.ready[1].classes) != 2:
        return None
    positive, table = positive_code(state), costs.table
    return Rule(
        "cost",
        false_positive=float(table[1 - positive, positive]),
        false_negative=float(table[positive, 1 - positive]),
    )


def positive_code(state: State) -> int:
    """The code of the class that counts: the named one, else the rarer."""
    _, target, _ = state.ready
    named = state.recipe.decision.positive
    return (
        int(np.argmin(target.prior)) if named is None else code_of(named, target.classes, "decision.positive")
    )


def code_of(label: Label, classes: tuple[str, ...], option: str) -> int:
    """The class that a person's label means: as written, as YAML read it, or the same number.

    Raises:
        InputError: ``unknown_class``.

    >>> code_of(True, ("no", "yes"), "decision.positive"), code_of(1, ("0.0", "1.0"), "decision.positive")
    (1, 1)
    """
    word = str(label)
    if word in classes:
        return classes.index(word)
    same = [name.lower() in YAML_WORDS.get(word, ()) for name in classes]
    if not any(same) and (value := _number(label)) is not None:
        same = [_number(name) == value for name in classes]
    if not any(same):
        raise InputError(
            "unknown_class",
            f"{option} names {word!r}, which is no class of the target.",
            {"option": option},
            nearest(word, list(classes)).capitalize(),
        )
    return same.index(True)


def _number(label: Label) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def imbalance_treatments(state: State) -> list[Proposal]:
    """Class weights and resampling worth a race, judged by :func:`goal_gain`; none where log loss decides or classes
    are even.

    Both shift probabilities towards rare classes, which can only harm log loss, so nothing is proposed without a
    goal. In expectation they are the same; resampling spreads rare rows over more batches, and leaves out others.
    """
    if rule_of(state) is None:
        return []
    _, target, _ = state.ready
    share = np.asarray(target.prior)
    ratio = float(share.max() / share.min())
    options = state.recipe.training.loss.options
    as_they_are = [getattr(options, name, None) == "none" for name in ("class_weights", "resampling")]
    if not all(as_they_are) or ratio < IMBALANCED:
        return []
    root = np.sqrt(1 / share)
    root /= float(share @ root)
    weights = {name: round(float(w), 4) for name, w in zip(target.classes, root, strict=True)}
    why = f"the largest class has {ratio:.3g} times the rows of the smallest"
    path = "training.loss.class_weights"
    return [
        Proposal("class weights, balanced", why, {path: "balanced"}),
        Proposal("class weights, square root", why, {path: weights}),
        Proposal("classes resampled, square root", why, {"training.loss.resampling": "sqrt"}),
    ]


def goal_gain(state: State, before: Floats, after: Floats) -> tuple[float, float, float]:
    """How much better ``after`` serves the recipe's goal on the rows that judge: gain with its 95 % interval.

    Each half of the rows is decided by the threshold that is best on the other half, so that networks are compared
    by what they can reach, and class weights by more than the shift that a threshold makes as well.

    Args:
        state: with a goal (:func:`rule_of`).
        before, after: probabilities for the rows that judge [N, 2].
    """
    rule, positive = rule_of(state), positive_code(state)
    assert rule is not None
    codes, weights = state.judges(EVERY)
    y, weight = codes == positive, weights.astype(np.float64)
    called = [_called_by_halves(y, p[:, positive].astype(np.float64), rule, weight) for p in (before, after)]
    sides = np.stack([y, ~y, *(c & side for c in called for side in (y, ~y))]) * weight
    drawn = draws(len(y), state.recipe.procedure.bootstrap, state.recipe.seed, groups_that_judge(state))
    totals = [sides.sum(axis=1, keepdims=True), *(sides @ counts for counts in drawn)]
    gains = [rule.value(t[4], t[5], t[0], t[1]) - rule.value(t[2], t[3], t[0], t[1]) for t in totals]
    low, high = np.quantile(np.concatenate(gains[1:]), [0.025, 0.975])
    return float(gains[0][0]), float(low), float(high)


def _called_by_halves(y: NDArray[np.bool_], p: Floats, rule: Rule, weight: Floats) -> NDArray[np.bool_]:
    even = np.arange(len(y)) % 2 == 0
    called = np.zeros(len(y), dtype=bool)
    for half in (even, ~even):
        called[half] = p[half] >= best_cut(y[~half], p[~half], rule, weight[~half])
    return called
