"""What an earlier search knew, in terms of a new one: its settings that the new space has, with their losses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from retemper.core.recipe import Recipe
from retemper.search.distributions import Distributions
from retemper.search.space import Setting, Space
from retemper.search.told import Known, Told
from retemper.search.trials import Evaluation


@dataclass(frozen=True)
class Before:
    """An earlier search.

    Args:
        run: where it is, for people.
        known: settings with losses on the scale of its longest training, the best first.
        left_out: settings that the new space doesn't have.
    """

    run: str
    known: Known
    left_out: int = 0

    def spread(self, count: int) -> Known:
        """Settings from the best to the worst, evenly spaced in rank, with their losses.

        >>> [loss for _, loss in Before("", [({"a": k}, float(k)) for k in range(9)]).spread(5)]
        [0.0, 2.0, 4.0, 6.0, 8.0]
        """
        last = len(self.known) - 1
        return [self.known[round(k * last / (count - 1))] for k in range(count)]


def before_of(run: str, evaluations: Iterable[Evaluation], old: Recipe, new: Recipe, space: Space) -> Before:
    """What the evaluations of an earlier search say of a new space.

    An option that only the new space has stood at the old recipe's value; of one that only the old space had, the
    value must be the new recipe's. Else the setting is none of the new space's, and is left out.

    Args:
        run: where the earlier search is.
        evaluations: its journal.
        old, new: the recipes that the two searches change.
        space: the new one.
    """
    moves = Moves(old, new, space)
    told: dict[bool, Told] = {True: Told(), False: Told()}
    losses: dict[tuple[int, int], list[float]] = {}
    values: dict[int, Setting] = {}
    for evaluation in evaluations:
        order = evaluation.order
        values[order.trial] = order.values
        # Folds that were trained in several rounds count together.
        losses.setdefault((order.trial, order.epochs), []).extend(evaluation.losses.values() or [math.nan])
    moved = {trial: moves.moved(setting) for trial, setting in values.items()}
    for (trial, epochs), own in losses.items():
        setting = moved[trial]
        told[setting is not None].add(setting or values[trial], math.fsum(own) / len(own), epochs)
    known = sorted(told[True].levelled(), key=lambda pair: pair[1])
    return Before(run, known, sum(setting is None for setting in moved.values()))


class Moves:
    """The way of a setting from one search to another."""

    def __init__(self, old: Recipe, new: Recipe, space: Space) -> None:
        self._space, self._distributions = space, Distributions(space)
        self._old, self._new = old.model_dump(mode="json"), new.model_dump(mode="json")

    def moved(self, values: Setting) -> Setting | None:
        """The setting of the new space that trains the same; None: there is none."""
        if any(_at(self._new, path) != value for path, value in values.items() if path not in self._space):
            return None
        whole = {path: values.get(path, _at(self._old, path)) for path in self._space}
        setting = self._space.alive(whole)
        return setting if self._distributions.coded(setting) is not None else None


def _at(tree: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None: the family that is chosen has no such option."""
    value: Any = tree
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
