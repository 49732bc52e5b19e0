"""The space of a search: ranges of options, each under its dotted path in the recipe, some on conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Setting = dict[str, Any]
"""Dotted path → value: what one trial changes in the recipe."""
Side = Literal["low", "high"]


@dataclass(frozen=True)
class Interval:
    """A range of numbers, even on a straight or a logarithmic scale.

    Args:
        low, high: both ends belong to it.
        log: even in the logarithm; low must be above 0.
        integer: whole numbers only.

    Raises:
        ValueError: an end is not finite, not whole, or on the wrong side.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def __post_init__(self) -> None:
        ends = f"but got (low={self.low}, high={self.high})"
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"low <= high must hold, both finite, {ends}")
        if self.log and self.low <= 0:
            raise ValueError(f"low > 0 must hold where log is true, {ends}")
        if self.integer and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise ValueError(f"low and high must be whole numbers where integer is true, {ends}")

    def at(self, share: float) -> float:
        """The value at a share in [0, 1] of the range.

        >>> round(Interval(1e-4, 1e-2, log=True).at(0.5), 6), Interval(1, 4, integer=True).at(0.5)
        (0.001, 3)
        """
        low, high = self._room
        value = (
            math.exp(math.log(low) + share * math.log(high / low)) if self.log else low + share * (high - low)
        )
        # Rounding may lead past an end by a last bit.
        within = min(max(math.floor(value + 0.5) if self.integer else value, self.low), self.high)
        return int(within) if self.integer else within

    def share(self, value: float) -> float:
        """The way back: where in the range a value lies, 0 at the low end, 1 at the high end.

        A whole number lies in the middle of its room.

        >>> Interval(0, 2).share(0), Interval(0, 1, integer=True).share(0)
        (0.0, 0.25)
        """
        low, high = self._room
        if high == low:
            return 0.5
        return math.log(value / low) / math.log(high / low) if self.log else (value - low) / (high - low)

    def near_edge(self, value: float, share: float = 0.1) -> Side | None:
        """``low`` or ``high`` when the value lies in the outer share of the range; an end always does."""
        if self.low == self.high:
            return None
        place = self.share(value)
        if value == self.low or place < share:
            return "low"
        return "high" if value == self.high or place > 1 - share else None

    @property
    def _room(self) -> tuple[float, float]:
        """The ends; a whole number has as much room as any other, the ends included."""
        return (self.low - 0.5, self.high + 0.5) if self.integer else (self.low, self.high)


@dataclass(frozen=True)
class Words:
    """A choice among values.

    Raises:
        ValueError: there are none.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a choice needs at least one value")

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
