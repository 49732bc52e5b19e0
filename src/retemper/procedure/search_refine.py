"""Step 8: successive halving: the better recipes train longer, on all rows (Jamieson & Talwalkar 2016)."""

from __future__ import annotations

import math

from retemper.core.records import Step
from retemper.procedure.book import Book, Candidate, State, candidates_of
from retemper.procedure.jobs import jobs_for
from retemper.procedure.search_coarse import describe, evidence_of, rank
from retemper.training.job import Job

FIRST_ID = 2000
SHARE_OF_TIME = 0.16
LEAST_STEPS = 800
"""A rung's first training makes at least so many steps, so that a schedule has room."""
MOST_FIRST = 9


def run(book: Book, state: State) -> tuple[State, Step]:
    """Each rung keeps a share of the recipes and trains them afresh, twice as long."""
    survivors = list(state.survivors)[:MOST_FIRST]
    best_of_rung: list[tuple[int, float]] = []
    table: list[Candidate] = []
    epochs = first_epochs(state)
    for rung in range(state.recipe.search.refine_rungs):
        planned = _decide(book, state, survivors, epochs, rung)
        if planned is None:
            break
        survivors = survivors[: planned["recipes"]]
        results = book.train(
            _jobs(book, state, survivors, rung, planned["epochs"]),
            seconds=0.4 * book.budget.left_s() if book.budget.limited else 0.0,
        )
        trained = sorted((c for result in results for c in candidates_of(result)), key=rank)
        table += trained
        best_of_rung.append((planned["epochs"], trained[0].fit.val_loss))
        survivors = trained[: max(2, math.ceil(state.recipe.search.keep * len(trained)))]
        epochs = planned["epochs"] * 2
    if not table:
        message = "The time allows no longer trainings of single recipes; the coarse ranking stands."
        return state.with_(epochs=first_epochs(state)), Step("search_refine", "skipped", message)
    found = sorted(table, key=rank)
    evidence = evidence_of(state, found, len(survivors), "search_refine")
    evidence["rungs"] = [{"epochs": e, "best_val_loss": loss} for e, loss in best_of_rung]
    longer = _longer_pays(best_of_rung)
    epochs = best_of_rung[0][0] if longer is False else 2 * best_of_rung[-1][0]
    message = f"{len(table)} trainings of up to {best_of_rung[-1][0]} epochs; best: {describe(found[0])}, "
    message += f"validation loss {found[0].fit.val_loss:.4f}"
    message += {True: "; longer training still gains.", False: "; longer training does not gain.", None: "."}[
        longer
    ]
    state = state.with_(survivors=tuple(survivors), candidates=(*state.candidates, *found), epochs=epochs)
    return state, Step("search_refine", "pass", message, evidence)


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


def _longer_pays(rungs: list[tuple[int, float]]) -> bool | None:
    """Whether the last rung's longer training beat the one before; None with one rung, when nobody knows."""
    if len(rungs) < 2:
        return None
    return rungs[-1][1] < rungs[-2][1] * (1 - 1e-3)
