"""Step 11: average what is trained already, where that pays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Step
from retemper.ensembles.greedy import Loss, Votes, select
from retemper.evaluation.intervals import likely, paired_gain
from retemper.evaluation.metrics import main_metric
from retemper.procedure.book import Book, State, bags_of, main_loss, validation_rows
from retemper.procedure.contenders import EVERY, Bag
from retemper.procedure.rows import groups_that_judge

MOST_CANDIDATES = 40


def run(book: Book, state: State) -> tuple[State, Step]:
    """Bagged greedy selection among all networks trained so far, kept if its gain on validation is likely real.

    Those of search_coarse count where there are no folds: a full training that the time cut short can be worse.
    """
    trained = (*state.trials, *state.candidates)
    pool = [bag for bag in bags_of(state, trained) if math.isfinite(bag.loss)][:MOST_CANDIDATES]
    if not pool:
        return state, Step("ensemble", "fail", "There is no network with a finite validation loss to choose.")
    best = pool[0]
    chosen = select(*_votes(state, pool), state.recipe.seed)
    members = tuple((pool[number], weight) for number, weight in chosen)
    single, together = best.loss, main_loss(state, mixed(members), EVERY)
    gain, low, high = paired_gain(
        validation_rows(state, best.outputs, EVERY),
        validation_rows(state, mixed(members), EVERY),
        state.recipe.procedure.bootstrap,
        state.recipe.seed,
        state.judges(EVERY)[1],
        root=state.task == "regression",
        group=groups_that_judge(state),
    )
    kept = len(members) > 1 and likely(gain, low, high)
    evidence = {
        "candidates": len(pool),
        "chosen": [
            {"id": c.id, "weight": weight / len(bag.networks), "origin": c.origin}
            for bag, weight in members
            for c in bag.networks
        ],
        "folds": 0 if state.folds is None else len(best.networks),
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
    folds = "" if state.folds is None else f" (each {len(best.networks)} networks, one for each fold)"
    what = "network" if state.folds is None else "bag"
    if kept:
        message = f"{len(members)} of {len(pool)} trained {what}s{folds} are averaged: {shown}."
    else:
        message = f"One {what}{folds} is enough: averaging more does not gain beyond noise ({shown})."
    return state, Step("ensemble", "pass", message, evidence)


def _votes(state: State, pool: list[Bag]) -> tuple[Votes, Loss]:
    """What each network says of each validation row, and the loss of a mean of that."""
    target, (y, weight) = state.ready[1], state.judges(EVERY)
    weight = weight.astype(np.float64)
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


def mixed(members: tuple[tuple[Bag, float], ...]) -> NDArray[np.float64]:
    """The weighted mean of the bags' outputs for the rows that judge."""
    total = np.zeros_like(members[0][0].outputs, dtype=np.float64)
    for bag, weight in members:
        total += weight * bag.outputs
    return total
