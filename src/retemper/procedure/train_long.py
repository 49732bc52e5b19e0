"""Step 9: the best recipes in full length, several networks of each, as stacks."""

from __future__ import annotations

import math

from retemper.core.records import Step
from retemper.procedure.book import Book, Candidate, Contender, State, candidates_of
from retemper.procedure.jobs import contender_of, jobs_for, recipe_for
from retemper.procedure.search_coarse import describe, rank
from retemper.procedure.search_refine import FINALISTS, first_epochs
from retemper.training.job import Job

FIRST_ID = 10_000
SHARE_OF_TIME = 0.7
LEAST_MEMBERS = 3


def run(book: Book, state: State) -> tuple[State, Step]:
    """``members`` networks over the best recipes, each with randomness of its own."""
    plan = _decide(book, state)
    results = book.train(
        _jobs(book, state, plan), seconds=0.75 * book.budget.left_s() if book.budget.limited else 0.0
    )
    trained = sorted((c for result in results for c in candidates_of(result)), key=rank)
    best = trained[0]
    evidence = evidence_of(trained, plan["epochs"])
    if not math.isfinite(best.fit.val_loss):
        return state, Step("train_long", "fail", "No network trained to a finite loss.", evidence)
    message = (
        f"{len(trained)} networks for up to {plan['epochs']} epochs; the best ({describe(best)}) reaches "
    )
    message += f"validation loss {best.fit.val_loss:.4g} in epoch {best.fit.best_epoch}."
    state = adopt(state, trained, plan["epochs"])
    return state, Step("train_long", "pass", message, evidence)


def adopt(state: State, trained: list[Candidate], epochs: int) -> State:
    """The trained networks join the candidates; the best one's recipe becomes the run's."""
    best = trained[0]
    recipe = recipe_for(state, best.contender(best.id), epochs)
    return state.with_(
        long=tuple(trained), candidates=(*state.candidates, *trained), epochs=epochs, recipe=recipe
    )


def evidence_of(trained: list[Candidate], epochs: int) -> dict[str, object]:
    """The networks as a table, best first."""
    return {
        "members": [
            {
                "id": c.id,
                "best_epoch": c.fit.best_epoch,
                "epochs": c.fit.epochs,
                "val_loss": c.fit.val_loss,
                "recipe": describe(c),
            }
            for c in trained
        ],
        "history": "train_long",
        "epochs": epochs,
    }


def _contenders(state: State, members: int) -> list[Contender]:
    """The best recipes so far in turn; the recipe's own where there was no search."""
    recipes = state.survivors[:FINALISTS]
    if not recipes:
        return [contender_of(state.recipe, FIRST_ID + k) for k in range(members)]
    return [recipes[k % len(recipes)].contender(FIRST_ID + k) for k in range(members)]


def _jobs(book: Book, state: State, plan: dict[str, int]) -> list[Job]:
    return jobs_for(state, book, "train_long", _contenders(state, plan["members"]), plan["epochs"])


def _decide(book: Book, state: State) -> dict[str, int]:
    wanted = {
        "members": state.recipe.procedure.members,
        "epochs": min(state.recipe.training.epochs, state.epochs or state.recipe.training.epochs),
    }

    def fit_into(left: float) -> dict[str, int]:
        plan = dict(wanted)
        while not math.isinf(left):
            seconds = sum(book.pace.seconds(job, book.workers) for job in _jobs(book, state, plan))
            if seconds <= SHARE_OF_TIME * left:
                break
            if plan["epochs"] > first_epochs(state):
                plan["epochs"] = max(first_epochs(state), plan["epochs"] * 4 // 5)
            elif plan["members"] > LEAST_MEMBERS:
                plan["members"] -= 1
            elif plan["epochs"] > 1:
                plan["epochs"] -= 1
            else:
                break
        return plan

    decided: dict[str, int] = book.budget.decide("train_long.amount", fit_into)
    return decided
