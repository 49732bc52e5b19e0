"""Which treatments of the columns help: each is raced against the table as it is, and kept where validation gains.

A treatment is a change of the recipe's ``prepare`` (a logarithm, ratios of two columns, group means, imputation,
selection) that cheap statistics propose. All of them train short, with the same networks on the same folds; a
treatment is kept when it lowers the loss of held-out rows beyond noise, at a level divided by the number tried.
Several that are kept must also do well together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from retemper.core.recipe import Recipe
from retemper.data.before_after import cleaned
from retemper.data.features.relevance import sampled_rows
from retemper.data.prepare import Preparer
from retemper.data.propose import Proposal, propose
from retemper.evaluation.intervals import paired_gain
from retemper.procedure import goal, inside_folds
from retemper.procedure.baselines import drawn
from retemper.procedure.book import Book, State, bags_of, candidates_of, validation_rows
from retemper.procedure.contenders import EVERY, Bag
from retemper.procedure.cross_fitting import REPEATS, bag_of_contenders, dealt, folds_for
from retemper.procedure.inside_folds import chosen_by_target
from retemper.procedure.jobs import contender_of, jobs_for
from retemper.procedure.prepare import prepare, rows_to_fit
from retemper.procedure.rows import groups_that_judge
from retemper.procedure.treatments_together import for_goal, given_up, merged, rivals
from retemper.training import arrays
from retemper.training.job import Job
from retemper.training.pages import first_of_each, gathered

FIRST_BAG = 700
SHARE_OF_TIME = 0.08
"""Of the time left, for all treatments."""
LEVEL = 0.05
LEAST_STEPS = 300
MOST_ROWS = 20_000
"""Training rows a race sees, and validation rows from which on folds are not needed to judge."""
FEW_VALIDATION_ROWS = 3000


@dataclass(frozen=True)
class Raced:
    """A preparation with the networks trained on it; ``folded`` is its state with the folds they are judged by."""

    state: State
    folded: State
    bag: Bag


def run(book: Book, state: State) -> tuple[State, list[dict[str, Any]]]:
    """Race what is proposed for this table.

    Returns:
        the state with the kept treatments in its recipe and arrays, and for each proposal a record: ``name``,
        ``why``, ``changes``, ``verdict`` (kept, reverted, not_tried), ``columns`` (names of new or lost inputs),
        ``before``, ``after``, ``gain``, ``low``, ``high`` (95 %), and ``cleaned``: the cells it changes, see
        :func:`cleaned_by`.
    """
    if not state.recipe.data.clean:
        return state, []
    allowed = book.budget.decide("treat.seconds", lambda left: SHARE_OF_TIME * left)
    if not book.budget.decide(
        "treat.any", lambda left: math.isinf(left) or _seconds(book, state, 2) <= allowed
    ):
        return state, [_record(Proposal("all", "the time does not allow a single race", {}), "not_tried")]
    _, target, data = state.ready
    at = sampled_rows(len(state.splits.train), len(state.schema.features()))
    y = gathered(data.train.y, at)
    y = y if state.task == "classification" else target.unscale(y.astype(float))
    sample = state.table.frame[state.splits.train[at]]
    proposals = propose(sample, state.schema, y, state.findings, state.recipe.prepare)
    proposals += goal.imbalance_treatments(state)
    end = book.budget.left_s() - allowed if book.budget.limited else 0.0
    few = _few(state)
    told = []
    base: Raced | None = None
    kept: list[tuple[float, Proposal, Raced]] = []
    waiting = list(enumerate(proposals, start=1))
    while count := _affordable(book, state, waiting, base is None, end):
        entrants = [
            (number, state.recipe.with_changes(proposal.changes)) for number, proposal in waiting[:count]
        ]
        raced = _race(book, few, entrants if base else [(0, few.recipe), *entrants], end)
        base = base or raced[0]
        for (_, proposal), own in zip(waiting[:count], raced[-count:], strict=True):
            record = _judge(base, own, proposal, len(proposals))
            told.append(record)
            if record["verdict"] == "kept":
                kept.append((record["gain"], proposal, own))
        waiting = waiting[count:]
    told += [_record(proposal, "not_tried") for _, proposal in waiting]
    # A goal has units of its own, and is what the recipe asks for.
    kept.sort(key=lambda entry: (not for_goal(entry[1]), -entry[0]))
    why = rivals([proposal for _, proposal, _ in kept])
    return _together(book, state, [own for own in kept if own[1].name not in why], given_up(told, why))


def _together(
    book: Book, state: State, kept: list[tuple[float, Proposal, Raced]], told: list[dict[str, Any]]
) -> tuple[State, list[dict[str, Any]]]:
    """All kept treatments at once where they do at least as well as the best alone; else that one."""
    if not kept:
        return state, told
    best, few = kept[0][2], _few(state)
    if len(kept) > 1:
        recipe = state.recipe.with_changes(merged([proposal for _, proposal, _ in kept]))
        (joint,) = _race(book, few, [(len(told) + 1, recipe)])
        if not math.isnan(joint.bag.loss) and for_goal(kept[0][1]):
            adds = _goal_gain(kept[0][2], joint)[0] >= 0
        else:
            adds = joint.bag.loss <= min(own.bag.loss for _, _, own in kept)
        if adds:
            best = joint
        else:
            why = f"does not add to {kept[0][1].name}"
            told = given_up(told, {proposal.name: why for _, proposal, _ in kept[1:]})
    found = best.state if few is state else _prepared(state, best.state.recipe, len(told) + 2)
    book.pace.shape = found.ready[2].shape
    return found, told


def _few(state: State) -> State:
    """The state for races: no more training rows than a preparation is fitted on, and one of each class.

    A race trains on 20,000 rows: to prepare millions for each treatment would cost minutes, and memory where a
    treatment looks at all rows at once. What is kept is prepared in full.
    """
    train = state.splits.train
    rows = rows_to_fit(train, state.recipe)
    if len(rows) == len(train):
        return state
    if state.task == "classification":
        rows = np.union1d(rows, train[first_of_each(state.ready[2].train.y)])
    return state.with_(splits=replace(state.splits, train=rows))


def _race(book: Book, state: State, entrants: list[tuple[int, Recipe]], end: float = 0.0) -> list[Raced]:
    """Prepare the rows by each recipe, and train a bag on each; number 0 is the table as it is."""
    folds = _folds(state)
    states = [_prepared(state, recipe, number) for number, recipe in entrants]
    folded = [dealt(own, folds) for own in states]
    apart = [
        inside_folds.prepared(book, own, end) if folds and chosen_by_target(own.recipe.prepare) else None
        for own in folded
    ]
    whole = [_jobs(book, own, number, folds) for own, (number, _) in zip(folded, entrants, strict=True)]
    jobs = [
        own if parts is None else inside_folds.jobs(parts, own[0])
        for own, parts in zip(whole, apart, strict=True)
    ]
    seconds = SHARE_OF_TIME * book.budget.left_s() if book.budget.limited else 0.0
    results = iter(book.train([job for own in jobs for job in own], seconds, tell=False))
    bags = []
    for own, parts, wanted in zip(folded, apart, jobs, strict=True):
        found = [next(results) for _ in wanted]
        if parts is None:
            bags.append(bags_of(own, candidates_of(own, found[0]))[0])
        else:
            bags.append(inside_folds.bag(own, parts, found))
    return [Raced(*entry) for entry in zip(states, folded, bags, strict=True)]


def _prepared(state: State, recipe: Recipe, number: int) -> State:
    if not number and len(state.ready[2].train.y) == len(state.splits.train):
        return state
    place = state.data_folder.parent / f"arrays.{number}"
    splits = state.splits
    prepared = prepare(state.table.frame, state.schema, recipe, splits.train, splits.validation, place)
    return state.with_(
        recipe=recipe,
        preparer=prepared.preparer,
        target=prepared.target,
        arrays=arrays.save(prepared.arrays, place),
        data_folder=place,
    )


def _folds(state: State) -> int:
    return folds_for(state) if len(state.splits.validation) < FEW_VALIDATION_ROWS else 0


def _jobs(book: Book, state: State, number: int, folds: int) -> list[Job]:
    """The same networks whatever the preparation: ids, folds and rates don't depend on the treatment."""
    contender = contender_of(state.recipe.with_changes(_rate(state)), 0)
    members = bag_of_contenders(contender, FIRST_BAG, folds, REPEATS - 1)
    batch = state.recipe.training.batch_size
    rows = min(MOST_ROWS, len(state.splits.train))
    epochs = max(state.recipe.search.coarse_epochs, -(-LEAST_STEPS * batch // rows))
    changes: dict[str, Any] = {"folds": folds} if folds else {"rows": rows}
    return jobs_for(state, book, f"treat.{number}", members, epochs, training={"signals": False}, **changes)


def _rate(state: State) -> dict[str, Any]:
    if state.rate_range is None:
        return {}
    return {"training.optimizer.learning_rate": min(state.rate_range[1] / 3, 0.03)}


def _affordable(
    book: Book, state: State, waiting: list[tuple[int, Proposal]], with_base: bool, end: float
) -> int:
    """How many of those that wait race next, the untreated table with them where it has not yet: what time allows.

    A bag of folds keeps all workers busy; without folds each has a network of its own to train.
    """
    if not waiting:
        return 0
    most = 1 if _folds(state) else max(1, book.workers - with_base)

    def fit_into(left: float) -> int:
        count = min(most, len(waiting))
        while count and not math.isinf(left):
            if _seconds(book, state, count + with_base) <= left - end:
                break
            count -= 1
        return count

    decided: int = book.budget.decide(f"treat.{waiting[0][0]}", fit_into)
    return decided


def _seconds(book: Book, state: State, count: int) -> float:
    """Of so many that race side by side."""
    jobs = [job for k in range(count) for job in _jobs(book, state, k, _folds(state))]
    return book.pace.seconds(jobs, book.workers)


def _judge(base: Raced, own: Raced, proposal: Proposal, tried: int) -> dict[str, Any]:
    if not own.bag.networks:
        return _record(proposal, "not_tried") | {"note": "no time to choose its columns in each fold"}
    if len(own.bag.outputs) != len(base.bag.outputs):
        return _record(proposal, "not_tried") | {"note": "too many inputs to keep them once for each fold"}
    if not math.isfinite(own.bag.loss) or not math.isfinite(base.bag.loss):
        return _record(proposal, "reverted") | {"before": base.bag.loss, "after": own.bag.loss}
    gain, low, high = _goal_gain(base, own) if for_goal(proposal) else _gain(base, own)
    deviation = (high - low) / (2 * norm.ppf(0.975))
    proved = gain > norm.ppf(1 - LEVEL / tried) * deviation
    return _record(proposal, "kept" if proved else "reverted") | {
        "before": base.bag.loss,
        "after": own.bag.loss,
        "gain": gain,
        "low": low,
        "high": high,
        "columns": _columns(base.state.preparer, own.state.preparer),
        "cleaned": cleaned_by(own.state),
    }


def cleaned_by(state: State) -> list[dict[str, Any]]:
    """What the preparation does to training rows, at most 250,000: see :func:`retemper.data.before_after.cleaned`."""
    preparer, rows = state.ready[0], drawn(len(state.splits.train), state.recipe.seed, "rows cleaned")
    return cleaned(preparer, state.table.frame[state.splits.train[rows]], state.recipe.prepare)


def _gain(base: Raced, own: Raced) -> tuple[float, float, float]:
    """How much lower the main metric is on the same held-out rows, with its 95 % interval."""
    state = base.folded
    return paired_gain(
        validation_rows(base.folded, base.bag.outputs, EVERY),
        validation_rows(own.folded, own.bag.outputs, EVERY),
        state.recipe.procedure.bootstrap,
        state.recipe.seed,
        state.judges(EVERY)[1],
        root=state.task == "regression",
        group=groups_that_judge(state),
    )


def _goal_gain(base: Raced, own: Raced) -> tuple[float, float, float]:
    before, after = (raced.bag.outputs.astype(np.float64) for raced in (base, own))
    return goal.goal_gain(base.folded, before, after)


def _columns(before: Preparer | None, after: Preparer | None) -> dict[str, list[str]]:
    """Raw numbers that a treatment adds and takes away."""
    assert before is not None and after is not None
    old, new = before.number_names, after.number_names
    return {"new": [n for n in new if n not in old], "left_out": [n for n in old if n not in new]}


def _record(proposal: Proposal, verdict: str) -> dict[str, Any]:
    return {"name": proposal.name, "why": proposal.why, "changes": proposal.changes, "verdict": verdict}


def sentence(told: list[dict[str, Any]]) -> str:
    """What was tried and kept, for the step's message; empty when nothing was proposed.

    >>> sentence([{"name": "logarithms", "verdict": "kept"}, {"name": "ranks", "verdict": "reverted"}])
    'Treatments of columns: logarithms kept, ranks reverted. '
    """
    named = [f"{record['name']} {record['verdict'].replace('_', ' ')}" for record in told]
    return f"Treatments of columns: {', '.join(named)}. " if named else ""
