"""Step 3: before training, the loss must be what a network that knows only the prior has."""

from __future__ import annotations

import numpy as np
import torch

from retemper.core.records import Finding, Step
from retemper.procedure.book import Book, State
from retemper.procedure.jobs import job_of, members_of
from retemper.training.loop import Training
from retemper.training.planning import plan_of

TOLERANCE = 0.25
"""Relative distance from the expected loss that is let pass."""
MEMBERS = 4


def run(book: Book, state: State) -> tuple[State, Step]:
    """Expected: the entropy of the class frequencies (log C when balanced), or the scaled target's variance."""
    members = members_of(state.recipe, range(MEMBERS))
    plan = plan_of(job_of(state, book, "initial_loss", members, epochs=1), state.ready[2])
    training = Training(plan, [])
    training.stack.initialise(plan.options.initialiser.options, plan.seed, plan.output_bias)
    with torch.no_grad():
        observed = float(np.mean(training.validate()))
    expected = plan.trivial_loss
    ratio = observed / expected if expected else float("nan")
    evidence = {
        "expected": expected,
        "observed": observed,
        "ratio": ratio,
        "tolerance": TOLERANCE,
        "seeds": MEMBERS,
        "balanced": float(np.log(len(state.ready[1].classes))) if state.task == "classification" else None,
    }
    what = (
        "the entropy of the class frequencies" if state.task == "classification" else "the target's variance"
    )
    if np.isfinite(ratio) and abs(ratio - 1) <= TOLERANCE:
        message = (
            f"The untrained network's loss is {observed:.4f}, as it should be: {what} is {expected:.4f}."
        )
        return state, Step("initial_loss", "pass", message, evidence)
    finding = Finding(
        "initial_loss_off",
        "warning",
        0.7,
        f"The untrained network's loss is {observed:.4f}, but {what} is {expected:.4f}: {_cause(ratio)}.",
        evidence,
    )
    step = Step("initial_loss", "warn", finding.message, evidence)
    return state.with_(findings=(*state.findings, finding)), step


def _cause(ratio: float) -> str:
    if not np.isfinite(ratio):
        return "inputs hold huge or non-finite values"
    if ratio > 1:
        return "the start is too wide, inputs are not scaled, or the final bias is not that of the prior"
    return "validation rows differ from training rows, or the loss is weighted otherwise"
