"""The race: strategies that make sense, each a short stacked run, judged by rows that its networks have not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retemper.core import catalogue
from retemper.core.budget import Budget, Deadline
from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.evaluation.metrics import row_losses
from retemper.retraining.calibrated import calibrated
from retemper.retraining.course import Course, Plan, Recalibration
from retemper.retraining.diet import diet_of
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.recalibrated import recalibrated
from retemper.retraining.stacks import Place, Trained, heaviest, places, places_to_serve, train, work_of

FAMILY = "strategy"
NOTHING = "nothing"
RATES = (1.0, 0.3)
"""Each course is tried at its rate times these."""
CLEARLY = 2.0
"""Standard errors by which a short run must do better than those before it to take their place."""
HARDLY = 1.0
"""The same of what ran in full: of those that do alike the one that keeps most of the past is chosen."""
ORDER = ("old and new rows", "outputs", "anew", "new rows")
SELDOM = ("ewc", "gdumb", "new_search", "nothing", "shrink_and_perturb")
"""Not raced by ``auto``: dearer or worse than others that are, on all that we measured; each works by its name."""
ANEW_SHARE = 0.5
"""A fresh start runs in full where its part of the purse pays at least half of a training from scratch."""
FEWEST_VISITS = 200.0
"""A network meets so many rows at least where no budget is named: less shows nothing."""
OLD_ROWS = 20
"""Fewer old rows that judge have no say in the choice."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A strategy that was tried.

    Args:
        strategy: its name.
        plan: what it does.
        trained: what came of it.
        loss_new: mean loss of the new rows, each by networks without it.
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


def plans(ground: Ground) -> tuple[dict[str, Plan], dict[str, str]]:
    """The strategies to try, and why others can't be.

    Raises:
        InputError: ``strategy_not_applicable`` for one that was named and can't be done.
    """
    names = catalogue.names(FAMILY)
    wanted = ground.options.strategy
    found: dict[str, Plan] = {}
    left_out: dict[str, str] = {}
    for name in [name for name in names if name not in SELDOM] if wanted == "auto" else [wanted]:
        module = catalogue.entry(FAMILY, name)
        try:
            found[name] = module.plan(module.Options(), ground.means)
        except NotApplicable as error:
            left_out[name] = str(error)
    if wanted != "auto" and left_out:
        why = left_out[wanted]
        raise InputError(
            "strategy_not_applicable",
            f"{wanted} can't be done here: {why}.",
            {"option": "strategy"},
            "Give what it needs, or let auto choose.",
        )
    if wanted == "auto" and ground.means.old_rows:
        # With old rows at hand the champion need not speak for them.
        found.pop("lwf", None)
    return found, left_out


@dataclass(frozen=True)
class Purse:
    """What may be spent, and the clock."""

    scratch: float
    work: float
    budget: Budget
    workers: int
    tell: Callable[[str], None]


def short_runs(ground: Ground, wanted: dict[str, Plan], purse: Purse) -> list[Candidate]:
    """Each plan as a short run; courses at several rates. A fresh start shows nothing in a short run and waits."""
    courses = [name for name, plan in wanted.items() if isinstance(plan, Course) and _kind(plan) != "anew"]
    share = ground.options.race_share * purse.work / max(1, len(courses))
    found = []
    for name, plan in wanted.items():
        purse.tell(name)
        if isinstance(plan, Recalibration):
            found.append(candidate_of(ground, name, plan, recalibrated(ground)))
        elif isinstance(plan, Course) and name in courses and len(wanted) > 1:
            seconds = ground.options.race_share * purse.budget.left_s() / max(1, len(courses))
            found += [
                _run(
                    ground,
                    name,
                    replace(plan, rate=plan.rate * rate),
                    places(ground, ground.count, plan.rate * rate),
                    share / len(RATES),
                    purse,
                    purse.budget.deadline(f"race.{name}.{rate:g}.stopped", seconds / len(RATES)),
                )
                for rate in RATES
            ]
    return [own for own in found if own.trained.sound]


