"""What an earlier search knew, in terms of a new one: its settings that the new space has, with their losses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
        beyond: those of them that wider ranges may have, on the same scale.
    """

    run: str
    known: Known
    left_out: int = 0
    beyond: Known = field(default_factory=list)

    def within(self, space: Space) -> Known:
        """What is known of a space that may be wider than the one that was begun with, the best first.

        >>> from retemper.search.space import Interval
        >>> before = Before("", [({"a": 0.5}, 2.0)], 2, [({"a": 1.5}, 1.0), ({"a": 9.0}, 3.0)])
        >>> [loss for _, loss in before.within(Space({"a": Interval(0.0, 2.0)}))]
        [1.0, 2.0]
        """
        ours = Distributions(space)
        known = [pair for pair in (*self.known, *self.beyond) if ours.coded(pair[0]) is not None]
        return sorted(known, key=lambda pair: pair[1])

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
    told, ours = Told(), Distributions(space)
    losses: dict[tuple[int, int], list[float]] = {}
    moved: dict[int, Setting | None] = {}
    for evaluation in evaluations:
        order = evaluation.order
        moved.setdefault(order.trial, moves.moved(order.values))
        # Folds that were trained in several rounds count together.
        losses.setdefault((order.trial, order.epochs), []).extend(evaluation.losses.values() or [math.nan])
    for (trial, epochs), own in losses.items():
        if (setting := moved[trial]) is not None:
            told.add(setting, math.fsum(own) / len(own), epochs)
    ranked = sorted(told.levelled(), key=lambda pair: pair[1])
    inside = [ours.coded(values) is not None for values, _ in ranked]
    left_out = sum(setting is None or ours.coded(setting) is None for setting in moved.values())
    known, beyond = (
        [pair for pair, own in zip(ranked, inside, strict=True) if own == side] for side in (True, False)
    )
    return Before(run, known, left_out, beyond)


class Moves:
    """The way of a setting from one search to another."""

    def __init__(self, old: Recipe, new: Recipe, space: Space) -> None:
        self._space = space
        self._old, self._new = old.model_dump(mode="json"), new.model_dump(mode="json")

    def moved(self, values: Setting) -> Setting | None:
        """What the options of the new space are where the same is trained, in or out of their ranges.

        None: something else differs.
        """
        if any(_at(self._new, path) != value for path, value in values.items() if path not in self._space):
            return None
        return self._space.alive({path: values.get(path, _at(self._old, path)) for path in self._space})


def _at(tree: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None: the family that is chosen has no such option."""
    value: Any = tree
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
