"""What simple models say of each row that they did not see: k-fold predictions of trees and a linear model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from threadpoolctl import threadpool_limits

from retemper.core.records import NotApplicable
from retemper.core.seeds import generator
from retemper.data.additive import additive_classifier

Floats = NDArray[np.float64]

FOLDS = 4
FIT_ROWS = 12_000
"""A fold's models learn from at most so many rows; every row is predicted."""
FIT_CELLS, FEWEST_ROWS = 500_000, 300
"""A wide table's models learn from fewer rows, but not from fewer than these."""
ROW_S = 4e-5
"""Seconds for a row to learn from, times the square root of the columns: measured on one busy core."""
TREES, LEAST_LEAF = 80, 2
BOOSTED_CLASS = {"max_iter": 120, "learning_rate": 0.05, "max_leaf_nodes": 12, "min_samples_leaf": 30}
"""Small steps and leaves of many rows: boosting in large ones learns wrong labels by heart."""
BOOSTED_VALUE = {"max_iter": 60}
ALL_CLASSES, ALL_COLUMNS = 3, 300
"""With more classes or columns (for each score that is learnt) the forest works alone: the others take long."""
MOST_LEVELS = 254
FLOOR = 2e-3
"""Added to probabilities: a forest of 80 trees can't tell 0 from a little."""


