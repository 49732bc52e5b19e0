"""Each option's range in cells: the values of a choice, or parts of a range, so that effects are tables over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.search.space import Axis, Interval, Words

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
MOST_CELLS = 40
"""Cells of a range of numbers."""


@dataclass(frozen=True)
class Cells:
    """One option's range in cells.

    Args:
        path: of the option.
        values: what each cell stands for: a value of a choice, or the middle of a part of a range.
        axis: its range; None: a choice.
        ordered: whether the values are numbers.
    """

    path: str
    values: tuple[Any, ...]
    axis: Interval | None
    ordered: bool

    def of(self, values: Sequence[Any]) -> Places:
        """The cell in which each value lies [values]."""
        if self.axis is None:
            return np.array([self.values.index(value) for value in values], dtype=np.intp)
        shares = np.array([self.axis.share(value) for value in values])
        return np.clip((shares * len(self.values)).astype(np.intp), 0, len(self.values) - 1)


def cells_of(path: str, axis: Axis) -> Cells:
    """An option's cells; a choice among numbers is put in their order.

    >>> cells_of("width", Words((64, 16, 32))).values, cells_of("rate", Interval(1, 5, integer=True)).values
    ((16, 32, 64), (1, 2, 3, 4, 5))
    >>> cells_of("width", Words((64, 16, 32))).of([64, 16]).tolist()
    [2, 0]
    """
    if isinstance(axis, Words):
        ordered = all(isinstance(v, int | float) and not isinstance(v, bool) for v in axis.values)
        return Cells(path, tuple(sorted(axis.values)) if ordered else axis.values, None, ordered)
    if axis.low == axis.high:
        return Cells(path, (axis.low,), axis, True)
    steps = int(axis.high - axis.low) + 1 if axis.integer and not axis.log else MOST_CELLS
    count = min(MOST_CELLS, steps)
    return Cells(path, tuple(axis.at((k + 0.5) / count) for k in range(count)), axis, True)
