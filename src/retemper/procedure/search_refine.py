"""Step 8: successive halving: the better recipes train longer, on all rows (Jamieson & Talwalkar 2016)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from retemper.core import catalogue
from retemper.core.records import Step
from retemper.evaluation.metrics import main_metric
from retemper.procedure.book import Book, State, bags_of, candidates_of
from retemper.procedure.contenders import BAG_IDS, VALIDATION, Bag, Contender
from retemper.procedure.cross_fitting import bag_of_contenders, dealt, folds_for
from retemper.procedure.jobs import jobs_for
from retemper.procedure.search_coarse import describe, epochs_text, evidence_of
from retemper.training.job import Job

FIRST_BAG = 2000
SHARE_OF_TIME = 0.22
SHARE_OF_CHALLENGER = 0.06
FIRST_CHALLENGER = 1900
FEW_VALIDATION_ROWS = 3000
"""With fewer, recipes are judged by all rows, in folds."""
LEAST_STEPS = 800
"""A rung's first training makes at least so many steps, so that a schedule has room."""
MOST_FIRST = 9
LEAST_GAIN, CLEAR_LOSS = 1e-3, 1e-2
"""Mean relative gain from which longer training counts as paying, and loss from which it counts as harm."""
SHARE_OF_REST = 0.85
"""Of the time left, for a further rung together with the ``LEAST_BAGS`` full trainings that are to follow it."""
LEAST_BAGS = 3
FINALISTS = 4
"""Recipes that go on to train_long."""


def run(book: Book, state: State) -> tuple[State, Step]:
    """Each rung keeps a share of the recipes and trains them afresh, twice as long."""
    if not state.survivors:
        message = "There is nothing to refine: search_coarse left no recipe."
        return state, Step("search_refine", "skipped", message)
    recipes = [own.contender for own in state.survivors[:MOST_FIRST]]
    state = dealt(state, _decide_folds(book, state, recipes))
    recipes = [*recipes, *_challengers(book, state, recipes)]
    rungs: list[tuple[int, list[Bag]]] = []
    epochs = first_epochs(state)
    for rung in range(state.recipe.search.refine_rungs):
        planned = _decide(book, state, recipes, epochs, rung) if recipes else None
        if planned is None:
            break
        results = book.train(
            _jobs(book, state, recipes[: planned["recipes"]], rung, planned["epochs"]),
            seconds=0.4 * book.budget.left_s() if book.budget.limited else 0.0,
        )
        trained = bags_of(state, [c for result in results for c in candidates_of(state, result)])
        rungs.append((planned["epochs"], trained))
        state = state.with_(candidates=(*state.candidates, *(c for bag in trained for c in bag.networks)))
        kept = max(2, math.ceil(state.recipe.search.keep * len(trained)))
        recipes = [bag.networks[0].contender for bag in _sound(trained)[:kept]]
        epochs = planned["epochs"] * 2
    if not rungs:
        message = "The time allows no longer trainings of single recipes; the coarse ranking stands."
        return state.with_(epochs=first_epochs(state)), Step("search_refine", "skipped", message)
    return _judged(state, rungs)


def _judged(state: State, rungs: list[tuple[int, list[Bag]]]) -> tuple[State, Step]:
    every = [bag for _, trained in rungs for bag in trained]
    found = bags_of(state, [c for bag in every for c in bag.networks])
    finalists = [bag.networks[0] for bag in _distinct(_sound(found))[:FINALISTS]]
    evidence = evidence_of([bag.networks[0] for bag in found], {own.id for own in finalists}, "search_refine")
    for row, bag in zip(evidence["trials"], found, strict=True):
        # One fold's loss says little of the recipe.
        row["val_loss"] = float(np.mean([network.fit.val_loss for network in bag.networks]))
    evidence["rungs"] = [{"epochs": e, "best_loss": t[0].loss} for e, t in rungs]
    evidence["folds"] = len(found[0].networks) if state.folds is not None else 0
    gain = _gain_of_longer([trained for _, trained in rungs])
    state = state.with_(epochs=_epochs([epochs for epochs, _ in rungs], gain))
    times = f", each {evidence['folds']} times, once a fold" if evidence["folds"] else ""
    shown = f"{len(found)} trainings of up to {epochs_text(rungs[-1][0])}{times}"
    if not finalists:
        return state, Step("search_refine", "fail", f"None of {shown} ended with a finite loss.", evidence)
    message = (
        f"{shown}; best: {describe(found[0].networks[0])}, {main_metric(state.task)} {found[0].loss:.4g}"
    )
    message += f"{_told_of_longer([epochs for epochs, _ in rungs], gain)}."
    return state.with_(survivors=tuple(finalists)), Step("search_refine", "pass", message, evidence)


def _told_of_longer(epochs: list[int], gain: float | None) -> str:
    """
    >>> _told_of_longer([10, 20], 0.02), _told_of_longer([10], None)
    ('; from 10 to 20 epochs the same recipes change their loss by -2.0%', '')
    """
    if gain is None:
        return ""
    if gain == -math.inf:
        return f"; in {epochs[-1]} epochs in place of {epochs[-2]} the same recipes were all lost"
    return f"; from {epochs[-2]} to {epochs[-1]} epochs the same recipes change their loss by {-gain:+.1%}"


def _sound(bags: list[Bag]) -> list[Bag]:
    return [bag for bag in bags if math.isfinite(bag.loss)]


