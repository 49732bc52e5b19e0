"""Step 3: before training, the loss must be what a network that knows only the prior has."""

from __future__ import annotations

import numpy as np
import torch

from retemper.core.records import Finding, Step
from retemper.procedure.book import Book, State
from retemper.procedure.jobs import job_of, members_of
from retemper.training.loop import Training
from retemper.training.plan import Plan
from retemper.training.planning import output_bias, plan_of

TOLERANCE = 0.25
"""Relative distance from the expected loss that is let pass."""
MEMBERS = 4
JUDGES = 10_000
"""Rows it is measured on, at most."""


def run(book: Book, state: State) -> tuple[State, Step]:
    """Expected: the loss of the class frequencies (log C when balanced), or of the mean (the variance).

    It is measured on the same rows: where these are few, chance is the same on both sides.
    """
    members = members_of(state.recipe, range(MEMBERS))
    plan = plan_of(job_of(state, book, "initial_loss", members, epochs=1, judges=JUDGES), state.ready[2])
    training = Training(plan, [])
    training.initialise()
    with torch.no_grad():
        observed = float(np.mean(training.validate().loss))
    expected = _of_the_prior(state, plan)
    ratio = observed / expected if expected else float("nan")
    evidence = {
        "expected": expected,
        "observed": observed,
        "expected_in_training": plan.trivial_loss,
        "ratio": ratio,
        "tolerance": TOLERANCE,
        "seeds": MEMBERS,
        "balanced": float(np.log(len(state.ready[1].classes))) if state.task == "classification" else None,
    }
    what = "the class frequencies alone give" if state.task == "classification" else "the mean alone gives"
    if np.isfinite(ratio) and abs(ratio - 1) <= TOLERANCE:
        message = f"The untrained network's loss is {observed:.4g}, as it should be: {what} {expected:.4g}."
        return state, Step("initial_loss", "pass", message, evidence)
    finding = Finding(
        "initial_loss_off",
        "warning",
        0.7,
        f"The untrained network's loss is {observed:.4g}, but {what} {expected:.4g}: {_cause(ratio)}.",
        evidence,
    )
    step = Step("initial_loss", "warn", finding.message, evidence)
    return state.with_(findings=(*state.findings, finding)), step


def _of_the_prior(state: State, plan: Plan) -> float:
    """The validation loss of a network that says the same of every row: what the training rows' target says."""
    data = plan.validation
    assert data is not None
    arrays = state.ready[2]
    options = plan.options.replaced(output_bias="prior")
    bias = output_bias(arrays, plan.loss.n_outputs(arrays.n_classes), options)
    said = torch.as_tensor(bias, dtype=data.x.dtype, device=data.x.device).expand(1, len(data.y), -1)
    rows = plan.loss.rows(said, data.y)[0].double()
    return float((rows * data.weight).sum() / data.weight.sum())


def _cause(ratio: float) -> str:
    if not np.isfinite(ratio):
        return "inputs hold huge or non-finite values"
    if ratio > 1:
        return "the start is too wide, inputs are not scaled, or the final bias is not that of the prior"
    return "it knows what it can't know yet; look for a column that holds the target"