def long_run(ground: Ground, name: str, course: Course, purse: Purse, waiting: int = 1) -> Candidate:
    """A finalist with its part of the purse: more networks, and more passes. So many finalists share the time left."""
    parts, sight = heaviest(ground), ground.fresh if course.start == "fresh" else ground.warm
    one = diet_of(ground, course, math.inf)
    cost = max(work_of(sight, part, one.visits) for part in parts)
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
    sight = ground.fresh if course.start == "fresh" else ground.warm
    cost = sum(work_of(sight, place.part, 1.0) for place in own)
    least = FEWEST_VISITS if ground.options.budget is None else 0.0  # a budget that is named holds
    diet = diet_of(ground, course, max(least, work / max(cost, 1.0)))
    return candidate_of(
        ground, name, course, calibrated(ground, train(ground, course, diet, own, purse.workers, deadline))
    )


def finalists(
    ground: Ground,
    wanted: Mapping[str, Plan],
    candidates: Sequence[Candidate],
    purse: Purse,
    without: int | None = None,
) -> list[tuple[str, Course]]:
    """What runs in full: the best short run of each kind, and a fresh start where the purse allows one.

    Short runs compare like with like. What learns from new rows alone is quick, and what meets the old ones too is slow
    and often better in the end: the best of each goes on.
    """
    short = [own for own in candidates if isinstance(own.plan, Course)]
    kinds = {_kind(own.plan) for own in short if isinstance(own.plan, Course)}
    found: list[tuple[str, Course]] = []
    for kind in sorted(kinds):
        best = _clear(ground, [own for own in short if _kind(own.plan) == kind], without, CLEARLY)
        assert isinstance(best.plan, Course)
        found.append((best.strategy, best.plan))
    waiting = [
        (name, plan)
        for name, plan in wanted.items()
        if isinstance(plan, Course) and (_kind(plan) == "anew" or len(wanted) == 1)
    ]
    part = _left(candidates, purse) / max(1, len(found) + len(waiting))
    affordable = len(wanted) == 1 or part >= ANEW_SHARE * purse.scratch
    return [*found, *(waiting if affordable else [])]


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
        found.append(long_run(ground, name, course, own, len(last) - k))
    sound = [own for own in found if own.trained.sound]
    return sound or [own for own in candidates if isinstance(own.plan, Course)]


def _left(candidates: Sequence[Candidate], purse: Purse) -> float:
    return max(0.0, purse.work - sum(own.trained.work for own in candidates))


def chosen(
    ground: Ground, candidates: Sequence[Candidate], full: Sequence[Candidate], without: int | None = None
) -> Candidate:
    """The challenger: of what ran in full or needed no training, that of the least regret."""
    runs = [*(own for own in candidates if not isinstance(own.plan, Course)), *full]
    return _clear(ground, sorted(runs, key=lambda own: ORDER.index(_kind(own.plan))), without, HARDLY)


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
        runs = [run for last in last_ones if (run := _run_of(last, full, candidates)) is not None]
        own = chosen(ground, candidates, runs or full, fold).trained
        new[ground.folds == fold] = own.new[ground.folds == fold]
        past = ground.judge_folds == fold
        last = own if ground.alike.any() else chosen(ground, candidates, full, fold).trained
        old[past] = last.old[past]
    return new, old


def _run_of(
    last: tuple[str, Course], full: Sequence[Candidate], short: Sequence[Candidate]
) -> Candidate | None:
    """The run of a plan, in full where there is one."""
    return next((own for own in (*full, *short) if (own.strategy, own.plan) == last), None)


def _kind(plan: Plan) -> str:
    """Courses that can be told apart by short runs are of one kind."""
    if not isinstance(plan, Course):
        return "outputs"
    if plan.start == "fresh":
        return "anew"
    return "old and new rows" if plan.uses_old and plan.moves == "all" else "new rows"


def _clear(ground: Ground, runs: Sequence[Candidate], without: int | None, errors: float) -> Candidate:
    """The last of the runs that beats all before it by so many standard errors: noise chooses little."""
    best = runs[0]
    for own in runs[1:]:
        apart = ground.present(own.new - best.new, own.old - best.old, without)
        noise = float(np.std(apart)) / math.sqrt(len(apart))
        if own.regret(ground, without) < best.regret(ground, without) - errors * noise:
            best = own
    return best
