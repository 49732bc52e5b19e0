"""Options as columns for a regression tree, and a tree as boxes over them.

A numeric option, or a choice among numbers, is one column: its share of the range. Any other choice is one column a
value, 0 or 1. Each option is cut into cells, so that a leaf of a tree is a box: how much of each cell it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from retemper.search.space import Axis, Interval, Setting, Words

Floats = NDArray[np.float64]
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

    @property
    def columns(self) -> int:
        """Columns of a tree's input."""
        return 1 if self.ordered else len(self.values)

    def coded(self, values: Sequence[Any]) -> Floats:
        """Values as columns [values, columns]."""
        if self.axis is not None:
            return np.array([[self.axis.share(value)] for value in values])
        places = np.array([self.values.index(value) for value in values])
        if self.ordered:
            return (places[:, None] + 0.5) / len(self.values)
        each: Floats = np.eye(len(self.values))[places]
        return each

    def drawn(self, rng: np.random.Generator, count: int) -> Floats:
        """Columns of values drawn evenly from the range."""
        if self.axis is not None:
            return rng.random((count, 1))
        return self.coded([self.values[k] for k in rng.integers(len(self.values), size=count)])

    def covered(self, low: Floats, high: Floats) -> Floats:
        """How much of each cell boxes cover [boxes, cells]; ``low`` and ``high`` are their ends [boxes, columns]."""
        if not self.ordered:
            # A box goes to both sides of ½ where it takes a value or any other, else to one of them.
            must, may = low >= 0.5, high > 0.5
            return (may & (must | ~must.any(axis=1, keepdims=True))).astype(np.float64)
        edges = np.linspace(0.0, 1.0, len(self.values) + 1)
        overlap = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
        share: Floats = np.clip(overlap, 0.0, None) * len(self.values)
        return share


def cells_of(path: str, axis: Axis) -> Cells:
    """An option's cells; a choice among numbers is put in their order.

    >>> cells_of("width", Words((64, 16, 32))).values, cells_of("rate", Interval(1, 5, integer=True)).values
    ((16, 32, 64), (1, 2, 3, 4, 5))
    """
    if isinstance(axis, Words):
        ordered = all(isinstance(v, int | float) and not isinstance(v, bool) for v in axis.values)
        return Cells(path, tuple(sorted(axis.values)) if ordered else axis.values, None, ordered)
    steps = int(axis.high - axis.low) + 1 if axis.integer and not axis.log else MOST_CELLS
    count = min(MOST_CELLS, steps)
    return Cells(path, tuple(axis.at((k + 0.5) / count) for k in range(count)), axis, True)


def coded(options: Sequence[Cells], settings: Sequence[Setting]) -> Floats:
    """Settings as input of a tree [settings, columns]."""
    return np.hstack([own.coded([setting[own.path] for setting in settings]) for own in options])


class Boxes:
    """The leaves of a tree.

    Args:
        tree: fitted on :func:`coded` settings.
        options: in the order of the columns.
    """

    def __init__(self, tree: DecisionTreeRegressor, options: Sequence[Cells]) -> None:
        low, high, leaves = _boxes(tree.tree_)
        ends = np.cumsum([0, *(own.columns for own in options)])
        self.values = tree.tree_.value[leaves, 0, 0]
        self.covered = [
            own.covered(low[:, a:b], high[:, a:b])
            for own, a, b in zip(options, ends[:-1], ends[1:], strict=True)
        ]
        self._shares = np.array([covered.mean(axis=1) for covered in self.covered])

    def marginal(self, *options: int) -> Floats:
        """The tree's mean over all other options: [cells] of one option, [cells, cells] of two."""
        others = np.delete(self._shares, options, axis=0).prod(axis=0)
        weighted = (self.values * others)[:, None] * self.covered[options[0]]
        mean: Floats = weighted.sum(axis=0) if len(options) == 1 else weighted.T @ self.covered[options[1]]
        return mean


def _boxes(tree: Any) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Low and high ends [leaves, columns] of the leaves in the unit cube, and the leaves' nodes."""
    low, high = np.zeros((tree.node_count, tree.n_features)), np.ones((tree.node_count, tree.n_features))
    level = np.array([0]) if tree.children_left[0] >= 0 else np.array([], dtype=int)
    while len(level):
        left, right = tree.children_left[level], tree.children_right[level]
        for children in (left, right):
            low[children], high[children] = low[level], high[level]
        high[left, tree.feature[level]] = tree.threshold[level]
        low[right, tree.feature[level]] = tree.threshold[level]
        inner = np.concatenate([left, right])
        level = inner[tree.children_left[inner] >= 0]
    leaves = np.flatnonzero(tree.children_left < 0)
    return low[leaves], high[leaves], leaves
