"""Who is tried: the strategies that make sense, those of them that race, and by how many networks they are judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from retemper.core import catalogue
from retemper.core.errors import InputError
from retemper.core.records import NotApplicable
from retemper.retraining.course import Course, Plan
from retemper.retraining.diet import diet_of
from retemper.retraining.folds import FEWEST_FOLDS
from retemper.retraining.ground import Ground
from retemper.retraining.places import heaviest, places
from retemper.retraining.stacks import work_of

FAMILY = "strategy"
SELDOM = ("ewc", "gdumb", "new_search", "nothing", "shrink_and_perturb")
"""Not raced by ``auto``: dearer or worse than others that are, on all that we measured; each works by its name."""
FULL_RATE = 1.0
"""``auto`` goes at the champion's own rate at least: too far does no harm, since how much of the way is kept is found
afterwards (along.py)."""
BOTH_SIDES = "old and new rows"
"""The kind of courses that learn from old rows as from new ones."""
ANEW = "anew"
"""The kind of courses that show nothing in a short run."""


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
        if ground.means.new_classes or ground.same_world:  # old rows teach as much as new ones
            found = {name: plan for name, plan in found.items() if _remembers(plan, ground)}
    if wanted == "auto":
        found = {name: _at_full_rate(plan) for name, plan in found.items()}
    return found, left_out


def _at_full_rate(plan: Plan) -> Plan:
    return replace(plan, rate=max(plan.rate, FULL_RATE)) if isinstance(plan, Course) else plan


def _remembers(plan: Plan, ground: Ground) -> bool:
    """Whether old rows teach beside new ones (or nothing is trained), and what only the champion has seen is kept."""
    begun = not isinstance(plan, Course) or plan.start == "champion" or ground.past.source == "given"
    return begun and kind_of(plan) != "new rows"


def entrants(ground: Ground, wanted: Mapping[str, Plan], work: float) -> list[tuple[str, Course]]:
    """The courses that race: of each kind as many as the race's part of the purse can feed.

    A run that has not met all of its rows once shows nothing. So where the purse is small fewer run, those whose names
    come first; and with fewer than two of a kind there is no race: the first of each kind runs in full. A fresh start
    shows nothing in a short run and waits.

    Args:
        ground: the rows.
        wanted: strategies by name.
        work: multiply-adds of the whole purse, of which the race has its share.
    """
    if len(wanted) == 1:
        return []
    kinds = [courses for kind, courses in by_kind(wanted).items() if kind != ANEW]
    least = max((_once(ground, own) for courses in kinds for _, own in courses), default=1.0)
    each = int(ground.options.race_share * work / max(least, 1.0)) // max(1, len(kinds))
    return [own for courses in kinds for own in courses[:each] if len(courses) > 1] if each > 1 else []


def _once(ground: Ground, course: Course) -> float:
    """Multiply-adds of one pass over a course's rows by one network a fold."""
    meets = diet_of(ground, course, math.inf).meets
    return sum(work_of(ground.grown, own.part, meets) for own in places(ground, ground.count, course.rate))


def judged_by_fewer(ground: Ground, wanted: Mapping[str, Plan], work: float) -> Ground:
    """The ground with as many folds as the purse can feed networks for, two at least.

    A small champion's networks serve, and for each fold there is one more that only judges: of one network and five
    folds these take five sixths of the purse, and the network that serves starves with them. So folds are put together
    until each network of a course that runs in full may make all passes of the course. Where a champion has a network
    for each fold, these judge and serve in one, and where weights are averaged all of them serve: nothing is gained.

    Args:
        ground: the rows in folds.
        wanted: strategies by name.
        work: multiply-adds of the whole purse.
    """
    count, serving = ground.count, len(ground.grown.parts)
    kinds = by_kind(wanted)
    courses = [runs[0][1] for kind, runs in kinds.items() if kind != ANEW or len(wanted) == 1]
    if serving >= count or not courses or any(own.averaged for own in courses):
        return ground
    part = heaviest(ground)[0]
    dearest = max(work_of(ground.grown, part, diet_of(ground, own, math.inf).visits) for own in courses)
    fed = int(work / len(courses) / max(dearest, 1.0))
    least = min(count, max(FEWEST_FOLDS, serving + 1))
    folds = int(np.clip(fed - serving, least, count))
    # Neighbours join, as evenly as may be; what is trained on by nobody, or judges nobody, stays.
    new, old = (
        np.where(own > 0, 1 + (own - 1) * folds // count, own) for own in (ground.folds, ground.old_folds)
    )
    return replace(ground, folds=new, old_folds=old)


def by_kind(wanted: Mapping[str, Plan]) -> dict[str, list[tuple[str, Course]]]:
    """The courses by what they can be compared with in short runs, kinds by name."""
    found: dict[str, list[tuple[str, Course]]] = {}
    for name, plan in wanted.items():
        if isinstance(plan, Course):
            found.setdefault(kind_of(plan), []).append((name, plan))
    return dict(sorted(found.items()))


def kind_of(plan: Plan) -> str:
    """Courses that can be told apart by short runs are of one kind."""
    if not isinstance(plan, Course):
        return "outputs"
    if plan.start == "fresh":
        return ANEW
    return BOTH_SIDES if plan.uses_old and plan.moves == "all" else "new rows"
