"""A forest's mean curves and the shares of its variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from retemper.search.cells import Boxes, Cells, Floats

LEAST_LEAF = 3


@dataclass
class Forest:
    """Trees as one function: the mean of them.

    Args:
        boxes: the leaves of each tree.
        variance: of the function, over settings drawn evenly from the space.
    """

    boxes: list[Boxes]
    variance: float
    _curves: dict[tuple[int, ...], Floats] = field(default_factory=dict)

    def curve(self, *options: int) -> Floats:
        """The mean over all but one or two options."""
        if options not in self._curves:
            self._curves[options] = np.mean([tree.marginal(*options) for tree in self.boxes], axis=0)
        return self._curves[options]

    def share(self, *options: int) -> float:
        """Of the variance: what one option explains, or two beyond what each of them does."""
        curve = self.curve(*options)
        if len(options) == 2:
            first, second = (self.curve(k) for k in options)
            curve = curve - first[:, None] - second[None, :]
        return min(1.0, float(curve.var()) / self.variance) if self.variance > 0 else 0.0


def grown(
    x: Floats, y: Floats, options: Sequence[Cells], points: Floats, count: int, rng: np.random.Generator
) -> Forest:
    """A forest on bootstrap samples.

    Args:
        x: coded settings [trials, columns].
        y: losses [trials].
        options: what the columns mean.
        points: settings drawn evenly from the space [points, columns].
        count: trees.
        rng: draws the samples.
    """
    trees = [_tree(x, y, _drawn(len(y), rng)) for _ in range(count)]
    values = np.mean([tree.predict(points) for tree in trees], axis=0)
    return Forest([Boxes(tree, options) for tree in trees], float(values.var()))


def out_of_bag(x: Floats, y: Floats, count: int, rng: np.random.Generator) -> float:
    """R² of what trees say of trials that they have not seen."""
    total, votes = np.zeros(len(y)), np.zeros(len(y))
    for _ in range(count):
        seen = _drawn(len(y), rng)
        unseen = np.setdiff1d(np.arange(len(y)), seen)
        if len(unseen):
            total[unseen] += _tree(x, y, seen).predict(x[unseen])
            votes[unseen] += 1
    judged = votes > 0
    errors = y[judged] - total[judged] / votes[judged]
    return 1.0 - float((errors**2).mean() / y[judged].var())


def _drawn(rows: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(rows, size=rows)


def _tree(x: Floats, y: Floats, rows: np.ndarray) -> DecisionTreeRegressor:
    return DecisionTreeRegressor(min_samples_leaf=LEAST_LEAF, random_state=0).fit(x[rows], y[rows])
