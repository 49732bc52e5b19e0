"""A search whose ranges grow where the best value lies at their edge.

    trials ← a part of those allowed, in the ranges as given
    while the best lies at an edge, and some are left:
        ranges ← wider by half on that side
        trials ← some more, in the half of the old range on that side and in what was added
    trials ← the rest, wherever the sampler is by now

The sampler of each round is told of all trials, and what an earlier search knew guides it as before. What is asked
follows from the evaluations, so a killed search comes to the same ranges again. Each round is a plan of its own: rungs,
brackets and races begin afresh and compare the trials of their round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from retemper.core import catalogue
from retemper.core.recipe import Recipe
from retemper.core.records import Finding
from retemper.procedure.book import Book
from retemper.procedure.warm_start import in_wider
from retemper.search.declared import Limits, option
from retemper.search.edges import LEAST_TRIALS, Edge, edges_of, findings_of, outward, widened, wider
from retemper.search.space import Interval, Space
from retemper.search.study import Plan, Sampler, Study
from retemper.search.trials import Trial, ranked

PART = 8
"""One trial of so many is kept back for each time that ranges are widened."""
IN_ORDER = ("grid", "listed")
"""Samplers whose trials are all wanted: none is kept back; ranges widen if fewer were named than are allowed."""


@dataclass(frozen=True)
class Searched:
    """What came out.

    Args:
        trials: the best first.
        space: with the ranges as they were in the end.
        findings: ``edge_of_range`` for each option whose best value lay at an edge.
    """

    trials: list[Trial]
    space: Space
    findings: list[Finding]


def sampler_of(recipe: Recipe, space: Space) -> Sampler:
    """The recipe's sampler for a space."""
    tune = recipe.tune
    module = catalogue.entry("sampler", tune.sampler.name)
    built: Sampler = module.build(tune.sampler.options, space, recipe.seed, tune.trials)
    return built


def search(book: Book, recipe: Recipe, study: Study, space: Space, plan: Callable[[], Plan]) -> Searched:
    """Carry the study out, and widen ranges as far as trials and time allow.

    Args:
        book: its budget.
        recipe: with the options of ``tune``.
        study: fresh, with the sampler of the space.
        space: the ranges as given.
        plan: makes the plan of a round.
    """

    def limits(path: str) -> Limits:
        return option(path, recipe).limits

    tune = recipe.tune
    part = kept_back(recipe, space)
    study.most = tune.trials - tune.widenings * part
    trials = ranked(study.run(plan()))
    first, edges = trials[0] if trials else None, edges_of(space, trials, limits)
    found: list[Edge] = [*edges]
    # A list names what is wanted: nothing lies beyond it.
    for number in range(0 if tune.sampler.name == "listed" else tune.widenings):
        left = tune.trials - len(study.trials)
        if not edges or not left or study.out_of_time or not _time_allows(book, number, study, part or left):
            break
        space = widened(space, edges, limits)
        around = outward(space, edges)
        study.most = tune.trials - (tune.widenings - 1 - number) * part
        study.go_on_with(in_wider(study.sampler, recipe, space, partial(sampler_of, space=around)))
        trials = ranked(study.run(plan()))
        edges = edges_of(around, trials, limits)
        found += edges
    study.most = tune.trials
    trials = ranked(study.run(plan()))
    findings = findings_of(found, first, trials[0], space) if first else []
    return Searched(trials, space, findings)


def kept_back(recipe: Recipe, space: Space) -> int:
    """How many trials are kept back for each widening: none where they are few, or no range can be wider.

    >>> from retemper.search.space_file import space_of
    >>> recipe = Recipe().with_changes({"tune.trials": 64})
    >>> [kept_back(recipe, space_of({"dropout": form})) for form in ("default", [0.0, 0.5])]
    [8, 0]
    """
    tune = recipe.tune
    ranges = [
        (axis, option(path, recipe).limits) for path, axis in space.items() if isinstance(axis, Interval)
    ]
    can_grow = any(wider(axis, side, own) != axis for axis, own in ranges for side in ("low", "high"))
    if not can_grow or tune.sampler.name in IN_ORDER or tune.trials < 2 * LEAST_TRIALS:
        return 0
    return tune.trials // PART


def _time_allows(book: Book, number: int, study: Study, more: int) -> bool:
    """Whether more trials take less than half of what is left, by what those so far took."""
    seconds = sum(own.seconds for trial in study.trials.values() for own in trial.evaluations)
    needed = more * seconds / max(1, len(study.trials)) / book.workers
    return bool(book.budget.decide(f"search.widen.{number}", lambda left: needed < left / 2))
