"""How hard is a row to predict? A positive number that a prediction interval's width follows.

Three estimates, from plain to rich: the same for every row; the spread of the ensemble's networks; boosted trees
that learn log |residual| from the row itself. All are stored as plain numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingRegressor

from retemper.core.seeds import generator

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Kind = Literal["constant", "spread", "boosted"]

PREDICTION, SPREAD, FIRST_INPUT = 0, 1, 2
"""Columns of the features: the prediction, the networks' spread, then the prepared inputs."""
MOST_INPUTS, MOST_ROWS = 64, 5000
"""What the trees are fitted on: 60 of them take about 1 s then."""
TREES, RATE = 60, 0.1


@dataclass(frozen=True)
class Tree:
    """A decision tree as arrays of its nodes: go left where feature ≤ threshold; −1 marks a leaf."""

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    def __call__(self, features: Features) -> Floats:
        """The leaf's value for each row [N]."""
        feature, threshold = np.asarray(self.feature), np.asarray(self.threshold)
        left, right = np.asarray(self.left), np.asarray(self.right)
        node = np.zeros(len(features), dtype=np.int64)
        rows = np.arange(len(features))
        while (inner := left[node] >= 0).any():
            smaller = features[rows, np.maximum(feature[node], 0)] <= threshold[node]
            node = np.where(inner, np.where(smaller, left[node], right[node]), node)
        return np.asarray(self.value)[node]


@dataclass(frozen=True)
class Difficulty:
    """A fitted estimate of |residual|, up to a factor.

    Args:
        kind: how it is made.
        floor: added to the spread; the trees' start, as log |residual|.
        trees: of ``boosted``; their values are summed.
    """

    kind: Kind
    floor: float = 0.0
    trees: tuple[Tree, ...] = ()

    def __call__(self, features: Features) -> Floats:
        """A positive number a row [N].

        >>> Difficulty("spread", 0.5)(features_of(np.zeros((2, 0)), np.zeros(2), np.array([.1, .3]))).round(3).tolist()
        [0.6, 0.8]
        """
        if self.kind == "constant":
            return np.ones(len(features))
        if self.kind == "spread":
            return np.asarray(features[:, SPREAD] + self.floor, dtype=np.float64)
        total = np.full(len(features), self.floor)
        for tree in self.trees:
            total += tree(features)
        return np.asarray(np.exp(total))

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        trees = [{name: list(nodes) for name, nodes in vars(tree).items()} for tree in self.trees]
        return {"kind": self.kind, "floor": self.floor, "trees": trees}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Difficulty:
        """The estimate that :meth:`to_json` wrote."""
        trees = tuple(Tree(**{name: tuple(nodes) for name, nodes in tree.items()}) for tree in data["trees"])
        return cls(data["kind"], data["floor"], trees)


def features_of(dense: NDArray[Any], prediction: NDArray[Any], spread: NDArray[Any]) -> Features:
    """What a difficulty is estimated from: [prediction, spread, prepared inputs], float32 [N, 2 + D]."""
    largest = np.finfo(np.float32).max  # a target may be larger
    return np.column_stack([np.clip(prediction, -largest, largest), spread, dense]).astype(np.float32)


def kinds_for(features: Features, residual: Floats) -> tuple[Kind, ...]:
    """The estimates that these rows allow, plain to rich; mostly exact predictions allow the plainest alone."""
    if not np.median(np.abs(residual)) > 0:
        return ("constant",)
    rich: tuple[Kind, ...] = ("boosted",) if len(features) >= 200 else ()
    several: tuple[Kind, ...] = ("spread",) if len(features) >= 50 and np.ptp(features[:, SPREAD]) > 0 else ()
    return ("constant", *several, *rich)


def fit_difficulty(kind: Kind, features: Features, residual: Floats, seed: int) -> Difficulty:
    """Fit one estimate on held-out rows.

    ``spread`` adds half of the median spread, so that networks that agree by chance give no empty interval.
    ``boosted`` fits log(|residual| + ε), ε a tenth of the median |residual|, so that exact hits weigh little.

    Args:
        kind: which estimate.
        features: of :func:`features_of` [N, 2 + D].
        residual: true − predicted value [N].
        seed: of the trees' subsamples.

    >>> x = np.linspace(0, 1, 400)
    >>> features = features_of(x[:, None], np.zeros(400), np.zeros(400))
    >>> found = fit_difficulty("boosted", features, np.where(x > .5, 5.0, .1) * np.cos(np.arange(400)), 0)
    >>> bool(found(features[-1:]) > 5 * found(features[:1]))
    True
    """
    if kind == "constant":
        return Difficulty("constant")
    if kind == "spread":
        typical = float(np.median(features[:, SPREAD])) or float(features[:, SPREAD].mean())
        return Difficulty("spread", typical / 2)
    random = generator(seed, "difficulty")
    if len(features) > MOST_ROWS:
        rows = np.sort(random.choice(len(features), MOST_ROWS, replace=False))
        features, residual = features[rows], residual[rows]
    size = np.abs(residual)
    goal = np.log(size + 0.1 * float(np.median(size)) + np.finfo(np.float64).tiny)
    columns = _telling(features, goal)
    forest = GradientBoostingRegressor(
        n_estimators=TREES,
        learning_rate=RATE,
        max_depth=3,
        min_samples_leaf=10,
        subsample=0.5,
        max_features=0.3 if len(columns) > 6 else None,
        init="zero",
        random_state=int(random.integers(2**31)),
    ).fit(features[:, columns], goal - goal.mean())
    trees = tuple(_plain(estimator.tree_, columns) for estimator in forest.estimators_[:, 0])
    return Difficulty("boosted", float(goal.mean()), trees)


def _telling(features: Features, goal: Floats) -> NDArray[np.int64]:
    """The prediction, the spread, and at most 64 inputs: those that correlate most with the goal."""
    inputs = features[:, FIRST_INPUT:]
    if inputs.shape[1] <= MOST_INPUTS:
        return np.arange(features.shape[1])
    centred = inputs - inputs.mean(axis=0)
    norm = np.sqrt(np.square(centred).sum(axis=0))
    strength = np.abs((goal - goal.mean()) @ centred) / np.where(norm > 0, norm, np.inf)
    best = np.sort(np.argsort(-strength, kind="stable")[:MOST_INPUTS])
    return np.concatenate([[PREDICTION, SPREAD], best + FIRST_INPUT])


def _plain(tree: Any, columns: NDArray[np.int64]) -> Tree:
    feature = np.where(tree.feature >= 0, columns[np.maximum(tree.feature, 0)], -1)
    arrays = (feature, tree.threshold, tree.children_left, tree.children_right, RATE * tree.value[:, 0, 0])
    return Tree(*(tuple(array.tolist()) for array in arrays))
