"""The race: strategies that make sense, each a short stacked run, judged by rows that its networks have not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retemper.core.budget import Budget, Deadline
from retemper.evaluation.metrics import row_losses
from retemper.retraining.along import along
from retemper.retraining.calibrated import calibrated
from retemper.retraining.course import Course, Plan, Recalibration
from retemper.retraining.diet import diet_of
from retemper.retraining.entrants import BOTH_SIDES, by_kind, entrants, kind_of
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.places import Place, heaviest, places, places_to_serve
from retemper.retraining.recalibrated import recalibrated
from retemper.retraining.stacks import Trained, sight_for, train, work_of

CLEARLY = 2.0
"""Standard errors by which a short run must do better than those before it to take their place."""
HARDLY = 1.0
"""The same of what ran in full: of those that do alike the one that keeps most of the past is chosen."""
ORDER = (BOTH_SIDES, "outputs", "anew", "new rows")
ANEW_SHARE = 0.5
"""A fresh start runs in full where its part of the purse pays at least half of a training from scratch."""
OLD_ROWS = 20
"""Fewer old rows that judge have no say in the choice."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A strategy that was tried.

    Args:
        strategy: its name.
        plan: what it does.
        trained: what came of it.
        new: [new rows] loss of each, by networks that have not seen it.
        old: [old rows that judge] the same.
    """

    strategy: str
    plan: Plan
    trained: Trained
    new: Floats
    old: Floats

    def regret(self, ground: Ground, without: int | None = None) -> float:
        """What it is chosen by: the mean loss on new rows, and what old rows lose against the champion.

        Args:
            ground: the rows.
            without: a fold whose rows have no say; None: all have.
        """
        past = ground.judge_folds != without
        weight = ground.present(ground.weight_new, ground.plain_weight_old, without)
        new = float(np.average(ground.present(self.new, self.old, without), weights=weight))
        means = ground.means
        if not means.new_classes:
            return new + self.lost(ground, past)
        if past.sum() < OLD_ROWS:
            return new
        # Whoever must tell old classes from new ones is judged by how well it tells all of them, each class alike.
        old = row_losses(ground.grown.task, ground.y_old, self.trained.old)
        share = means.new_classes / means.classes
        return share * new + (1 - share) * float(np.average(old[past], weights=ground.weight_old[past]))

    def lost(self, ground: Ground, past: NDArray[np.bool_]) -> float:
        """How much worse these old rows are than the champion's, in the units of the loss; 0 where they are not."""
        if past.sum() < OLD_ROWS or not ground.old_counts:
            return 0.0
        worse = self.old - ground.losses_old(ground.said_old)
        return max(0.0, float(np.average(worse[past], weights=ground.weight_old[past])))


def candidate_of(ground: Ground, strategy: str, plan: Plan, trained: Trained) -> Candidate:
    """A trained strategy with its row losses, which have no bound where it did not stay finite."""
    if not trained.sound:
        return Candidate(
            strategy, plan, trained, *(np.full(len(y), np.inf) for y in (ground.y_new, ground.y_old))
        )
    return Candidate(strategy, plan, trained, ground.losses_new(trained.new), ground.losses_old(trained.old))


@dataclass(frozen=True)
class Purse:
    """What may be spent, and the clock."""

    scratch: float
    work: float
    budget: Budget
    workers: int
    tell: Callable[[str], None]


def short_runs(ground: Ground, wanted: Mapping[str, Plan], purse: Purse) -> list[Candidate]:
    """What costs no training, and each course that races as a short run."""
    racing = entrants(ground, wanted, purse.work)
    work = ground.options.race_share * purse.work / max(1, len(racing))
    seconds = ground.options.race_share * purse.budget.left_s() / max(1, len(racing))
    found = [
        candidate_of(ground, name, plan, recalibrated(ground))
        for name, plan in wanted.items()
        if isinstance(plan, Recalibration)
    ]
    for name, course in racing:
        purse.tell(name)
        deadline = purse.budget.deadline(f"race.{name}.{course.rate:g}.stopped", seconds)
        own = places(ground, ground.count, course.rate)
        found.append(_run(ground, name, course, own, work, purse, deadline))
    return [own for own in found if own.trained.sound]


