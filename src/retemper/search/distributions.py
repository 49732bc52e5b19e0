"""A space in Optuna's terms: an axis is a distribution, a value the number that Optuna keeps for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import Any

from retemper.core.records import to_json
from retemper.search.space import Axis, Interval, Setting, Space, Words

Codes = dict[str, Any]
"""Dotted path → what Optuna keeps."""


class Distributions:
    """Optuna's distributions for the axes of a space, and the way there and back.

    A range is Optuna's range of floats or integers. Of a choice Optuna sees the place in it alone, whatever the values
    are; where they are numbers, three or more, the places are in their order and one is beside the next: that 64 units
    do better than 16 says something of 128.

    >>> rate = Interval(1e-4, 1e-1, log=True)
    >>> space = Space({"rate": rate, "width": Words((128, 16, 64)), "kind": Words(("a", None))})
    >>> ours = Distributions(space)
    >>> codes = ours.coded({"rate": 0.01, "width": 128, "kind": None})
    >>> codes, ours.values(codes)
    ({'rate': 0.01, 'width': 2, 'kind': 1}, {'rate': 0.01, 'width': 128, 'kind': None})
    >>> ours.coded({"rate": 7.0, "width": 16, "kind": "a"}) is None
    True
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.by_path = {path: _distribution(axis) for path, axis in space.items()}
        self._parents_first = parents_first(space)
        self._words = {
            path: _in_order(axis.values) for path, axis in space.items() if isinstance(axis, Words)
        }
        self._places = {
            path: {key_of(value): place for place, value in enumerate(values)}
            for path, values in self._words.items()
        }

    def coded(self, values: Setting) -> Codes | None:
        """The codes of a setting; None: it is no setting of this space.

        A setting has a value within its range for each option that is there, and no others.
        """
        if set(values) != {path for path in self.space if self.space.is_alive(path, values)}:
            return None
        codes = {path: self._code(path, values[path]) for path in self.space if path in values}
        return None if any(code is None for code in codes.values()) else codes

    def values(self, codes: Codes) -> Setting:
        """The setting of some codes, what its conditions forbid left out."""
        values = {path: self.value(path, codes[path]) for path in self.space if path in codes}
        return self.space.alive(values)

    def value(self, path: str, code: Any) -> Any:
        """The value that a code stands for."""
        return self._words[path][code] if path in self._words else code

    def holds(self, path: str, value: Any) -> bool:
        """Whether a value lies on the axis of an option."""
        return self._code(path, value) is not None

    def suggested(self, trial: Any) -> Setting:
        """What an Optuna trial suggests for each option that is there, given those before it."""
        codes, values = Codes(), Setting()
        for path in self._parents_first:
            if self.space.is_alive(path, values):
                codes[path] = _suggestion(trial, path, self.by_path[path])
                values[path] = self.value(path, codes[path])
        return self.values(codes)

    def _code(self, path: str, value: Any) -> Any:
        if path in self._places:
            return self._places[path].get(key_of(value))
        axis = self.space[path]
        assert isinstance(axis, Interval)
        fits = type(value) in (int, float) and axis.low <= value <= axis.high
        return value if fits and not (axis.integer and value != int(value)) else None


def key_of(value: Any) -> str:
    """What tells values and settings apart: a list and a tuple are the same, as after a way through JSON.

    >>> key_of({"b": (1, 2), "a": 0.5}) == key_of({"a": 0.5, "b": [1, 2]})
    True
    """
    return json.dumps(to_json(value), sort_keys=True, default=repr)


def parents_first(space: Space) -> list[str]:
    """The paths of a space, each after the one that its condition asks for; else in the order of the space."""
    before = {path: [space.conditions[path].path] if path in space.conditions else [] for path in space}
    return [path for path in TopologicalSorter(before).static_order() if path in before]


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(axis, Interval):
        if axis.integer:
            return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        return FloatDistribution(axis.low, axis.high, log=axis.log)
    if _ordered(axis.values):
        return IntDistribution(0, len(axis.values) - 1)
    return CategoricalDistribution(range(len(axis.values)))


def _suggestion(trial: Any, path: str, distribution: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(path, distribution.choices)
    suggest = trial.suggest_float if isinstance(distribution, FloatDistribution) else trial.suggest_int
    return suggest(path, distribution.low, distribution.high, log=distribution.log)


def _ordered(values: Sequence[Any]) -> bool:
    return len(values) > 2 and all(type(value) in (int, float) for value in values)


def _in_order(values: Sequence[Any]) -> list[Any]:
    return sorted(values) if _ordered(values) else list(values)
