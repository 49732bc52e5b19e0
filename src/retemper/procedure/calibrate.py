"""Step 12: one temperature that makes probabilities mean what they say (Guo et al. 2017), and what they decide."""

from __future__ import annotations

import numpy as np

from retemper.core.records import Step
from retemper.evaluation.calibration import apply_temperature, fit_temperature, reliability
from retemper.evaluation.intervals import likely, paired_gain
from retemper.evaluation.metrics import metrics
from retemper.procedure import decide
from retemper.procedure.book import Book, State, validation_rows
from retemper.procedure.contenders import EVERY
from retemper.procedure.ensemble import mixed
from retemper.procedure.rows import groups_that_judge

LEAST_ROWS = 40


def run(book: Book, state: State) -> tuple[State, Step]:
    """A temperature for the probabilities, then what they are used for: a threshold, sets, intervals."""
    state, step = _temper(state)
    decision, said, evidence = decide.run(book, state)
    if not evidence:
        return state.with_(decision=decision), step
    verdict = "pass" if step.verdict == "skipped" else step.verdict
    message = said if step.verdict == "skipped" else f"{step.message} {said}".strip()
    return state.with_(decision=decision), Step("calibrate", verdict, message, {**step.evidence, **evidence})


def _temper(state: State) -> tuple[State, Step]:
    """Fit on half of the validation rows, judge on the other half; kept if log loss likely gains there."""
    if state.task != "classification":
        message = "Temperature scaling is for classes; a regression has no probabilities to calibrate."
        return state, Step("calibrate", "skipped", message)
    if not state.chosen:
        return state, Step(
            "calibrate", "skipped", "There is no network whose probabilities could be calibrated."
        )
    y, weight = state.judges(EVERY)
    if len(y) < LEAST_ROWS:
        message = f"{len(y)} validation rows can't both fit a temperature and judge it; "
        return state, Step("calibrate", "skipped", f"{message}it takes {LEAST_ROWS}.")
    logs = np.log(np.clip(mixed(state.chosen), 1e-30, None))
    fit = np.arange(len(y)) % 2 == 0
    half = fit_temperature(logs[fit], y[fit], weight[fit])
    groups = groups_that_judge(state)
    before, judged = np.exp(logs), apply_temperature(logs, half)
    gain, low, high = paired_gain(
        validation_rows(state, before, EVERY)[~fit],
        validation_rows(state, judged, EVERY)[~fit],
        state.recipe.procedure.bootstrap,
        state.recipe.seed,
        weight[~fit],
        group=None if groups is None else groups[~fit],
    )
    kept = likely(gain, low, high)
    temperature = fit_temperature(logs, y, weight) if kept else 1.0
    after = apply_temperature(logs, temperature)
    scores = {
        name: metrics("classification", y, p, weight) for name, p in (("before", before), ("after", after))
    }
    evidence = {
        "temperature": temperature,
        "fitted": half,
        "before": {name: scores["before"][name] for name in ("log_loss", "ece")},
        "after": {name: scores["after"][name] for name in ("log_loss", "ece")},
        "reliability": {"before": reliability(before, y), "after": reliability(after, y)},
        "kept": kept,
    }
    shown = f"log loss {scores['before']['log_loss']:.4f} → {scores['after']['log_loss']:.4f}, "
    shown += f"ece {scores['before']['ece']:.3f} → {scores['after']['ece']:.3f}"
    if kept:
        message = f"A temperature of {temperature:.2f} is kept: {shown} on validation."
    else:
        message = (
            f"Probabilities are as good as they are: a temperature of {half:.2f} gains nothing beyond noise."
        )
    return state.with_(temperature=temperature), Step("calibrate", "pass", message, evidence)
