"""The space of a search: ranges of options, each under its dotted path in the recipe, some on conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Setting = dict[str, Any]
"""Dotted path → value: what one trial changes in the recipe."""


@dataclass(frozen=True)
class Interval:
    """A range of numbers, even on a straight or a logarithmic scale.

    Args:
        low, high: both ends belong to it.
        log: even in the logarithm; low must be above 0.
        integer: whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def at(self, share: float) -> float:
        """The value at a share in [0, 1] of the range.

        >>> round(Interval(1e-4, 1e-2, log=True).at(0.5), 6), Interval(1, 4, integer=True).at(0.5)
        (0.001, 3)
        """
        # A whole number has as much room as any other, the ends included.
        low, high = (self.low - 0.5, self.high + 0.5) if self.integer else (self.low, self.high)
        value = (
            math.exp(math.log(low) + share * math.log(high / low)) if self.log else low + share * (high - low)
        )
        return int(min(max(math.floor(value + 0.5), self.low), self.high)) if self.integer else value

    def share(self, value: float) -> float:
        """Where in the range a value lies: 0 at the low end, 1 at the high end."""
        if self.high == self.low:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def near_edge(self, value: float, share: float = 0.1) -> str | None:
        """``low`` or ``high`` when the value lies in the outer share of the range."""
        place = self.share(value)
        return "low" if place < share else "high" if place > 1 - share else None


@dataclass(frozen=True)
class Words:
    """A choice among values."""

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """The value at a share in [0, 1]."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


Axis = Interval | Words


@dataclass(frozen=True)
class Condition:
    """An option is there only while another has one of these values."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Space(Mapping[str, Axis]):
    """The ranges by dotted path, in the order in which they were given.

    Args:
        axes: dotted path → range.
        conditions: dotted path → when it is there; a path without a condition always is.

    >>> space = Space({"a": Words(("x", "y")), "b": Interval(0, 1)}, {"b": Condition("a", ("x",))})
    >>> space.alive({"a": "y", "b": 0.5}), list(space)
    ({'a': 'y'}, ['a', 'b'])
    """

    axes: Mapping[str, Axis]
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def __getitem__(self, path: str) -> Axis:
        return self.axes[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def alive(self, values: Setting) -> Setting:
        """The values whose conditions hold."""
        return {path: value for path, value in values.items() if self.is_alive(path, values)}

    def is_alive(self, path: str, values: Setting) -> bool:
        """Whether an option is there, given the others."""
        condition = self.conditions.get(path)
        if condition is None:
            return True
        return values.get(condition.path) in condition.values and self.is_alive(condition.path, values)

    def at(self, shares: Any) -> Setting:
        """The setting at a point [axes] of the unit cube."""
        points = zip(self.axes.items(), shares, strict=True)
        return self.alive({path: axis.at(float(share)) for (path, axis), share in points})
