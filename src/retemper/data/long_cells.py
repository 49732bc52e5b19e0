"""CSV cells of any length for Python's reader, which refuses more than 131,072 characters by default."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def long_cells(most: int) -> Iterator[None]:
    """Let cells have up to so many characters; Python keeps one limit for all threads, so one at a time sets it.

    >>> with long_cells(1 << 20):
    ...     len(next(csv.reader(["x" * (1 << 20)]))[0])
    1048576
    """
    with _ONE_AT_A_TIME:
        before = csv.field_size_limit(most + 1)
        try:
            yield
        finally:
            csv.field_size_limit(before)
