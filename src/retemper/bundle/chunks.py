"""Rows of any number in parts that fit in memory once prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import polars as pl

from retemper.core.errors import InputError

CHUNK_ROWS = 65_536
Found = TypeVar("Found")


def by_chunk(frame: pl.DataFrame, work: Callable[[pl.DataFrame], Found]) -> list[Found]:
    """What comes of parts that fit in memory once prepared; a frame without rows is one part.

    >>> by_chunk(pl.DataFrame({"a": [1, 2]}), lambda rows: rows.height)
    [2]
    """
    found = []
    for start in range(0, max(1, frame.height), CHUNK_ROWS):
        try:
            found.append(work(frame.slice(start, CHUNK_ROWS)))
        except InputError as error:
            raise error.after(start) from None
    return found
