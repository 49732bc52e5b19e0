"""The race: strategies that make sense, each a short stacked run, judged by rows that its networks have not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

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
RATES = (0.3, 1.0)
"""Each course is tried at its rate times these."""
SELDOM = ("ewc", "gdumb", "new_search", "nothing")
"""Not raced by ``auto``: dearer or worse than others that are, on all that we measured; each works by its name."""
ANEW = ("from_scratch", "shrink_and_perturb")
ANEW_SHARE = 0.5
"""What begins anew, or nearly so, is raced where the budget allows at least half of a training from scratch."""
FEWEST_VISITS = 200.0
"""A network meets so many rows at least, whatever the budget says: less shows nothing."""
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

    def regret(self, ground: Ground, rows: Any = slice(None)) -> float:
        """What it is chosen by: the mean loss on these new rows, and what old rows lose against the champion."""
        new = float(np.average(self.new[rows], weights=ground.weight_new[rows]))
        means = ground.means
        if not means.new_classes:
            return new + self.lost(ground)
        if len(self.old) < OLD_ROWS:
            return new
        # Whoever must tell old classes from new ones is judged by how well it tells all of them, each class alike.
        old = row_losses(ground.grown.task, ground.y_old, self.trained.old)
        share = means.new_classes / means.classes
        return share * new + (1 - share) * float(np.average(old, weights=ground.weight_old))

    def lost(self, ground: Ground) -> float:
        """How much worse the old rows are than the champion's, in the units of the loss; 0 where they are not."""
        if len(self.old) < OLD_ROWS or not ground.old_counts:
            return 0.0
        before = ground.losses_old(ground.said_old)
        return max(0.0, float(np.average(self.old - before, weights=ground.weight_old)))


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
    share = ground.options.share(ground.means.new_classes)
    if wanted == "auto" and share < ANEW_SHARE:
        for name in ANEW:
            if found.pop(name, None):
                left_out[name] = f"a budget of {share:g} of a training from scratch is too small for it"
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
    """Each plan as a short run; courses at several rates, of which the best by the new rows stays."""
    courses = [name for name, plan in wanted.items() if isinstance(plan, Course)]
    share = ground.options.race_share * purse.work / max(1, len(courses))
    found = []
    for name, plan in wanted.items():
        purse.tell(name)
        if isinstance(plan, Recalibration):
            found.append(candidate_of(ground, name, plan, recalibrated(ground)))
        elif isinstance(plan, Course):
            seconds = ground.options.race_share * purse.budget.left_s() / max(1, len(courses))
            rates = RATES if len(wanted) > 1 else (1.0,)
            found += [
                _run(
                    ground,
                    name,
                    replace(plan, rate=plan.rate * rate),
                    places(ground, ground.count, plan.rate * rate),
                    share / len(rates),
                    purse,
                    purse.budget.deadline(f"race.{name}.{rate:g}.stopped", seconds / len(rates)),
                )
                for rate in rates
            ]
    return [own for own in found if own.trained.sound]


def long_run(ground: Ground, name: str, course: Course, purse: Purse) -> Candidate:
    """The winner with what is left of the budget: more networks, and more passes."""
    parts, sight = heaviest(ground), ground.fresh if course.start == "fresh" else ground.warm
    one = diet_of(ground, course, math.inf)
    cost = max(work_of(sight, part, one.visits) for part in parts)
    count = int(np.clip(purse.work // max(cost, 1.0), ground.count, max(ground.count, len(parts))))
    deadline = purse.budget.deadline("challenger.stopped", purse.budget.left_s())
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
    diet = diet_of(ground, course, max(FEWEST_VISITS, work / max(cost, 1.0)))
    return candidate_of(
        ground, name, course, calibrated(ground, train(ground, course, diet, own, purse.workers, deadline))
    )


def finished(ground: Ground, candidates: Sequence[Candidate], purse: Purse) -> Candidate | None:
    """The best course in full, with what is left of the budget; None where none was raced."""
    courses = [own for own in candidates if isinstance(own.plan, Course)]
    if not courses:
        return None
    best = _least(ground, courses)
    assert isinstance(best.plan, Course)
    spent = sum(own.trained.work for own in candidates)
    found = long_run(ground, best.strategy, best.plan, replace(purse, work=max(0.0, purse.work - spent)))
    return found if found.trained.sound else best


def chosen(ground: Ground, candidates: Sequence[Candidate], last: Candidate | None) -> Candidate:
    """The challenger: the course in full, or what needed no training, whichever has less regret."""
    return _least(ground, _finals(candidates, last, last))


def honest(ground: Ground, candidates: Sequence[Candidate], last: Candidate | None) -> Floats:
    """What the whole of choosing and training says of each new row, where neither has seen the row.

    A row that helped to choose a strategy speaks too well of it. So the rows of a fold are judged by what the other
    folds would have chosen: mostly the challenger, else a short run.
    """
    outputs = chosen(ground, candidates, last).trained.new.copy()
    courses = [own for own in candidates if isinstance(own.plan, Course)]
    for fold in np.unique(ground.folds):
        others = ground.folds != fold
        other = _least(ground, courses, others) if courses else None
        if last is not None and other is not None and _same(other, last):
            other = last
        own = _least(ground, _finals(candidates, last, other), others)
        outputs[~others] = own.trained.new[~others]
    return outputs


def _finals(
    candidates: Sequence[Candidate], last: Candidate | None, course: Candidate | None
) -> list[Candidate]:
    at_once = [own for own in candidates if not isinstance(own.plan, Course)]
    return [*at_once, *([] if last is None or course is None else [course])]


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether both are runs of one plan."""
    return one.strategy == other.strategy and one.plan == other.plan


def _least(ground: Ground, candidates: Sequence[Candidate], rows: Any = slice(None)) -> Candidate:
    return min(candidates, key=lambda own: own.regret(ground, rows))
