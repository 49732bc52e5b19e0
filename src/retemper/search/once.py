"""Each setting once: a space of a few values has an end, and chance names the same ones again."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from retemper.search.distributions import key_of
from retemper.search.samplers import grid
from retemper.search.space import Axis, Interval, Setting, Space

IN_VAIN = 64
"""Points in a row that bring nothing new, after which the rest of the space is counted through."""
LONGEST_AXIS = 1000
"""Values of an integer range that are still counted through."""


class Once:
    """Settings that have not been named yet.

    Args:
        space: what they belong to.

    >>> from retemper.search.space import Words
    >>> once = Once(Space({"a": Words((1, 2, 3))}))
    >>> once.is_new({"a": 2}), once.is_new({"a": 2}), once.left(), once.left(), once.left()
    (True, False, {'a': 1}, {'a': 3}, None)
    """

    def __init__(self, space: Space) -> None:
        self._named: set[bytes] = set()
        self._counted = all_settings(space)

    def is_new(self, values: Setting) -> bool:
        """Whether it is named for the first time; from now on it is not."""
        key = blake2b(
            key_of(values).encode(), digest_size=16
        ).digest()  # of thousands the words would fill memory
        new = key not in self._named
        self._named.add(key)
        return new

    def left(self) -> Setting | None:
        """The first of the settings, counted through, that is new; None: there is none, or no counting them."""
        return next((values for values in self._counted if self.is_new(values)), None)


def all_settings(space: Space) -> Iterator[Setting]:
    """Every setting of a space that has an end, one by one; none of another.

    >>> len(list(all_settings(Space({"n": Interval(1, 100, log=True, integer=True), "x": Interval(2.0, 2.0)}))))
    100
    """
    most = max((_size(axis) for axis in space.values()), default=1)
    if most > LONGEST_AXIS:
        return
    points = grid.build(grid.Options(steps=max(2, most)), space, 0, 2**62)
    while found := points.ask(1):
        yield from found


def _size(axis: Axis) -> int:
    """Values of a range; a choice has an end in any case."""
    if not isinstance(axis, Interval) or axis.low == axis.high:
        return 1
    return int(axis.high) - int(axis.low) + 1 if axis.integer else LONGEST_AXIS + 1
