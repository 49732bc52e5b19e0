"""Step 9: the best recipes in full length: bags of networks, one for each fold, trained as stacks.

Every row of training and validation is held out once from one network of a bag (cross-fitting), so that all rows
teach and all rows judge. What a bag says of the rows it has not seen decides which bags are averaged, and how.
"""

from __future__ import annotations

import math

from retemper.core.records import Step
from retemper.procedure.book import Book, Candidate, Contender, State, bags_of, candidates_of
from retemper.procedure.cross_fitting import bag_of_contenders, dealt, folds_for
from retemper.procedure.jobs import contender_of, jobs_for, recipe_for
from retemper.procedure.search_coarse import describe, epochs_text, rank
from retemper.procedure.search_refine import FINALISTS, first_epochs
from retemper.training.job import Job

FIRST_BAG = 10_000
SHARE_OF_TIME = 0.65
"""Of the time left, for the first round."""
SHARE_IN_ALL = 0.85
"""Of the time left at the start, for all rounds."""
LEAST_S = 2.0
"""The first round has so long even where the steps before it, or a slow start, have used the time up: a network that
has seen each row once is worth nothing, and the limit allows for more than this (5 s)."""
LEAST_MEMBERS = 3
MOST_BAGS = 16
FIRST_REPEAT = 4
"""The draws of folds before it are those of search_refine's rungs."""


def run(book: Book, state: State) -> tuple[State, Step]:
    """``members`` networks at least over the best recipes, each with randomness of its own; more while time is left."""
    plan = _decide(book, state)
    state = dealt(state, plan["folds"])
    trained: list[Candidate] = []
    rounds: list[dict[str, int]] = []
    cut_short = False
    end = (1 - SHARE_IN_ALL) * book.budget.left_s() if book.budget.limited else 0.0
    first = 0
    while plan["bags"]:
        jobs = _jobs(book, state, plan, first)
        seconds = 0.9 * book.budget.left_s() if book.budget.limited else 0.0
        results = book.train(jobs, seconds if rounds else max(LEAST_S, seconds))
        cut_short = cut_short or any(result.stopped is not None for result in results)
        trained += [c for result in results for c in candidates_of(state, result)]
        rounds.append(plan)
        first += plan["bags"]
        plan = {**plan, "bags": _more(book, state, plan, first, end)}
    evidence = evidence_of(trained, rounds[0]["epochs"]) | {"rounds": rounds, "folds": rounds[0]["folds"]}
    if not any(math.isfinite(c.fit.val_loss) for c in trained):
        return state, Step("train_long", "fail", "No network trained to a finite loss.", evidence)
    state = adopt(state, trained, rounds[0]["epochs"])
    return state, Step("train_long", "pass", _message(state, trained, rounds, cut_short), evidence)


def adopt(state: State, trained: list[Candidate], epochs: int) -> State:
    """The trained networks join the candidates; the best bag's recipe becomes the run's."""
    state = state.with_(candidates=(*state.candidates, *trained), epochs=epochs)
    ordered = [c for bag in bags_of(state, trained) for c in bag.networks]
    return state.with_(long=tuple(ordered), recipe=recipe_for(state, ordered[0].contender, epochs))


def evidence_of(trained: list[Candidate], epochs: int) -> dict[str, object]:
    """The networks as a table, best first."""
    return {
        "members": [
            {
                "id": c.id,
                "best_epoch": c.fit.best_epoch,
                "epochs": c.fit.epochs,
                "val_loss": c.fit.val_loss,
                "fold": c.member.held_out,
                "recipe": describe(c),
            }
            for c in sorted(trained, key=rank)
        ],
        "history": "train_long",
        "epochs": epochs,
    }


def _message(state: State, trained: list[Candidate], rounds: list[dict[str, int]], cut_short: bool) -> str:
    best, folds = state.long[0], rounds[0]["folds"]
    ended = " The time limit ended some of them early." if cut_short else ""
    message = f"{len(trained)} networks for up to {epochs_text(rounds[0]['epochs'])}"
    if not folds:
        reached = f"validation loss {best.fit.val_loss:.4g} in epoch {best.fit.best_epoch}"
        return f"{message}; the best ({describe(best)}) reaches {reached}.{ended}"
    bag = bags_of(state, trained)[0]
    message += f", in bags of {folds}: each row is held out from one network of a bag and judges it"
    return f"{message}; the best bag ({describe(best)}) reaches {bag.loss:.4g} on them.{ended}"


def _contenders(state: State, plan: dict[str, int], first: int) -> list[Contender]:
    """The best recipes so far in turn; the recipe's own where there was no search."""
    recipes = [own.contender for own in state.survivors[:FINALISTS]] or [contender_of(state.recipe, 0)]
    return [
        contender
        for bag in range(first, first + plan["bags"])
        for contender in bag_of_contenders(
            recipes[bag % len(recipes)], FIRST_BAG + bag, plan["folds"], FIRST_REPEAT + bag
        )
    ]


def _jobs(book: Book, state: State, plan: dict[str, int], first: int = 0) -> list[Job]:
    contenders = _contenders(state, plan, first)
    return jobs_for(state, book, f"train_long.{first}", contenders, plan["epochs"], folds=plan["folds"])


def _decide(book: Book, state: State) -> dict[str, int]:
    members, folds = state.recipe.procedure.members, folds_for(state)
    wanted = {
        "folds": folds,
        "bags": max(1, round(members / folds)) if folds else members,
        # A search that the time cut short says nothing against longer training.
        "epochs": min(state.recipe.training.epochs, max(state.epochs, 2 * first_epochs(state))),
    }

    def fit_into(left: float) -> dict[str, int]:
        plan, left = dict(wanted), max(LEAST_S, left)
        while not math.isinf(left) and _seconds(book, state, plan) > SHARE_OF_TIME * left:
            if plan["bags"] > (1 if plan["folds"] else LEAST_MEMBERS):
                plan["bags"] -= 1
            elif plan["epochs"] > first_epochs(state):
                plan["epochs"] = max(first_epochs(state), plan["epochs"] * 4 // 5)
            elif plan["folds"] and state.folds is None:
                plan |= {"folds": 0, "bags": LEAST_MEMBERS, "epochs": wanted["epochs"]}
            elif plan["epochs"] > 1:
                plan["epochs"] -= 1
            else:
                break
        return plan

    decided: dict[str, int] = book.budget.decide("train_long.amount", fit_into)
    return decided


def _more(book: Book, state: State, plan: dict[str, int], first: int, end: float) -> int:
    """How many bags more the time allows: none without a limit, where the recipe says how many."""
    most = MOST_BAGS - first if plan["folds"] else MOST_BAGS * LEAST_MEMBERS - first

    def fit_into(left: float) -> int:
        if math.isinf(left):
            return 0
        bags = min(plan["bags"], most)
        while bags > 0 and _seconds(book, state, {**plan, "bags": bags}) > left - end:
            bags -= 1
        return max(0, bags)

    decided: int = book.budget.decide(f"train_long.more.{first}", fit_into)
    return decided


def _seconds(book: Book, state: State, plan: dict[str, int]) -> float:
    return book.pace.seconds(_jobs(book, state, plan), book.workers)
