"""What the decision comes to on rows that nothing was chosen on: evidence for ``test_once``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.evaluation.conformal import coverage_score, prediction_sets
from retemper.evaluation.precision_recall import precision_recall
from retemper.evaluation.threshold import outcome
from retemper.procedure.book import State
from retemper.procedure.decide import allows, cost_gain
from retemper.procedure.goal import rule_of
from retemper.procedure.test_rows import Answers

Floats = NDArray[np.float64]
Group = NDArray[np.int64] | None
Parts = list[tuple[str, NDArray[np.bool_]]]
FIFTHS, LEAST_ROWS = 5, 50
MOST_CLASSES = 12


def proof(state: State, model: Model, said: Answers) -> dict[str, Any]:
    """Precision and recall, what the threshold or the costs bring, and whether intervals and sets hold.

    Args:
        state: gives the seed and the number of resamples.
        model: with its decision.
        said: the test rows' targets and what the model says of them.

    Returns:
        for classes ``precision_recall``, and ``threshold`` or ``costs`` where they decide; for both kinds of target
        ``interval``: wanted and reached coverage (95 % interval), the mean width or size, and ``by``: the same for rows
        with small and large predictions, wide and narrow intervals, sets of each size, each class.
    """
    y, outputs, group = said.y, said.outputs, said.group
    weight = said.weight.astype(np.float64) if state.schema.weight else None
    if said.ends is not None:
        return _intervals(model, y, outputs, said.ends, (weight, group))
    if state.task == "regression":
        return {}
    recipe, classes, decision = state.recipe, model.classes, model.decision
    found: dict[str, Any] = {
        "called": decision.said(classes),
        "precision_recall": precision_recall(
            outputs, y, classes, recipe.procedure.bootstrap, recipe.seed, weight, group
        ),
    }
    found |= _sets(model, y, outputs, (weight, group))
    if decision.threshold is not None:
        positive = decision.threshold.positive
        called, rule = decision.codes(outputs) == positive, rule_of(state)
        half = outputs.argmax(axis=1) == positive
        found["threshold"] = {
            "positive": classes[positive],
            "value": decision.threshold.value,
            "chosen": outcome(y == positive, called, rule, weight),
            "argmax": outcome(y == positive, half, rule, weight),
        }
    elif decision.costs is not None:
        found["costs"] = cost_gain(state, decision.costs, y, outputs, weight, group)
    return found


def _intervals(
    model: Model, y: Floats, outputs: Floats, ends: Floats, rows: tuple[Floats | None, Group]
) -> dict[str, Any]:
    low, high = ends.T
    width = high - low
    by = {"prediction": _fifths(outputs), "width": _fifths(width)}
    record = _coverage((y >= low) & (y <= high), width, by, rows)
    return {"interval": {"wanted": model.decision.coverage, "width": record.pop("size"), **record}}


def _sets(
    model: Model, y: NDArray[np.int64], outputs: Floats, rows: tuple[Floats | None, Group]
) -> dict[str, Any]:
    sets, wanted = model.decision.sets, model.decision.coverage
    if sets is None or not allows(sets, wanted):
        return {}
    inside = prediction_sets(outputs, sets, wanted)
    size = inside.sum(axis=1)
    largest = min(3, outputs.shape[1])
    sizes = [(str(k), size == k) for k in range(1, largest)] + [
        (f"{largest}" if largest == outputs.shape[1] else f"{largest} or more", size >= largest)
    ]
    shown = np.argsort(-np.bincount(y, minlength=len(model.classes)), kind="stable")[:MOST_CLASSES]
    own = [(model.classes[k], y == k) for k in np.sort(shown)]
    record = _coverage(inside[np.arange(len(y)), y], size, {"size": sizes, "class": own}, rows)
    return {"interval": {"wanted": wanted, **record}}


def _coverage(
    inside: NDArray[np.bool_], size: NDArray[Any], by: dict[str, Parts], rows: tuple[Floats | None, Group]
) -> dict[str, Any]:
    weight, group = rows

    def some(which: NDArray[np.bool_] | slice) -> dict[str, Any]:
        own = None if weight is None else weight[which]
        units = None if group is None else group[which]
        mean = float(np.average(size[which], weights=own))
        return {"coverage": coverage_score(inside[which], own, units), "size": mean}

    parts = {
        name: [
            {"name": words, "rows": int(which.sum()), **some(which)} for words, which in own if which.any()
        ]
        for name, own in by.items()
    }
    return {**some(slice(None)), "by": parts}


def _fifths(values: Floats) -> Parts:
    """Rows in five parts of equal size by a value; nothing where rows are few or values do not vary enough."""
    if len(values) < FIFTHS * LEAST_ROWS:
        return []
    edges = np.unique(np.quantile(values, np.linspace(0, 1, FIFTHS + 1)))
    if len(edges) < FIFTHS + 1 or np.ptp(values) <= 1e-9 * np.abs(values).max():
        return []
    place = np.searchsorted(edges[1:-1], values, side="right")
    return [(_range(edges, k), place == k) for k in range(FIFTHS)]


def _range(edges: Sequence[float] | Floats, k: int) -> str:
    return f"{edges[k]:.4g} to {edges[k + 1]:.4g}"
