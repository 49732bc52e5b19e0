"""Networks on an eighth, a quarter, half and all of the rows: the points of a learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.budget import Budget
from retemper.core.records import NotApplicable
from retemper.core.seeds import generator
from retemper.procedure.book import Book, State, validation_rows
from retemper.procedure.contenders import BAG_IDS, EVERY, VALIDATION, Contender
from retemper.procedure.cross_fitting import bag_of_contenders, folds_for
from retemper.procedure.jobs import job_of, member_of
from retemper.procedure.rows import groups_of_rows, groups_that_judge
from retemper.procedure.search_refine import FEW_VALIDATION_ROWS
from retemper.training.job import Job, JobResult

Floats = NDArray[np.float64]
SIZES, LEAST_SIZES = 4, 3
LEAST_ROWS, MOST_ROWS = 40, 50_000
DRAWS = 3
"""Networks (bags of them, with folds) of each size: which rows were drawn matters most where they are few."""
LEAST_DRAWS = 2
FIRST_BAG = 900
WIDTH = 64
"""Units of the curve's networks at most: what more rows bring hardly depends on it, what they cost does."""
EPOCHS, STEPS = 24, 600
"""Of each training, at least, as far as the recipe goes: a curve needs networks nearly as good as their rows allow."""
SHORTEST = 0.5
"""Where the time is short, this share of the epochs will do."""
LEAST_BATCH = 32
LEAST_S = 1.0
SLOWER = 2.0
"""Trainings on few rows may take so many times what the pace of long ones lets expect."""
SHARE_OF_LIMIT = 0.06
"""Of the time limit, set aside for the curve."""
SHARE_OF_TIME = 0.5
"""Of what is left when it comes to the curve, where that is more."""


@dataclass(frozen=True)
class Curve:
    """Losses by the number of rows.

    Args:
        rows: that were trained on, ascending [S].
        losses: for each the losses [draws, N] of the rows that judge.
        weight: of these rows [N].
        group: the number of each one's group [N]; None: rows are independent.
        have: the rows there are to train on.
        width: units of the networks, at most.
    """

    rows: list[int]
    losses: list[Floats]
    weight: Floats
    group: NDArray[np.int64] | None
    have: int
    width: int


@dataclass(frozen=True)
class Plan:
    """Place of the first size, draws of each, and epochs of the largest."""

    start: int
    draws: int
    epochs: int


def set_aside_s(state: State, budget: Budget) -> float:
    """Seconds of the time limit to keep for the curve; 0 where there is none."""
    few = len(sizes_of(len(state.splits.train))) < LEAST_SIZES
    if few or not state.recipe.procedure.understand:
        return 0.0
    return budget.set_aside_s(SHARE_OF_LIMIT)


def curve_by_size(book: Book, state: State) -> Curve:
    """Train the run's recipe on parts of the rows, small parts first, as far as the time set aside goes.

    Where validation rows are few and the rows lie in folds, every row judges: a draw is then a bag of networks, one for
    each fold. A network's rows follow from its id, a smaller part lies within the larger ones. All make the same number
    of steps: a part of the rows gets a batch that is smaller by as much, or more epochs where that would fall below 32.

    Raises:
        NotApplicable: too few rows, no time, or trainings that were lost; the message says which.
    """
    book.budget.kept_s = max(0.0, book.budget.kept_s - set_aside_s(state, book.budget))
    folds = _folds(state)
    have = len(state.splits.train)
    if folds:
        have = (have + len(state.splits.validation)) * (folds - 1) // folds
    every = sizes_of(have)
    if len(every) < LEAST_SIZES:
        raise NotApplicable(
            f"{have} rows to train on are too few to be halved twice ({LEAST_ROWS} rows at least)"
        )
    plan = _decide(book, state, every)
    if plan is None:
        raise NotApplicable("the time left does not allow for trainings on parts of the rows")
    found = _trained(book, state, every, plan)
    if len(found) < LEAST_SIZES:
        raise NotApplicable("the time ran out during the trainings on parts of the rows")
    _, weight = state.judges(EVERY if folds else VALIDATION)
    group = groups_that_judge(state) if folds else groups_of_rows(state, state.splits.validation)
    width = _light(state).get("width", WIDTH)
    return Curve(list(found), list(found.values()), weight.astype(np.float64), group, have, width)


