"""ADWIN, the adaptive window: has the mean of a stream changed, and since when?"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from retemper.retraining.streams.options import in_range

BUCKETS = 5
"""Of each size; two of the oldest become one of twice the size."""


@dataclass(slots=True)
class _Bucket:
    """Values that follow each other: how many, their sum and their squared deviations from their mean."""

    rows: int
    total: float
    squares: float

    def with_(self, other: _Bucket) -> _Bucket:
        rows = self.rows + other.rows
        gap = self.total / self.rows - other.total / other.rows
        squares = self.squares + other.squares + gap * gap * self.rows * other.rows / rows
        return _Bucket(rows, self.total + other.total, squares)


class ADWIN:
    """Keeps the longest window of last values whose mean has not changed (Bifet & Gavaldà 2007).

    "Learning from time-changing data with adaptive windowing": the window is cut wherever the means of its older part
    (n₀ rows) and newer part (n₁) differ by more than

        ε = √(2 σ² ln(2 / δ') / m) + 2 ln(2 / δ') / (3 m),   1 / m = 1 / n₀ + 1 / n₁,   δ' = δ / ln(n₀ + n₁).

    The window is held in buckets of doubling size, so that n values take O(log n) memory. Made for values of 0 ... 1.

    Args:
        delta: chance of a false alarm at a cut, between 0 and 1.
        every: values from one look for a cut to the next, 1 or more.
        least_rows: of each part, 1 or more.

    >>> detector = ADWIN()
    >>> rows = [0.2, 0.3] * 200 + [0.8, 0.9] * 40
    >>> [row for row, value in enumerate(rows) if detector.update(value)]
    [415, 447]
    >>> detector.rows, round(detector.mean, 2)  # mostly what came after the change
    (96, 0.75)
    """

    def __init__(self, delta: float = 0.002, every: int = 32, least_rows: int = 5) -> None:
        self.delta = in_range("delta", delta, above=0.0, below=1.0)
        self.every = int(in_range("every", every, low=1))
        self.least_rows = int(in_range("least_rows", least_rows, low=1))
        self._seen = 0
        self._sizes: list[deque[_Bucket]] = [deque()]

    @property
    def rows(self) -> int:
        """Values in the window."""
        return sum(bucket.rows for bucket in self._oldest_first())

    @property
    def mean(self) -> float:
        """Mean of the window; NaN without values."""
        return sum(bucket.total for bucket in self._oldest_first()) / self.rows if self.rows else math.nan

    def update(self, value: float) -> bool:
        """Take a finite value; True when the window was cut, which then holds what came after the change.

        Raises:
            InputError: the value is not finite.
        """
        self._sizes[0].append(_Bucket(1, in_range("value", value), 0.0))
        self._merge()
        self._seen += 1
        if self._seen % self.every:
            return False
        found = False
        while self._can_be_cut():
            self._drop_oldest()
            found = True
        return found

    def _merge(self) -> None:
        for size, buckets in enumerate(self._sizes):
            if len(buckets) <= BUCKETS:
                return
            if size + 1 == len(self._sizes):
                self._sizes.append(deque())
            self._sizes[size + 1].append(buckets.popleft().with_(buckets.popleft()))

    def _oldest_first(self) -> Iterator[_Bucket]:
        return (bucket for buckets in reversed(self._sizes) for bucket in buckets)

    def _can_be_cut(self) -> bool:
        buckets = list(self._oldest_first())
        if not buckets:
            return False
        whole = buckets[0]
        for bucket in buckets[1:]:
            whole = whole.with_(bucket)
        old, total = 0, 0.0
        for bucket in buckets[:-1]:
            old, total = old + bucket.rows, total + bucket.total
            new = whole.rows - old
            if min(old, new) < self.least_rows:
                continue
            if abs(total / old - (whole.total - total) / new) > self._bound(whole, old, new):
                return True
        return False

    def _bound(self, whole: _Bucket, old: int, new: int) -> float:
        inverse = 1 / old + 1 / new
        doubt = math.log(2 * max(1.0, math.log(whole.rows)) / self.delta)
        variance = whole.squares / whole.rows
        return math.sqrt(2 * variance * doubt * inverse) + 2 / 3 * doubt * inverse

    def _drop_oldest(self) -> None:
        largest = next(buckets for buckets in reversed(self._sizes) if buckets)
        largest.popleft()
