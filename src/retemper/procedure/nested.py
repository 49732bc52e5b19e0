"""Nested cross-validation for small tables: how good is what this run does, judged by every row it may judge by?

A few test rows give a wide interval, and the search's own best figure was chosen for being the best. So training and
validation rows are dealt out to outer folds, several times over (repeated k-fold). Without the rows of a fold the
choice is made anew: preparation, recipes raced on inner folds, best epochs, ensemble, temperature and threshold;
what comes out judges the fold (Varma & Simon 2006). The inner figures, chosen as the run chose its own, show
beside it how much choosing flatters. The test rows stay sealed, and nothing is chosen by the outcome.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from retemper.core.budget import Budget
from retemper.core.records import NotApplicable, to_json
from retemper.evaluation.metrics import main_metric
from retemper.procedure import calibrate, ensemble
from retemper.procedure.book import Book, State, candidates_of
from retemper.procedure.contenders import Contender
from retemper.procedure.cross_fitting import bag_of_contenders, folds_for
from retemper.procedure.jobs import contender_of, jobs_for
from retemper.procedure.nested_facts import Judged, facts_of, held_out_scores
from retemper.procedure.outer_folds import Outer, outer_folds
from retemper.procedure.test_once import model_of
from retemper.training.job import Job

FIRST_BAG = 40_000
MOST_RECIPES = 100
SHARE_OF_LIMIT = 0.15
"""Of the time limit, set aside from the start."""
SHARE_OF_TIME = 0.8
"""Of what is left then; looking into the model wants some of it too."""
LEAST_RECIPES = 2
NO_TIME = "the time left does not allow for it"
PATIENCE, LAST_SHARE = 1.5, 0.95
"""A training may take so many times what was planned, and so much of what is left, before it is stopped and its repeat
dropped."""


def set_aside_s(state: State, budget: Budget) -> float:
    """Seconds of the time limit to keep for it; 0 where it does not apply."""
    return budget.set_aside_s(SHARE_OF_LIMIT) if why_not(state) is None else 0.0


def give_back(book: Book, state: State) -> None:
    """Before the full training: time that was set aside and can't suffice is for the model after all."""
    aside = set_aside_s(state, book.budget)
    if aside and not book.budget.decide(
        "nested.kept", lambda left: _least_s(book, state) <= SHARE_OF_TIME * aside
    ):
        book.budget.kept_s -= aside


def _least_s(book: Book, state: State) -> float:
    """Seconds of the smallest estimate there is, told from the run's own rows."""
    folds, outer = folds_for(state), state.recipe.procedure.nested_folds
    recipes = recipes_of(state, LEAST_RECIPES)[:LEAST_RECIPES]
    members = [
        own for k, recipe in enumerate(recipes) for own in bag_of_contenders(recipe, FIRST_BAG + k, folds)
    ]
    epochs = state.epochs or state.recipe.training.epochs
    # Each outer fold has the rows of the others.
    whole = book.pace.seconds(jobs_for(state, book, "nested", members, epochs, folds=folds), book.workers)
    return (outer - 1) * share_run(state) * whole


def share_run(state: State) -> float:
    """The share of their planned epochs that the run's own latest trainings took, 0 to 1.

    On few rows patience ends most of them early: a plan of 200 epochs takes as long as one of 40. What a deadline cut
    short tells nothing and counts in full.
    """
    patience = state.recipe.training.patience_epochs
    shares = [
        own.fit.epochs / own.epochs if 0 < patience <= own.fit.epochs - own.fit.best_epoch else 1.0
        for own in state.long or state.survivors
    ]
    return min(1.0, sum(shares) / len(shares)) if shares else 1.0


def why_not(state: State) -> str | None:
    """Why there is no nested estimate for this table; None where there may be one."""
    options, splits = state.recipe.procedure, state.splits
    rows = len(splits.train) + len(splits.validation)
    every = rows + (0 if state.own_test_rows else splits.n_test)
    if not options.nested_rows:
        return "left out, as the recipe says (procedure.nested_rows)"
    if every > options.nested_rows:
        return (
            f"{every:,} rows: from procedure.nested_rows={options.nested_rows:,} on, the test rows say enough"
        )
    if splits.method == "time":
        return "the rows are split by time, and older rows can't be judged by networks of newer ones"
    if rows < 2 * options.nested_folds:
        return f"{rows} rows are too few for {options.nested_folds} outer folds"
    if state.schema.group:
        groups = state.table.frame[np.concatenate([splits.train, splits.validation])][state.schema.group]
        if groups.n_unique() < 2 * options.nested_folds:
            return f"{groups.n_unique()} groups are too few for {options.nested_folds} outer folds"
    return None


def run(book: Book, state: State) -> dict[str, Any]:
    """The nested estimate, or ``{"left_out": why}``; call it when bags and temperature are chosen.

    Returns:
        plain data: ``metric``; ``metrics`` {name: {value, low, high}}, 95 %; ``inner`` and ``own``, the metric that
        the inner choices and the run itself promise; ``optimism``, nested less ``own`` (above 0: it promised too much);
        ``rows`` judged, ``of_rows``, ``folds``, ``repeats``, ``recipes``, ``networks``; ``learnt_from``, the share of
        these rows that a fold's choice saw; ``not_nested``, what all rows had a say in; ``message``, one sentence.
    """
    book.budget.kept_s = 0.0
    try:
        reason = why_not(state)
        if reason is not None:
            raise NotApplicable(reason)
        if not book.budget.decide(
            "nested.begun", lambda left: math.isinf(left) or _least_s(book, state) <= left
        ):
            raise NotApplicable(NO_TIME)
        found = _estimate(book, state)
    except NotApplicable as error:
        return {"left_out": str(error)}
    plain: dict[str, Any] = to_json(found)
    return plain


