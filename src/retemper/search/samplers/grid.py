"""Every combination, in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from pydantic import Field

from retemper.core.options import Options as BaseOptions
from retemper.search.distributions import key_of
from retemper.search.space import Axis, Interval, Setting, Space

MOST_COUNTED = 20_000
"""Combinations that are gone through to tell how many there are."""


class Options(BaseOptions):
    """Grid search: all combinations of the values; of a range, evenly spaced ones.

    Use when there are few options with few values, or a full table is wanted; avoid with more than three options: most
    trials then repeat what the unimportant ones say.
    """

    steps: int = Field(5, ge=2, le=1000, description="values of a range, both ends included")


class Sampler:
    """Goes through the combinations, the last option fastest; those that conditions make equal come once.

    >>> from retemper.search.space import Words
    >>> Sampler(Space({"a": Words((1, 2)), "b": Words(("x", "y"))}), 5, trials=3).ask(9)
    [{'a': 1, 'b': 'x'}, {'a': 1, 'b': 'y'}, {'a': 2, 'b': 'x'}]
    """

    def __init__(self, space: Space, steps: int, trials: int) -> None:
        self._named: set[str] = set()
        self._points = self._new(space, steps)
        self._left = trials

    def ask(self, count: int) -> list[Setting]:
        """Up to ``count`` new settings."""
        found = list(itertools.islice(self._points, min(count, self._left)))
        self._left -= len(found)
        return found

    def tell(self, values: Setting, loss: float, epochs: int = 0) -> None:
        """It is not named again: a grid of wider ranges has points of the one before."""
        self._named.add(key_of(values))

    def _new(self, space: Space, steps: int) -> Iterator[Setting]:
        for values in itertools.product(*(values_of(axis, steps) for axis in space.values())):
            setting = space.alive(dict(zip(space, values, strict=True)))
            key = key_of(setting)
            if key not in self._named:
                self._named.add(key)
                yield setting


def values_of(axis: Axis, steps: int) -> list[object]:
    """The values of an axis: a choice's own, or ``steps`` of a range, evenly spaced on its scale.

    Of a range of no more than so many whole numbers all are.

    >>> values_of(Interval(1e-3, 1e-1, log=True), 3), values_of(Interval(1, 3, integer=True), 9)
    ([0.001, 0.01, 0.1], [1, 2, 3])
    """
    if not isinstance(axis, Interval):
        return list(axis.values)
    if axis.integer and axis.high - axis.low < steps:
        return list(range(int(axis.low), int(axis.high) + 1))
    spaced = np.geomspace if axis.log else np.linspace
    values = spaced(axis.low, axis.high, steps).tolist()
    if axis.integer:
        return sorted({round(value) for value in values})
    # Without the last digits, which only the way of computing gave them; the ends stay as they are.
    inner = [float(f"{value:.12g}") for value in values[1:-1]]
    return list(dict.fromkeys([axis.low, *inner, axis.high]))


def size(options: Options, space: Space) -> int:
    """How many settings a grid has; where it has many, those that conditions make equal count apart.

    >>> from retemper.search.space import Condition, Words
    >>> space = Space({"a": Words((1, 2)), "b": Interval(0.0, 1.0)}, {"b": Condition("a", (2,))})
    >>> size(Options(steps=5), space)
    6
    """
    combinations = math.prod(len(values_of(axis, options.steps)) for axis in space.values())
    if not space.conditions or combinations > MOST_COUNTED:
        return combinations
    return len(Sampler(space, options.steps, combinations).ask(combinations))


def build(options: Options, space: Space, seed: int, trials: int) -> Sampler:
    """The sampler for at most ``trials`` trials."""
    return Sampler(space, options.steps, trials)