def _distinct(found: list[Bag]) -> list[Bag]:
    """The best training of each recipe, best first: different recipes make a better ensemble than one does."""
    best: dict[int, Bag] = {}
    for bag in found:
        best.setdefault(bag.number % 1000, bag)
    return list(best.values())


def first_epochs(state: State) -> int:
    """Epochs of the first rung."""
    steps = -(-len(state.splits.train) // state.recipe.training.batch_size)
    return min(state.recipe.training.epochs, max(6, -(-LEAST_STEPS // steps)))


def _jobs(
    book: Book, state: State, recipes: list[Contender], rung: int, epochs: int, folds: int = -1
) -> list[Job]:
    folds = folds if folds >= 0 else folds_for(state) if state.folds is not None else 0
    contenders = [
        own
        for recipe in recipes
        for own in bag_of_contenders(recipe, FIRST_BAG * (rung + 1) + _number(recipe), folds, rung)
    ]
    return jobs_for(
        state, book, f"search_refine.{rung}", contenders, epochs, training={"signals": False}, folds=folds
    )


def _number(recipe: Contender) -> int:
    """Which trial of search_coarse the recipe was."""
    member = recipe.member
    return (member.id if member.held_out == VALIDATION else member.id // BAG_IDS) % 1000


def _challengers(book: Book, state: State, recipes: list[Contender]) -> list[Contender]:
    """Other architectures with the best recipe's hyperparameters: those whose training the time allows for.

    A challenger costs up to ten times as much as a perceptron, and mostly loses; so it gets one chance.
    """
    found = []
    for number, name in enumerate(state.recipe.search.challengers):
        if name == state.recipe.model.name:
            continue
        model = {"name": name, **catalogue.options_class("model", name)().model_dump(mode="json")}
        own = Contender(model, replace(recipes[0].member, id=FIRST_CHALLENGER + number))

        def fit_into(left: float, own: Contender = own) -> bool:
            jobs = _jobs(book, state, [own], 0, first_epochs(state))
            seconds = book.pace.seconds(jobs, book.workers)
            return math.isinf(left) or seconds <= SHARE_OF_CHALLENGER * left

        if book.budget.decide(f"search_refine.challenger.{name}", fit_into):
            found.append(own)
    return found


def _decide_folds(book: Book, state: State, recipes: list[Contender]) -> int:
    """Folds for the rungs: where validation rows are few, and the first rung fits into the time with folds."""
    folds = folds_for(state) if len(state.splits.validation) < FEW_VALIDATION_ROWS else 0

    def fit_into(left: float) -> int:
        jobs = _jobs(book, state, recipes, 0, first_epochs(state), folds)
        seconds = book.pace.seconds(jobs, book.workers)
        return folds if math.isinf(left) or seconds <= SHARE_OF_TIME * left else 0

    decided: int = book.budget.decide("search_refine.folds", fit_into)
    return decided


def _decide(
    book: Book, state: State, recipes: list[Contender], epochs: int, rung: int
) -> dict[str, int] | None:
    most = state.recipe.training.epochs
    if rung and epochs > most:
        return None

    def fit_into(left: float) -> dict[str, int] | None:
        plan = {"recipes": len(recipes), "epochs": min(epochs, most)}
        while not math.isinf(left):
            jobs = _jobs(book, state, recipes[: plan["recipes"]], rung, plan["epochs"])
            seconds = book.pace.seconds(jobs, book.workers)
            full = _jobs(book, state, recipes[:LEAST_BAGS] if rung else [], rung, epochs, folds_for(state))
            whole = seconds + book.pace.seconds(full, book.workers)
            if seconds <= SHARE_OF_TIME * left and whole <= SHARE_OF_REST * left:
                break
            if plan["recipes"] > 4:
                plan["recipes"] -= 1
            elif plan["epochs"] > 2 and rung == 0:
                plan["epochs"] -= 1
            else:
                return None
        return plan

    decided: dict[str, int] | None = book.budget.decide(f"search_refine.{rung}", fit_into)
    return decided


def _gain_of_longer(rungs: list[list[Bag]]) -> float | None:
    """Mean relative gain of the recipes that both of the last two rungs trained, the second time twice as long.

    Pairs of one recipe are compared, since the best of many short trainings is the luckiest too; a recipe that was
    lost the second time is no pair. −∞ where all were lost; None with one rung, when nobody knows.
    """
    if len(rungs) < 2:
        return None
    short = {bag.number % 1000: bag.loss for bag in rungs[-2]}
    pairs = [(short[bag.number % 1000], bag.loss) for bag in _sound(rungs[-1])]
    if not pairs:
        return -math.inf
    return float(np.mean([1 - after / before if before else 0.0 for before, after in pairs]))


def _epochs(tried: list[int], gain: float | None) -> int:
    """Epochs of the full training: longer still where that gains, shorter only where longer clearly loses.

    In doubt the longer of the two: what overfits a little is averaged with others, what is not learnt is lost.

    >>> _epochs([10, 20], 0.02), _epochs([10, 20], 0.0), _epochs([10, 20], -0.05), _epochs([10], None)
    (40, 20, 10, 20)
    """
    if gain is None or gain > LEAST_GAIN:
        return 2 * tried[-1]
    return tried[-1] if gain > -CLEAR_LOSS else tried[-2]