def long_run(ground: Ground, name: str, course: Course, purse: Purse, waiting: int = 1) -> Candidate:
    """A finalist with its part of the purse: more networks, and more passes. So many finalists share the time left."""
    parts, model = heaviest(ground), sight_for(ground, course).model
    one = diet_of(ground, course, math.inf)
    cost = max(work_of(model, part, one.visits) for part in parts)
    count = int(np.clip(purse.work // max(cost, 1.0), ground.count, max(ground.count, len(parts))))
    deadline = purse.budget.deadline(f"challenger.{name}.stopped", purse.budget.left_s() / waiting)
    own = places_to_serve(ground, count, course.rate)
    return _run(ground, name, course, own, purse.work, purse, deadline)


def _run(
    ground: Ground,
    name: str,
    course: Course,
    own: Sequence[Place],
    work: float,
    purse: Purse,
    deadline: Deadline,
) -> Candidate:
    model = sight_for(ground, course).model
    cost = sum(work_of(model, place.part, 1.0) for place in own)
    diet = diet_of(ground, _patient(ground, course), work / max(cost, 1.0))
    trained = train(ground, course, diet, own, purse.workers, deadline)
    for number, steps in trained.stopped:
        purse.budget.record_stop(f"{deadline.name}.{number}", steps)
    return candidate_of(ground, name, course, calibrated(ground, trained))


def _patient(ground: Ground, course: Course) -> Course:
    """The course with as many passes as the champion's training was allowed, for ``auto``.

    The purse is there to be spent. A strategy's own number keeps it from learning few rows by heart; here the share of
    the way that pays sees to that.
    """
    if ground.options.strategy != "auto":
        return course
    return replace(course, epochs=max(course.epochs, ground.grown.recipe.training.epochs))


def finalists(
    ground: Ground,
    wanted: Mapping[str, Plan],
    candidates: Sequence[Candidate],
    purse: Purse,
    without: int | None = None,
) -> list[tuple[str, Course]]:
    """What runs in full: the best of each kind, and a fresh start where the purse allows one.

    Short runs compare like with like. What learns from new rows alone is quick, and what meets the old ones too is slow
    and often better in the end: the best of each goes on, and where a kind has not raced its first.
    """
    short = [own for own in candidates if isinstance(own.plan, Course)]
    kinds = by_kind(wanted)
    waiting = kinds.pop("anew", [])
    if len(wanted) == 1:
        return [*waiting, *(own for entries in kinds.values() for own in entries)]
    found: list[tuple[str, Course]] = []
    for kind, entries in kinds.items():
        raced = [own for own in short if kind_of(own.plan) == kind]
        if not raced:
            found.append(entries[0])
            continue
        best = _clear(ground, raced, without, CLEARLY)
        assert isinstance(best.plan, Course)
        found.append((best.strategy, best.plan))
    part = _left(candidates, purse) / max(1, len(found) + len(waiting))
    return [*found, *(waiting if part >= ANEW_SHARE * purse.scratch else [])]


def full_runs(
    ground: Ground, wanted: Mapping[str, Plan], candidates: Sequence[Candidate], purse: Purse
) -> list[Candidate]:
    """The finalists with equal parts of what is left of the purse; where none stays finite, the short runs."""
    last = finalists(ground, wanted, candidates, purse)
    found: list[Candidate] = []
    for k, (name, course) in enumerate(last):
        purse.tell(name)
        left = _left([*candidates, *found], purse)
        own = replace(purse, work=left / (len(last) - k))
        whole = long_run(ground, name, course, own, len(last) - k)
        found.append(whole)
        if len(wanted) > 1:  # who names a strategy wants that one, not a part of it
            found += _along(ground, whole)
    sound = [own for own in found if own.trained.sound]
    return sound or [own for own in candidates if isinstance(own.plan, Course)]


def _along(ground: Ground, whole: Candidate) -> list[Candidate]:
    """The finalist at every share of its way."""
    assert isinstance(whole.plan, Course)
    return [
        candidate_of(ground, whole.strategy, course, calibrated(ground, trained))
        for course, trained in along(ground, whole.plan, whole.trained)
    ]


def spent(runs: Sequence[Candidate]) -> float:
    """Multiply-adds of trainings; a share of a way costs none beside the whole of it."""
    return sum(own.trained.work for own in runs if not isinstance(own.plan, Course) or own.plan.reach == 1)


def _left(candidates: Sequence[Candidate], purse: Purse) -> float:
    return max(0.0, purse.work - spent(candidates))


def chosen(
    ground: Ground, candidates: Sequence[Candidate], full: Sequence[Candidate], without: int | None = None
) -> Candidate:
    """The challenger: of what ran in full or needed no training, that of the least regret."""
    ways: dict[tuple[str, Plan], list[Candidate]] = {}
    for own in full:
        ways.setdefault(_way(own), []).append(own)
    # Of one way the best place: nothing but noise speaks for any other. Between ways, see ORDER.
    best = [min(way, key=lambda own: own.regret(ground, without)) for way in ways.values()]
    runs = [*(own for own in candidates if not isinstance(own.plan, Course)), *best]
    return _clear(ground, sorted(runs, key=lambda own: ORDER.index(kind_of(own.plan))), without, HARDLY)


def honest(
    ground: Ground,
    wanted: Mapping[str, Plan],
    candidates: Sequence[Candidate],
    full: Sequence[Candidate],
    purse: Purse,
) -> tuple[Floats, Floats]:
    """What the whole of choosing and training says of each new row, and of each old one that judges, unseen by both.

    A row that helped to choose a strategy speaks too well of it. So the rows of a fold are judged by what the other
    folds would have chosen: mostly the challenger, else another finalist, else a short run. Where old rows tell nothing
    but what is forgotten, it is one that ran in full: no short run forgets as those that may serve.
    """
    best = chosen(ground, candidates, full).trained
    new, old = best.new.copy(), best.old.copy()
    for fold in np.unique(ground.folds):
        last_ones = finalists(ground, wanted, candidates, purse, fold)
        runs = [run for last in last_ones for run in _runs_of(last, full, candidates)]
        own = chosen(ground, candidates, runs or full, fold).trained
        new[ground.folds == fold] = own.new[ground.folds == fold]
        past = ground.judge_folds == fold
        of_past = own if ground.alike.any() else chosen(ground, candidates, full, fold).trained
        old[past] = of_past.old[past]
    return new, old


def _runs_of(
    last: tuple[str, Course], full: Sequence[Candidate], short: Sequence[Candidate]
) -> list[Candidate]:
    """The runs of a plan, in full where there are such."""
    found = [own for own in full if _way(own) == last]
    return found or [own for own in short if _way(own) == last]


def _way(own: Candidate) -> tuple[str, Plan]:
    """Candidates of one training are places on one way."""
    plan = own.plan
    return own.strategy, replace(plan, reach=1.0) if isinstance(plan, Course) else plan


def _clear(ground: Ground, runs: Sequence[Candidate], without: int | None, errors: float) -> Candidate:
    """The last of the runs that beats all before it by so many standard errors: noise chooses little."""
    best = runs[0]
    for own in runs[1:]:
        apart = ground.present(own.new - best.new, own.old - best.old, without)
        noise = float(np.std(apart)) / math.sqrt(len(apart))
        if own.regret(ground, without) < best.regret(ground, without) - errors * noise:
            best = own
    return best