@dataclass(frozen=True)
class OutOfFold:
    """The seed of folds and trees, and how many rows a fold's models learn from at most."""

    seed: int
    fit_rows: int = FIT_ROWS

    def rows_of(self, total: int) -> int:
        """Rows that each fold's models learn from, out of so many."""
        return min(self.fit_rows, total * (FOLDS - 1) // FOLDS)


@dataclass(frozen=True)
class TreeRows:
    """Rows as trees read them: numbers [N, F] with NaN for missing, and level codes [N, K].

    ``origin`` [N] is equal for rows that are copies of each other, and stay in one fold; None: there are no copies.
    """

    numbers: Floats
    levels: NDArray[np.int64]
    origin: NDArray[Any] | None = None

    @property
    def columns(self) -> Floats:
        """All side by side [N, F + K]."""
        return np.concatenate([self.numbers, self.levels.astype(np.float64)], axis=1)

    @property
    def once(self) -> NDArray[np.int64]:
        """Numbers of the rows, of copies only the first."""
        if self.origin is None:
            return np.arange(len(self.numbers), dtype=np.int64)
        return np.unique(self.origin, return_index=True)[1].astype(np.int64)

    def taken(self, rows: NDArray[np.int64]) -> TreeRows:
        """Some of the rows."""
        origin = None if self.origin is None else self.origin[rows]
        return TreeRows(self.numbers[rows], self.levels[rows], origin)


def rows_of_cells(columns: int) -> int:
    """How many rows a fold's models learn from at most, in tables of so many columns.

    >>> rows_of_cells(20), rows_of_cells(500), rows_of_cells(5000)
    (12000, 1000, 300)
    """
    return min(FIT_ROWS, max(FEWEST_ROWS, FIT_CELLS // max(1, columns)))


def rows_within(seconds: float, columns: int) -> int:
    """How many rows a fold's models may learn from to be done in about so many seconds.

    >>> rows_within(4.0, 26)
    4166
    """
    return int(seconds / (FOLDS * ROW_S * (columns + 10) ** 0.5))


def class_probabilities(
    rows: TreeRows, given: NDArray[np.int64], classes: int, settings: OutOfFold
) -> Floats:
    """Positive probabilities [M, N, C] of each row by M kinds of models, each fitted on other folds.

    Extremely randomised trees and, for up to 3 classes, gradient boosting and a linear model of curved columns: their
    errors differ.

    Args:
        rows: N rows.
        given: [N] class codes.
        classes: C.
        settings: seed and size.

    Raises:
        NotApplicable: a fold's rows hold no value at all.

    >>> x = np.repeat([[0.0], [1.0]], 40, axis=0)
    >>> p = class_probabilities(TreeRows(x, np.zeros((80, 0), np.int64)), np.repeat([0, 1], 40), 2, OutOfFold(0))
    >>> p.shape, bool((p[0].argmax(axis=1) == x[:, 0]).all()), bool(np.allclose(p.sum(axis=2), 1))
    ((3, 80, 2), True, True)
    """
    kinds = _kinds(rows, classes)
    found = np.zeros((len(kinds), len(given), classes))
    for fold in _folds(rows, given, classes, settings):
        for kind, own in zip(kinds, found, strict=True):
            model = kind(rows, fold, settings.seed).fit(fold.columns[fold.train], given[fold.train])
            own[np.ix_(fold.held, model.classes_)] = model.predict_proba(fold.columns[fold.held])
    found += FLOOR
    found /= found.sum(axis=2, keepdims=True)
    return found


def values(rows: TreeRows, given: Floats, settings: OutOfFold) -> Floats:
    """Predicted values [N] of each row, from models fitted on other folds; the mean of both kinds of trees."""
    kinds = _kinds(rows, 0)
    total = np.zeros(len(given))
    for fold in _folds(rows, given, 0, settings):
        for kind in kinds:
            model = kind(rows, fold, settings.seed).fit(fold.columns[fold.train], given[fold.train])
            total[fold.held] += model.predict(fold.columns[fold.held])
    return total / len(kinds)


Kind = Callable[["TreeRows", "Fold", int], Any]
"""Makes an unfitted model."""


def _kinds(rows: TreeRows, classes: int) -> list[Kind]:
    columns = rows.numbers.shape[1] + rows.levels.shape[1]
    if classes > ALL_CLASSES or columns * (classes if classes > 2 else 1) > ALL_COLUMNS:
        return [_class_forest] if classes else [_value_forest]
    return [_class_forest, _class_boosting, _linear] if classes else [_value_forest, _value_boosting]


@dataclass(frozen=True)
class Fold:
    """The columns with values among the rows to fit on, which ones these are, the rows to fit and to predict."""

    columns: Floats
    used: NDArray[np.bool_]
    train: NDArray[np.int64]
    held: NDArray[np.int64]


def _folds(rows: TreeRows, given: NDArray[Any], classes: int, settings: OutOfFold) -> Iterator[Fold]:
    # Trees split numbers in float32; a value beyond its range would be refused.
    columns = np.clip(rows.columns, -np.finfo(np.float32).max, np.finfo(np.float32).max)
    fold = folds(given if classes else np.zeros(len(given), np.int64), settings.seed, rows.origin)
    with threadpool_limits(1):
        for k in range(FOLDS):
            held, train = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            if len(train) > settings.fit_rows:
                drawn = generator(settings.seed, "out-of-fold rows", k).permutation(train)
                train = np.sort(drawn[: settings.fit_rows])
            used = _with_values(columns[train])
            if not used.any():
                raise NotApplicable("no column has a value in the rows that a fold's models learn from")
            yield Fold(columns[:, used], used, train, held)


def folds(strata: NDArray[np.int64], seed: int, origin: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """The fold of each row, 0 … 3: at random, every stratum dealt out evenly; copies (of one origin) share theirs.

    A model that has seen a row's copy knows its label by heart, and is surer of it than of any row it judges.

    >>> folds(np.zeros(6, np.int64), 0, np.array([7, 8, 9, 9, 8, 7])).tolist()
    [2, 1, 0, 0, 1, 2]
    """
    if origin is not None:
        _, first, same = np.unique(origin, return_index=True, return_inverse=True)
        return folds(strata[first], seed)[same]
    order = generator(seed, "out-of-fold folds").permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(len(strata), dtype=np.int64)
    fold[order] = np.arange(len(strata)) % FOLDS
    return fold


def _with_values(columns: Floats) -> NDArray[np.bool_]:
    """Columns that have values; trees can't bin the others."""
    return np.asarray(~np.isnan(columns).all(axis=0))


def _class_forest(rows: TreeRows, fold: Fold, seed: int) -> Any:
    return ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAST_LEAF, max_features="sqrt", random_state=seed % 2**32
    )


def _value_forest(rows: TreeRows, fold: Fold, seed: int) -> Any:
    return ExtraTreesRegressor(
        TREES, min_samples_leaf=LEAST_LEAF, max_features=0.5, random_state=seed % 2**32
    )


def _class_boosting(rows: TreeRows, fold: Fold, seed: int) -> Any:
    return HistGradientBoostingClassifier(**BOOSTED_CLASS, **_boosting_options(rows, fold, seed))


def _value_boosting(rows: TreeRows, fold: Fold, seed: int) -> Any:
    return HistGradientBoostingRegressor(**BOOSTED_VALUE, **_boosting_options(rows, fold, seed))


def _boosting_options(rows: TreeRows, fold: Fold, seed: int) -> dict[str, Any]:
    numbers = rows.numbers.shape[1]
    few = [numbers + k for k in range(rows.levels.shape[1]) if rows.levels[:, k].max() <= MOST_LEVELS - 1]
    categorical = np.isin(np.flatnonzero(fold.used), few)
    own = categorical if categorical.any() else None
    return {"categorical_features": own, "early_stopping": False, "random_state": seed % 2**32}


def _linear(rows: TreeRows, fold: Fold, seed: int) -> Any:
    numbers = int(fold.used[: rows.numbers.shape[1]].sum())
    return additive_classifier(len(fold.train), numbers, int(fold.used.sum()) - numbers)
