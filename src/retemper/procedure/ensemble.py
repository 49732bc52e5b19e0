"""Step 11: average what is trained already, where that pays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Step
from retemper.ensembles.greedy import Loss, Votes, select
from retemper.evaluation.intervals import likely, paired_gain
from retemper.evaluation.metrics import main_metric
from retemper.procedure.book import Book, Candidate, State, main_loss, validation_rows

MOST_CANDIDATES = 40


def run(book: Book, state: State) -> tuple[State, Step]:
    """Bagged greedy selection among all networks trained so far, kept if its gain on validation is likely real."""
    pool = sorted(_finite(state), key=lambda c: main_loss(state, c.outputs))[:MOST_CANDIDATES]
    if not pool:
        return state, Step("ensemble", "fail", "There is no network with a finite validation loss to choose.")
    best = pool[0]
    chosen = select(*_votes(state, pool), state.recipe.seed)
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
    kept = len(members) > 1 and likely(gain, low, high)
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
    shown = f"{main_metric(state.task)} {single:.4g} → {together:.4g} on validation"
    if kept:
        message = f"{len(members)} of {len(pool)} trained networks are averaged: {shown}."
    else:
        message = f"One network is enough: averaging does not gain beyond noise ({shown})."
    return state, Step("ensemble", "pass", message, evidence)


def _votes(state: State, pool: list[Candidate]) -> tuple[Votes, Loss]:
    """What each network says of each validation row, and the loss of a mean of that."""
    _, target, arrays = state.ready
    y, weight = arrays.validation.y, arrays.validation.weight.astype(np.float64)
    if state.task == "classification":
        votes = np.stack([c.outputs[np.arange(len(y)), y] for c in pool]).astype(np.float64)

        def log_loss(mean: Votes, rows: NDArray[np.int64]) -> float:
            return -float(np.average(np.log(np.maximum(mean, 1e-12)), weights=weight[rows]))

        return votes, log_loss
    true = target.unscale(y.astype(np.float64))

    def squared(mean: Votes, rows: NDArray[np.int64]) -> float:
        values = target.unscale(mean.astype(np.float64))
        return float(np.average((values - true[rows]) ** 2, weights=weight[rows]))

    return np.stack([c.outputs for c in pool]).astype(np.float64), squared


def mixed(members: tuple[tuple[Candidate, float], ...]) -> NDArray[np.float64]:
    """The weighted mean of the members' outputs for the validation rows."""
    total = np.zeros_like(members[0][0].outputs, dtype=np.float64)
    for candidate, weight in members:
        total += weight * candidate.outputs
    return total


def _finite(state: State) -> list[Candidate]:
    return [c for c in state.candidates if np.isfinite(c.outputs).all()]