def sizes_of(rows: int) -> list[int]:
    """All rows (50,000 at most), half of them, a quarter and so on, ascending; none smaller than 40.

    >>> sizes_of(1000), sizes_of(100)
    ([62, 125, 250, 500, 1000], [50, 100])
    """
    most = min(rows, MOST_ROWS)
    halvings = max(0, int(math.log2(max(1, most) / LEAST_ROWS))) if most >= LEAST_ROWS else -1
    return [most // 2**k for k in range(halvings, -1, -1)]


def _folds(state: State) -> int:
    few = len(state.splits.validation) < FEW_VALIDATION_ROWS
    return folds_for(state) if state.folds is not None and few else 0


def _trained(book: Book, state: State, every: Sequence[int], plan: Plan) -> dict[int, Floats]:
    """Size → losses, from ``every[plan.start]`` up; under a time limit as far as it goes."""
    budget = book.budget
    end = budget.left_s() - _allowed(book, budget.left_s()) if budget.limited else 0.0
    found: dict[int, Floats] = {}
    took, before = 0.0, 1.0
    for size in every[plan.start :]:
        jobs = _jobs(book, state, every[-1], size, plan)
        work = sum(book.pace.work(job) for job in jobs)
        if found and not _time_for(book, size, took * work / before, end):
            break
        began = budget.left_s()
        results = book.train(jobs, budget.left_s() - end if budget.limited else 0.0, tell=False)
        if any(result.stopped is not None for result in results):
            break
        found[size] = _losses(state, size, results)
        took, before = began - budget.left_s() if budget.limited else 0.0, work
    return found


def _allowed(book: Book, left: float) -> float:
    return min(left, max(SHARE_OF_LIMIT * (book.budget.limit_s or 0.0), SHARE_OF_TIME * left))


def _time_for(book: Book, size: int, seconds: float, end: float) -> bool:
    decided: bool = book.budget.decide(
        f"understand.more_data.{size}", lambda left: math.isinf(left) or seconds <= left - end
    )
    return decided


def _losses(state: State, size: int, results: Sequence[JobResult]) -> Floats:
    """The losses [draws, N] of all rows that judge."""
    folds, parts = _folds(state), [(result, k) for result in results for k in range(len(result.fits))]
    rows: dict[int, Floats] = {}
    for result, k in parts:
        member = result.fits[k].member
        own = len(state.judges(member.held_out)[0])
        said = result.outputs[k][:own]
        if not np.isfinite(said).all():
            raise NotApplicable(f"a training on {size} rows did not stay finite")
        losses = validation_rows(state, said, member.held_out)
        if not folds:
            rows[member.id] = losses
            continue
        draw = rows.setdefault(member.id // BAG_IDS, np.empty(len(state.judges(EVERY)[0])))
        draw[state.fold_rows(member.held_out)] = losses
    return np.stack([rows[key] for key in sorted(rows)])


def _jobs(book: Book, state: State, most: int, size: int, plan: Plan) -> list[Job]:
    """The trainings of one size: with folds a stack of bags, else one job for each draw of the rows."""
    training, folds, share = state.recipe.training, _folds(state), size / most
    batch = min(training.batch_size, max(LEAST_BATCH, round(share * training.batch_size)))
    smaller = batch / training.batch_size
    recipe = Contender(_light(state), member_of(state.recipe, 0))
    bags = [bag_of_contenders(recipe, FIRST_BAG + draw, folds, draw) for draw in range(plan.draws)]
    job = job_of(
        state,
        book,
        f"understand.{size}",
        tuple(own.member for bag in bags for own in bag),
        max(1, round(plan.epochs * smaller / share)),
        model=recipe.model,
        training={"signals": False, "batch_size": batch},
        rows=size,
        history="understand",
        folds=folds,
    )
    return [job] if folds else [_drawn(job, own) for own in range(plan.draws)]


def _drawn(job: Job, draw: int) -> Job:
    """One draw's network alone: without folds, the job's seed says which rows."""
    seed = generator(job.seed, "learning curve draw", draw).integers(2**31)
    return replace(job, name=f"{job.name}.{draw}", members=(job.members[draw],), seed=int(seed))


def _light(state: State) -> dict[str, Any]:
    """The recipe's model, 64 units wide at most."""
    model = state.recipe.model.as_plain()
    if model.get("widths"):
        model["widths"] = [min(WIDTH, own) for own in model["widths"]]
    return model | ({"width": min(WIDTH, model["width"])} if "width" in model else {})


def _decide(book: Book, state: State, every: list[int]) -> Plan | None:
    """What there is time for; at worst the smallest sizes; None without a second left."""
    last = max(0, len(every) - SIZES)
    training = state.recipe.training
    steps = -(-every[-1] // training.batch_size)
    epochs = min(training.epochs, max(EPOCHS, state.epochs, -(-STEPS // steps)))
    shorter = max(1, math.ceil(SHORTEST * epochs))

    def fit_into(left: float) -> list[int] | None:
        if math.isinf(left):
            return [last, DRAWS, epochs]
        for start in range(last, -1, -1):
            for draws, own in ((DRAWS, epochs), (LEAST_DRAWS, epochs), (LEAST_DRAWS, shorter)):
                sizes, plan = every[start : start + SIZES], Plan(start, draws, own)
                jobs = [job for size in sizes for job in _jobs(book, state, every[-1], size, plan)]
                if SLOWER * book.pace.seconds(jobs, book.workers) <= _allowed(book, left):
                    return [start, draws, own]
        # The pace may be wrong, and the deadline holds in any case: the time set aside is tried.
        return [0, LEAST_DRAWS, shorter] if left > LEAST_S else None

    decided = book.budget.decide("understand.more_data", fit_into)
    return None if decided is None else Plan(*map(int, decided))
