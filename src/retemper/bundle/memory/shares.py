"""How the places of a reservoir are dealt to groups of rows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def balanced(places: int, met: Mapping[Key, int]) -> dict[Key, int]:
    """As equal as can be: a group with fewer rows than its part has all of them kept, and the others share the rest.

    Args:
        places: in all.
        met: rows of each group.

    >>> balanced(100, {"a": 1000, "b": 10, "c": 70})
    {'b': 10, 'c': 45, 'a': 45}
    >>> balanced(5, {"a": 9, "b": 9})
    {'a': 2, 'b': 3}
    """
    found: dict[Key, int] = {}
    left = places
    groups = sorted(met.items(), key=lambda group: group[1])
    for number, (key, rows) in enumerate(groups):
        found[key] = min(rows, left // (len(groups) - number))
        left -= found[key]
    return found


def halved(places: int, unseen: int, trained: int) -> tuple[int, int]:
    """Half for the rows that were never trained on, half for the others; what one half has no rows for, the other has.

    >>> halved(100, 500, 2000), halved(100, 20, 2000), halved(100, 20, 30)
    ((50, 50), (20, 80), (20, 30))
    """
    first = min(unseen, max(places // 2, places - trained))
    return first, min(trained, places - first)
