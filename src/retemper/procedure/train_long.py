"""Step 9: the best recipes in full length: bags of networks, one for each fold, trained as stacks.

Every row of training and validation is held out once from one network of a bag (cross-fitting), so that all rows
teach and all rows judge. What a bag says of the rows it has not seen decides which bags are averaged, and how.
"""

from __future__ import annotations

import math
from typing import TypedDict

from retemper.core.records import Step
from retemper.procedure.book import Book, State, bags_of, candidates_of
from retemper.procedure.contenders import Candidate, Contender
from retemper.procedure.cross_fitting import bag_of_contenders, dealt, folds_for
from retemper.procedure.jobs import contender_of, jobs_for, recipe_for
from retemper.procedure.nested import share_run
from retemper.procedure.search_coarse import describe, epochs_text, rank
from retemper.procedure.search_refine import FINALISTS, LEAST_BAGS, first_epochs
from retemper.training.job import Job

FIRST_BAG = 10_000
SHARE_OF_TIME = 0.65
"""Of the time left, for the first round."""
SHARE_OF_ONE = 0.8
"""The same for a single bag: its epochs come before further rounds."""
SHARE_IN_ALL = 0.9
"""Of the time left at the start, for all rounds."""
LEAST_S = 2.0
"""The first round has so long even where the steps before it, or a slow start, have used the time up: a network that
has seen each row once is worth nothing, and the limit allows for more than this (5 s)."""
MOST_BAGS = 16
FIRST_REPEAT = 4
"""The draws of folds before it are those of search_refine's rungs."""


class Plan(TypedDict):
    """A round: into how many folds (0: none), the number of its first bag, whose recipes, for how long."""

    folds: int
    first: int
    recipes: list[int]
    epochs: int


def run(book: Book, state: State) -> tuple[State, Step]:
    """``members`` networks at least over the best recipes, each with randomness of its own; more while time is left."""
    plan = _decide(book, state)
    state = dealt(state, plan["folds"])
    trained: list[Candidate] = []
    rounds: list[Plan] = []
    cut_short = False
    end = (1 - SHARE_IN_ALL) * book.budget.left_s() if book.budget.limited else 0.0
    while plan["recipes"]:
        jobs = _jobs(book, state, plan)
        seconds = 0.9 * book.budget.left_s() if book.budget.limited else 0.0
        results = book.train(jobs, seconds if rounds else max(LEAST_S, seconds))
        cut_short = cut_short or any(result.stopped is not None for result in results)
        trained += [c for result in results for c in candidates_of(state, result)]
        rounds.append(plan)
        plan = _more(book, state, rounds, end)
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


def _message(state: State, trained: list[Candidate], rounds: list[Plan], cut_short: bool) -> str:
    best, folds = state.long[0], rounds[0]["folds"]
    ended = " The time limit ended some of them early." if cut_short else ""
    message = f"{len(trained)} networks for up to {epochs_text(rounds[0]['epochs'])}"
    if not folds:
        reached = f"validation loss {best.fit.val_loss:.4g} in epoch {best.fit.best_epoch}"
        return f"{message}; the best ({describe(best)}) reaches {reached}.{ended}"
    bag = bags_of(state, trained)[0]
    message += f", in bags of {folds}: each row is held out from one network of a bag and judges it"
    return f"{message}; the best bag ({describe(best)}) reaches {bag.loss:.4g} on them.{ended}"


def _recipes(state: State) -> list[Contender]:
    """The best recipes so far; the recipe's own where there was no search."""
    return [own.contender for own in state.survivors[:FINALISTS]] or [contender_of(state.recipe, 0)]


def _contenders(state: State, plan: Plan) -> list[Contender]:
    recipes = _recipes(state)
    return [
        contender
        for bag, recipe in enumerate(plan["recipes"], start=plan["first"])
        for contender in bag_of_contenders(
            recipes[recipe], FIRST_BAG + bag, plan["folds"], FIRST_REPEAT + bag
        )
    ]


def _jobs(book: Book, state: State, plan: Plan) -> list[Job]:
    name = f"train_long.{plan['first']}"
    return jobs_for(state, book, name, _contenders(state, plan), plan["epochs"], folds=plan["folds"])


def _decide(book: Book, state: State) -> Plan:
    members, folds, recipes = state.recipe.procedure.members, folds_for(state), len(_recipes(state))
    bags = max(1, round(members / folds)) if folds else members
    wanted: Plan = {
        "folds": folds,
        "first": 0,
        "recipes": [bag % recipes for bag in range(bags)],
        # A search that the time cut short says nothing against longer training.
        "epochs": min(state.recipe.training.epochs, max(state.epochs, 2 * first_epochs(state))),
    }

    def fit_into(left: float) -> Plan:
        plan, left = wanted, max(LEAST_S, left)

        def fits(plan: Plan) -> bool:
            share = SHARE_OF_TIME if len(plan["recipes"]) > 1 else SHARE_OF_ONE
            return _seconds(book, state, plan) <= share * left

        while not fits(plan) and (smaller := _smaller(state, plan, wanted)):
            plan = smaller
        return plan

    decided: Plan = book.budget.decide("train_long.amount", fit_into)
    return decided


def _smaller(state: State, plan: Plan, wanted: Plan) -> Plan | None:
    """What is given up next: bags beyond three, half of the epochs, bags, more epochs, in the end the folds.

    Past twice the first rung's epochs, twice the bags mostly gain more than twice the epochs; before, less.
    """
    bags, epochs, first = plan["recipes"], plan["epochs"], first_epochs(state)
    half = min(wanted["epochs"], max(2 * first, wanted["epochs"] // 2))
    if len(bags) > LEAST_BAGS or (plan["folds"] and len(bags) > 1 and epochs <= half):
        return {**plan, "recipes": bags[:-1]}
    if epochs > first:
        return {**plan, "epochs": max(half if epochs > half else first, epochs * 4 // 5)}
    if plan["folds"] and state.folds is None:
        few = [bag % len(_recipes(state)) for bag in range(LEAST_BAGS)]
        return {**plan, "folds": 0, "recipes": few, "epochs": wanted["epochs"]}
    return {**plan, "epochs": epochs - 1} if epochs > 1 else None


def _more(book: Book, state: State, rounds: list[Plan], end: float) -> Plan:
    """One more bag of each recipe for which there is time; none without a limit, where the recipe says how many.

    The recipes go on in turn; one that costs too much by now leaves its time to the next.
    """
    last, recipes = rounds[-1], len(_recipes(state))
    first = last["first"] + len(last["recipes"])
    most = (MOST_BAGS if last["folds"] else MOST_BAGS * LEAST_BAGS) - first
    turn = [(last["recipes"][-1] + 1 + k) % recipes for k in range(recipes)]

    def fit_into(left: float) -> list[int]:
        chosen: list[int] = []
        for recipe in [] if math.isinf(left) else turn:
            plan: Plan = {**last, "first": first, "recipes": [*chosen, recipe]}
            if len(chosen) < most and _seconds(book, state, plan) <= left - end:
                chosen = plan["recipes"]
        return chosen

    return {**last, "first": first, "recipes": book.budget.decide(f"train_long.more.{first}", fit_into)}


def _seconds(book: Book, state: State, plan: Plan) -> float:
    # On few rows patience ends most trainings long before the planned epochs.
    return share_run(state) * book.pace.seconds(_jobs(book, state, plan), book.workers)
