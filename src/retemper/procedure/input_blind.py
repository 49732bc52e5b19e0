"""Step 5: a network that can't see its inputs, or learns shuffled labels, must be worse than one that can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Finding, Step
from retemper.evaluation.intervals import paired_gain
from retemper.evaluation.metrics import main_metric
from retemper.procedure.book import Book, State, main_loss, validation_rows
from retemper.procedure.jobs import job_of, members_of
from retemper.training.job import JobResult
from retemper.training.planning import judge_rows

ROWS, JUDGES = 2000, 10_000
"""Rows to learn from and to be judged by, at most."""
BATCH_SIZE = 64
"""At most: many cheap steps tell more than few dear ones."""
EPOCHS = 4
LEAST_STEPS = 120
SHARE_OF_TIME = 0.05
"""Of the time left, for each of the trainings: one of a few steps is no control of one that is through."""
CONTROLS = {"real": {}, "zeros": {"zero_inputs": True}, "shuffled_labels": {"shuffle_labels": True}}


def run(book: Book, state: State) -> tuple[State, Step]:
    """The same short training thrice: as it is, with zeros as inputs, with shuffled labels."""
    rows = min(ROWS, len(state.splits.train))
    batch_size = min(BATCH_SIZE, state.recipe.training.batch_size)
    steps = -(-rows // batch_size)
    epochs = max(EPOCHS, -(-LEAST_STEPS // steps))
    members = members_of(state.recipe, range(2))
    changes: dict[str, Any] = {"rows": rows, "judges": JUDGES, "training": {"batch_size": batch_size}}
    jobs = [
        job_of(state, book, f"input_blind.{name}", members, epochs, **changes, **controls)
        for name, controls in CONTROLS.items()
    ]
    seconds = SHARE_OF_TIME * book.budget.left_s() if book.budget.limited else 0.0
    results = [book.train([job], seconds)[0] for job in jobs]
    outputs = {name: _mean(result) for name, result in zip(CONTROLS, results, strict=True)}
    arrays = state.ready[2]
    # The step's own view: whatever it compares is judged by the same few rows.
    few = state.with_(arrays=replace(arrays, validation=judge_rows(arrays, JUDGES, state.recipe.seed)))
    losses = {name: main_loss(few, own) for name, own in outputs.items()}
    metric = main_metric(state.task)
    made = {
        name: epochs * steps if own.stopped is None else own.stopped
        for name, own in zip(CONTROLS, results, strict=True)
    }
    if not np.isfinite(list(losses.values())).all():
        message = (
            "The short training did not stay finite, so it can't tell whether the inputs are used: try a "
        )
        message += "lower training.optimizer.learning_rate."
        return state, Step("input_blind", "warn", message, {"metric": metric, **losses})
    if min(made.values()) < LEAST_STEPS // 4:
        message = f"The time for this check ran out after {min(made.values())} of {epochs * steps} steps; can't tell."
        return state, Step("input_blind", "warn", message, {"metric": metric, **losses, "steps": made})
    real = validation_rows(few, outputs["real"])
    resamples, seed = state.recipe.procedure.bootstrap, state.recipe.seed
    weight = few.ready[2].validation.weight
    gains = {
        name: paired_gain(
            validation_rows(few, outputs[name]),
            real,
            resamples,
            seed,
            weight,
            root=state.task == "regression",
        )
        for name in ("zeros", "shuffled_labels")
    }
    evidence = {"metric": metric, **losses, "gains": gains, "rows": rows, "epochs": epochs, "steps": made}
    blind = [name for name, (_, low, _) in gains.items() if low <= 0]
    shown = f"{metric} {losses['real']:.4g} with its inputs, {losses['zeros']:.4g} without, "
    shown += f"{losses['shuffled_labels']:.4g} with shuffled labels"
    if not blind:
        return state, Step("input_blind", "pass", f"The network uses what it sees: {shown}.", evidence)
    finding = Finding(
        "input_ignored",
        "warning",
        0.6,
        f"After a short training the network is no better than one that sees nothing: {shown}. The columns may "
        "not tell the target, or labels may not belong to their rows.",
        evidence,
    )
    return state.with_(findings=(*state.findings, finding)), Step(
        "input_blind", "warn", finding.message, evidence
    )


def _mean(result: JobResult) -> NDArray[Any]:
    return np.asarray(np.mean(result.outputs, axis=0))