def _estimate(book: Book, state: State) -> dict[str, Any]:
    options = state.recipe.procedure
    every = recipes_of(state, options.nested_recipes)
    count, repeats = len(every), []
    told = ""
    for repeat in range(options.nested_repeats):
        outers = outer_folds(book, state, repeat)
        if not outers:
            told = "no fold leaves rows of every class, or of another group, to learn from"
            break
        allowed = _decide(book, outers, every[:count], repeat)
        if not allowed:
            told = NO_TIME
            break
        count = allowed
        judged = _judge(book, outers, every[:count])
        if judged is None:
            told = "the time ran out during its trainings"
            break
        repeats += [judged] if judged else []
    if not repeats:
        raise NotApplicable(told or "no network trained to a finite loss")
    return facts_of(state, repeats, count) | ({"cut_short": told} if told else {})


def recipes_of(state: State, count: int) -> list[Contender]:
    """The recipes that are raced: the first of search_coarse, good or bad, and the architectures the model has besides.

    The search's best would bring along what they owe to the rows of the fold; its first points owe them nothing.
    """
    tried = sorted(state.trials, key=lambda trial: trial.id)[:count]
    recipes = [trial.contender for trial in tried] or [contender_of(state.recipe, 0)]
    known = {recipe.model["name"] for recipe in recipes}
    for bag, _ in state.chosen:
        model = bag.networks[0].model
        if model["name"] not in known:
            known.add(model["name"])
            recipes.insert(1, Contender(model, recipes[0].member))
    return recipes


def _jobs(book: Book, outers: list[Outer], recipes: list[Contender]) -> list[tuple[Outer, list[Job]]]:
    found = []
    for outer in outers:
        folds = folds_for(outer.state) if outer.state.folds is not None else 0
        members = [
            own
            for k, recipe in enumerate(recipes)
            for own in bag_of_contenders(recipe, FIRST_BAG + MOST_RECIPES * outer.number + k, folds, k)
        ]
        epochs = outer.state.epochs or outer.state.recipe.training.epochs
        changes: dict[str, Any] = {"training": {"signals": False}, "folds": folds}
        found.append((outer, jobs_for(outer.state, book, outer.name, members, epochs, **changes)))
    return found


def _seconds(book: Book, outers: list[Outer], recipes: list[Contender]) -> float:
    jobs = [job for _, own in _jobs(book, outers, recipes) for job in own]
    return book.pace.seconds(jobs, book.workers)


def _likely_s(book: Book, outers: list[Outer], recipes: list[Contender]) -> float:
    return share_run(outers[0].state) * _seconds(book, outers, recipes)


def _decide(book: Book, outers: list[Outer], recipes: list[Contender], repeat: int) -> int:
    """How many recipes are raced; 0: there is no time. Later repeats are like the first, or not at all."""

    def fit_into(left: float) -> int:
        least = len(recipes) if repeat else min(LEAST_RECIPES, len(recipes))
        for count in range(len(recipes), least - 1, -1):
            if math.isinf(left) or _likely_s(book, outers, recipes[:count]) <= SHARE_OF_TIME * left:
                return count
        return 0

    decided: int = book.budget.decide(f"nested.{repeat}", fit_into)
    return decided


def _judge(book: Book, outers: list[Outer], recipes: list[Contender]) -> list[Judged] | None:
    """Train all inner networks of a repeat, choose among them, and ask the choice; None: the time ran out."""
    planned = _jobs(book, outers, recipes)
    allowed = 0.0
    if book.budget.limited:
        allowed = min(PATIENCE * _seconds(book, outers, recipes), LAST_SHARE * book.budget.left_s())
    results = book.train([job for _, jobs in planned for job in jobs], allowed)
    if any(result.stopped is not None for result in results):
        return None
    found = []
    for outer, jobs in planned:
        names = {job.name for job in jobs}
        own = [
            c for result in results if result.job.name in names for c in candidates_of(outer.state, result)
        ]
        judged = _outcome(book, outer, outer.state.with_(candidates=tuple(own)))
        if judged is not None:
            found.append(judged)
    return found


def _outcome(book: Book, outer: Outer, state: State) -> Judged | None:
    """The steps that follow training, on the inner rows, then the outer ones; None: all networks were lost."""
    state, _ = ensemble.run(book, state)
    if not state.chosen:
        return None
    called = None
    # A regression would choose the width of its intervals, which no figure asks for.
    if state.task == "classification":
        state, _ = calibrate.run(book, state)
    outputs = model_of(state).outputs(state.table.frame[outer.judges])
    if state.task == "classification":
        called = state.decision.codes(outputs)
    inner = held_out_scores(state)[main_metric(state.task)]
    return Judged(outer.judges, outputs, called, inner, len(state.candidates))
