"""Step 8: successive halving: the better recipes train longer, on all rows (Jamieson & Talwalkar 2016)."""

from __future__ import annotations

import math

import numpy as np

from retemper.core.records import Step
from retemper.procedure.book import Book, Candidate, State, candidates_of
from retemper.procedure.jobs import jobs_for
from retemper.procedure.search_coarse import describe, evidence_of, rank, sound
from retemper.training.job import Job

FIRST_ID = 2000
SHARE_OF_TIME = 0.22
LEAST_STEPS = 800
"""A rung's first training makes at least so many steps, so that a schedule has room."""
MOST_FIRST = 9
LEAST_GAIN = 1e-3
"""Mean relative gain from which longer training counts as paying."""
FINALISTS = 4
"""Recipes that go on to train_long."""


def run(book: Book, state: State) -> tuple[State, Step]:
    """Each rung keeps a share of the recipes and trains them afresh, twice as long."""
    if not state.survivors:
        message = "There is nothing to refine: search_coarse left no recipe."
        return state, Step("search_refine", "skipped", message)
    survivors = list(state.survivors)[:MOST_FIRST]
    rungs: list[tuple[int, list[Candidate]]] = []
    epochs = first_epochs(state)
    for rung in range(state.recipe.search.refine_rungs):
        planned = _decide(book, state, survivors, epochs, rung) if survivors else None
        if planned is None:
            break
        survivors = survivors[: planned["recipes"]]
        results = book.train(
            _jobs(book, state, survivors, rung, planned["epochs"]),
            seconds=0.4 * book.budget.left_s() if book.budget.limited else 0.0,
        )
        trained = sorted((c for result in results for c in candidates_of(state, result)), key=rank)
        rungs.append((planned["epochs"], trained))
        survivors = sound(trained)[: max(2, math.ceil(state.recipe.search.keep * len(trained)))]
        epochs = planned["epochs"] * 2
    if not rungs:
        message = "The time allows no longer trainings of single recipes; the coarse ranking stands."
        return state.with_(epochs=first_epochs(state)), Step("search_refine", "skipped", message)
    found = sorted((candidate for _, trained in rungs for candidate in trained), key=rank)
    finalists = _distinct(sound(found))[:FINALISTS]
    evidence = evidence_of(found, {candidate.id for candidate in finalists}, "search_refine")
    evidence["rungs"] = [{"epochs": e, "best_val_loss": t[0].fit.val_loss} for e, t in rungs]
    longer = _longer_pays([trained for _, trained in rungs])
    epochs = rungs[-2][0] if longer is False else 2 * rungs[-1][0]
    state = state.with_(candidates=(*state.candidates, *found), epochs=epochs)
    if not finalists:
        message = f"None of {len(found)} trainings of up to {rungs[-1][0]} epochs ended with a finite loss."
        return state, Step("search_refine", "fail", message, evidence)
    message = f"{len(found)} trainings of up to {rungs[-1][0]} epochs; best: {describe(found[0])}, "
    message += f"validation loss {found[0].fit.val_loss:.4g}"
    message += {True: "; longer training still gains.", False: "; longer training does not gain.", None: "."}[
        longer
    ]
    return state.with_(survivors=tuple(finalists)), Step("search_refine", "pass", message, evidence)


def _distinct(found: list[Candidate]) -> list[Candidate]:
    """The best training of each recipe, best first: different recipes make a better ensemble than one does."""
    best: dict[int, Candidate] = {}
    for candidate in found:
        best.setdefault(candidate.id % 1000, candidate)
    return list(best.values())


def first_epochs(state: State) -> int:
    """Epochs of the first rung."""
    steps = -(-len(state.splits.train) // state.recipe.training.batch_size)
    return min(state.recipe.training.epochs, max(6, -(-LEAST_STEPS // steps)))


def _jobs(book: Book, state: State, recipes: list[Candidate], rung: int, epochs: int) -> list[Job]:
    contenders = [candidate.contender(FIRST_ID * (rung + 1) + candidate.id % 1000) for candidate in recipes]
    return jobs_for(state, book, f"search_refine.{rung}", contenders, epochs, training={"signals": False})


def _decide(
    book: Book, state: State, survivors: list[Candidate], epochs: int, rung: int
) -> dict[str, int] | None:
    most = state.recipe.training.epochs
    if rung and epochs > most:
        return None

    def fit_into(left: float) -> dict[str, int] | None:
        plan = {"recipes": len(survivors), "epochs": min(epochs, most)}
        while not math.isinf(left):
            jobs = _jobs(book, state, survivors[: plan["recipes"]], rung, plan["epochs"])
            seconds = sum(book.pace.seconds(job, book.workers) for job in jobs)
            if seconds <= SHARE_OF_TIME * left:
                break
            if plan["recipes"] > 3:
                plan["recipes"] -= 1
            elif plan["epochs"] > 2 and rung == 0:
                plan["epochs"] -= 1
            else:
                return None
        return plan

    decided: dict[str, int] | None = book.budget.decide(f"search_refine.{rung}", fit_into)
    return decided


def _longer_pays(rungs: list[list[Candidate]]) -> bool | None:
    """Whether the recipes that both of the last two rungs trained gained by the longer training.

    Pairs of one recipe are compared, since the best of many short trainings is the luckiest too. None with one
    rung, when nobody knows.
    """
    if len(rungs) < 2:
        return None
    short = {candidate.id % 1000: candidate.fit.val_loss for candidate in rungs[-2]}
    pairs = [(short[candidate.id % 1000], candidate.fit.val_loss) for candidate in rungs[-1]]
    gains = [1 - after / before if before else 0.0 for before, after in pairs]
    return float(np.mean(gains)) > LEAST_GAIN
