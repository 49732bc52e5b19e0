"""Step 13: break the seal, read the test rows once, and report what they say with intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.core.recipe import Recipe
from retemper.core.records import Score, Step
from retemper.data.histogram import histogram
from retemper.evaluation.calibration import apply_temperature, reliability
from retemper.evaluation.decision import Decision
from retemper.evaluation.intervals import paired_gain
from retemper.evaluation.metrics import main_metric, row_losses
from retemper.procedure.baselines import drawn
from retemper.procedure.book import Book, State
from retemper.procedure.contenders import EVERY
from retemper.procedure.copies import copies_in_test
from retemper.procedure.decision_proof import proof
from retemper.procedure.ensemble import mixed
from retemper.procedure.rows import groups_that_judge
from retemper.procedure.test_rows import answered

MOST_POINTS = 500
SECONDS_A_CELL = 8e-9
"""Seconds of a bootstrap for a row, a class and a resample, measured on one slow core."""


def model_of(state: State) -> Model:
    """The model that the run arrived at."""
    preparer, target, _ = state.ready
    parts = tuple(
        Part(network.model, network.fit.row, weight / len(bag.networks))
        for bag, weight in state.chosen
        for network in bag.networks
    )
    return Model(state.schema, preparer, target, state.recipe, parts, state.temperature, state.decision)


def run(book: Book, state: State) -> tuple[State, Step]:
    """Every metric on the test rows, for the model and for the baselines."""
    if not state.chosen:
        return state, Step("test_once", "fail", "There is no model to test; the test rows stay sealed.")
    model = model_of(state)
    opened = state.splits.open_test()
    # Of millions of rows a sample says the same, within intervals of a few thousandths.
    rows = opened[drawn(len(opened), state.recipe.seed, "test rows")]
    state = state.with_(recipe=_affordable(book, state, len(rows)))
    book.folder.log({"event": "test_read", "rows": len(rows), "of": len(opened)})
    said = answered(state, model, rows)
    y, weight, groups, outputs, predicted = said.y, said.weight, said.group, said.outputs, said.predicted
    measured = {
        "test": _scores(state, (y, weight), outputs, groups),
        "validation": _scores(state, *held_out_outputs(state), groups_that_judge(state)),
    }
    baselines = {
        name: _scores(state, (y, weight), own, groups, baseline=True) for name, own in predicted.items()
    }
    gains = _gains(state, (y, weight, groups), outputs, predicted)
    evidence: dict[str, Any] = {
        "read": state.splits.tests_read,
        "rows": len(rows),
        "of_rows": len(opened),
        "gains": gains,
    }
    evidence |= _pictures(state, y, outputs)
    evidence |= proof(state, model, said)
    main = measured["test"][main_metric(state.task)]
    beaten = [name for name, gain in gains.items() if gain["low"] > 0]
    missed = [name for name in gains if name not in beaten]
    message = f"{main_metric(state.task)} {main.value:.4g}"
    message += "" if main.low is None else f" (95 %: {main.low:.4g} to {main.high:.4g})"
    of = f" of {len(opened):,}" if len(opened) > len(rows) else ""
    message += f" on {len(rows):,}{of} test rows, read once; "
    message += _verdict(gains, beaten, missed)
    copied = copies_in_test(state, opened)
    message += f" {copied.message}" if copied else ""
    findings = (*state.findings, *([copied] if copied else []))
    scores = {"metrics": measured, "baselines": baselines}
    state = state.with_(test=scores, tested=(rows, outputs), findings=findings)
    return state, Step("test_once", "warn" if missed or copied else "pass", message, evidence)


def _affordable(book: Book, state: State, rows: int) -> Recipe:
    """The recipe with as many bootstrap resamples as the time allows; scores cost rows × classes × resamples."""
    wanted = state.recipe.procedure.bootstrap
    cells = (rows + len(state.judges(EVERY)[0])) * max(2, len(state.schema.classes))
    second = (1 + len(state.baselines)) * cells * SECONDS_A_CELL

    def fit_into(left: float) -> int:
        if math.isinf(left):
            return wanted
        # What is kept for the ending counts as spent in ``left``; half of it may go into the intervals.
        work = max(2.0, left) / book.budget.crowding.now()
        return max(100, min(wanted, int(work / second)))

    resamples = book.budget.decide("test_once.resamples", fit_into)
    return state.recipe.with_changes({"procedure.bootstrap": resamples})


def held_out_outputs(state: State) -> tuple[tuple[NDArray[Any], NDArray[np.float32]], NDArray[np.float64]]:
    """What the model says of the rows that judge, each by networks that have not seen it.

    Returns:
        (targets in their own units, weights) and the outputs: probabilities, or values in the target's units.
    """
    target, (y, weight), outputs = state.ready[1], state.judges(EVERY), mixed(state.chosen)
    if state.task == "regression":
        return (target.unscale(y.astype(np.float64)), weight), target.unscale(outputs)
    logs = np.log(np.clip(outputs, 1e-30, None))
    return (y, weight), apply_temperature(logs, state.temperature)


def _scores(
    state: State,
    rows: tuple[NDArray[Any], NDArray[np.float32]],
    outputs: NDArray[np.float64],
    groups: NDArray[np.int64] | None,
    baseline: bool = False,
) -> dict[str, Score]:
    """Scores with intervals; a baseline has no threshold of its own, but may call the class of least expected cost."""
    y, weight = rows
    own = weight if state.schema.weight else None
    decision = Decision(costs=state.decision.costs) if baseline else state.decision
    resamples, seed = state.recipe.procedure.bootstrap, state.recipe.seed
    return decision.scores(state.task, y, outputs, resamples, seed, own, groups)


def _gains(
    state: State,
    rows: tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64] | None],
    outputs: NDArray[np.float64],
    predicted: dict[str, NDArray[np.float64]],
) -> dict[str, dict[str, float]]:
    """How much better than each baseline in the main metric, with its interval, row by row."""
    y, weight, groups = rows
    own = row_losses(state.task, y, outputs)
    found = {}
    for name, other in predicted.items():
        gain, low, high = paired_gain(
            row_losses(state.task, y, other),
            own,
            state.recipe.procedure.bootstrap,
            state.recipe.seed,
            weight,
            root=state.task == "regression",
            group=groups,
        )
        found[name] = {"gain": gain, "low": low, "high": high}
    return found


def _verdict(gains: dict[str, dict[str, float]], beaten: list[str], missed: list[str]) -> str:
    if not missed:
        return "better than every baseline beyond chance."
    worse = [name for name in missed if gains[name]["high"] < 0]
    unclear = [name for name in missed if name not in worse]
    told = {"better than": beaten, "not clearly better than": unclear, "worse than": worse}
    parts = [f"{words} {listed(names)}" for words, names in told.items() if names]
    return ", but ".join([parts[0], " and ".join(parts[1:])] if parts[1:] else parts) + "."


def listed(names: list[str]) -> str:
    """Names in a sentence.

    >>> listed(["linear", "gradient_boosting"])
    'linear and gradient boosting'
    """
    words = [name.replace("_", " ") for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _pictures(state: State, y: NDArray[Any], outputs: NDArray[np.float64]) -> dict[str, Any]:
    if state.task == "classification":
        classes = list(state.ready[1].classes)
        counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(counts, (y, state.decision.codes(outputs)), 1)
        return {"confusion": {"labels": classes, "counts": counts}, "reliability": reliability(outputs, y)}
    residual = y - outputs
    some = np.linspace(0, len(y) - 1, min(len(y), MOST_POINTS)).astype(int)
    counts, edges = histogram(residual, 40)
    return {
        "residuals": {
            "predicted": outputs[some],
            "residual": residual[some],
            "edges": edges,
            "counts": counts,
        }
    }
