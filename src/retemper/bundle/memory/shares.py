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


UNSEEN_SHARE = 0.25
"""A quarter of the rows can tell a large loss, and each row more that judges is one less to learn from."""


def dealt(places: int, unseen: int, trained: int) -> tuple[int, int]:
    """A quarter for the rows that were never trained on, the rest for the others; what one side lacks, the other has.

    >>> dealt(100, 500, 2000), dealt(100, 20, 2000), dealt(100, 20, 30)
    ((25, 75), (20, 80), (20, 30))
    """
    first = min(unseen, max(round(UNSEEN_SHARE * places), places - trained))
    return first, min(trained, places - first)
