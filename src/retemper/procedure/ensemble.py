"""Step 11: average what is trained already, where that pays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from retemper.core.records import Step
from retemper.ensembles.greedy import select
from retemper.evaluation.intervals import paired_gain
from retemper.evaluation.metrics import main_metric
from retemper.procedure.book import Book, Candidate, State, main_loss, validation_rows

MOST_CANDIDATES = 40
LIKELY = 0.8


def run(book: Book, state: State) -> tuple[State, Step]:
    """Greedy selection among all networks trained so far, kept if its gain on validation is likely real."""
    pool = sorted(_finite(state), key=lambda c: main_loss(state, c.outputs))[:MOST_CANDIDATES]
    if not pool:
        return state, Step("ensemble", "fail", "There is no network with a finite validation loss to choose.")
    best = pool[0]
    chosen = select([c.outputs for c in pool], lambda outputs: main_loss(state, outputs))
    members = tuple((pool[number], weight) for number, weight in chosen)
    single, together = main_loss(state, best.outputs), main_loss(state, mixed(members))
    gain, low, high = paired_gain(
        validation_rows(state, best.outputs),
        validation_rows(state, mixed(members)),
        state.recipe.procedure.bootstrap,
        state.recipe.seed,
        state.ready[2].validation.weight,
        root=state.task == "regression",
    )
    kept = len(members) > 1 and _likely(gain, low, high)
    evidence = {
        "candidates": len(pool),
        "chosen": [{"id": c.id, "weight": weight, "origin": c.origin} for c, weight in members],
        "metric": main_metric(state.task),
        "single": single,
        "ensemble": together,
        "gain": gain,
        "low": low,
        "high": high,
        "kept": kept,
    }
    state = state.with_(chosen=members if kept else ((best, 1.0),))
    shown = f"{main_metric(state.task)} {single:.4f} → {together:.4f} on validation"
    if kept:
        message = f"{len(members)} of {len(pool)} trained networks are averaged: {shown}."
    else:
        message = f"One network is enough: averaging does not gain beyond noise ({shown})."
    return state, Step("ensemble", "pass", message, evidence)


def _likely(gain: float, low: float, high: float) -> bool:
    """Whether the gain is above 0 with a probability of at least LIKELY, by the normal law of its 95 % interval.

    An average can hardly hurt, so it needs less proof than a change of recipe.
    """
    return gain > 0 and gain >= norm.ppf(LIKELY) * (high - low) / (2 * norm.ppf(0.975))


def mixed(members: tuple[tuple[Candidate, float], ...]) -> NDArray[np.float64]:
    """The weighted mean of the members' outputs for the validation rows."""
    total = np.zeros_like(members[0][0].outputs, dtype=np.float64)
    for candidate, weight in members:
        total += weight * candidate.outputs
    return total


def _finite(state: State) -> list[Candidate]:
    return [c for c in state.candidates if np.isfinite(c.outputs).all()]
