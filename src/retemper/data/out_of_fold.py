"""What trees say of each row that they did not see: k-fold predictions of boosting and a forest, averaged."""

from __future__ import annotations

from collections.abc import Iterator
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

from retemper.core.seeds import generator

Floats = NDArray[np.float64]

FOLDS = 4
FIT_ROWS = 12_000
"""A fold's models learn from at most so many rows; every row is predicted."""
ROW_S = 4e-5
"""Seconds for a row to learn from, times the square root of the columns: measured on one busy core."""
TREES, LEAST_LEAF = 80, 2
BOOSTING_ROUNDS = 60
BOOSTING_CLASSES, BOOSTING_COLUMNS = 3, 300
"""With more classes or columns boosting takes long, and the forest alone does as well."""
MOST_LEVELS = 254
FLOOR = 2e-3
"""Added to probabilities before the geometric mean: a forest of 80 trees can't tell 0 from a little."""


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


def rows_within(seconds: float, columns: int) -> int:
    """How many rows a fold's models may learn from to be done in about so many seconds.

    >>> rows_within(4.0, 26)
    4166
    """
    return int(seconds / (FOLDS * ROW_S * (columns + 10) ** 0.5))


def class_probabilities(
    rows: TreeRows, given: NDArray[np.int64], classes: int, settings: OutOfFold
) -> Floats:
    """Positive probabilities [N, C] of each row, from models fitted on other folds.

    The geometric mean of extremely randomised trees and, for up to 3 classes, gradient boosting: their errors differ,
    and a row is doubted only where both are sure.

    Args:
        rows: N rows.
        given: [N] class codes.
        classes: C.
        settings: seed and size.

    >>> x = np.repeat([[0.0], [1.0]], 40, axis=0)
    >>> p = class_probabilities(TreeRows(x, np.zeros((80, 0), np.int64)), np.repeat([0, 1], 40), 2, OutOfFold(0))
    >>> bool((p.argmax(axis=1) == x[:, 0]).all()), bool(np.allclose(p.sum(axis=1), 1))
    (True, True)
    """
    logs = np.zeros((len(given), classes))
    for model, columns, train, held in _fitted(rows, given, classes, settings):
        p = np.zeros((len(held), classes))
        model.fit(columns[train], given[train])
        p[:, model.classes_] = model.predict_proba(columns[held])
        logs[held] += np.log(p + FLOOR)
    q: Floats = np.exp(logs / _models(rows, classes))
    q /= q.sum(axis=1, keepdims=True)
    return q


def values(rows: TreeRows, given: Floats, settings: OutOfFold) -> Floats:
    """Predicted values [N] of each row, from models fitted on other folds; the mean of both kinds of trees."""
    total = np.zeros(len(given))
    for model, columns, train, held in _fitted(rows, given, 0, settings):
        total[held] += model.fit(columns[train], given[train]).predict(columns[held])
    return total / _models(rows, 0)


def _models(rows: TreeRows, classes: int) -> int:
    columns = rows.numbers.shape[1] + rows.levels.shape[1]
    return 2 if classes <= BOOSTING_CLASSES and columns <= BOOSTING_COLUMNS else 1


def _fitted(
    rows: TreeRows, given: NDArray[Any], classes: int, settings: OutOfFold
) -> Iterator[tuple[Any, Floats, NDArray[np.int64], NDArray[np.int64]]]:
    """For each model of each fold: an unfitted model, the columns, rows to fit on, rows to predict."""
    columns, seed = rows.columns, settings.seed
    # Trees split numbers in float32; a value beyond its range would be refused.
    columns = np.clip(columns, -np.finfo(np.float32).max, np.finfo(np.float32).max)
    fold = folds(given if classes else np.zeros(len(given), np.int64), seed, rows.origin)
    with threadpool_limits(1):
        for k in range(FOLDS):
            held, train = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            if len(train) > settings.fit_rows:
                train = np.sort(
                    generator(seed, "out-of-fold rows", k).permutation(train)[: settings.fit_rows]
                )
            used = _with_values(columns[train])
            forest = ExtraTreesClassifier if classes else ExtraTreesRegressor
            options = {"max_features": "sqrt"} if classes else {"max_features": 0.5}
            yield (
                forest(TREES, min_samples_leaf=LEAST_LEAF, random_state=seed % 2**32, **options),
                columns[:, used],
                train,
                held,
            )
            if _models(rows, classes) == 2:
                yield _boosting(rows, classes, used, seed), columns[:, used], train, held


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


def _boosting(rows: TreeRows, classes: int, used: NDArray[np.bool_], seed: int) -> Any:
    numbers = rows.numbers.shape[1]
    few = [numbers + k for k in range(rows.levels.shape[1]) if rows.levels[:, k].max() <= MOST_LEVELS - 1]
    categorical = np.isin(np.flatnonzero(used), few)
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(
        max_iter=BOOSTING_ROUNDS,
        categorical_features=categorical if categorical.any() else None,
        early_stopping=False,
        random_state=seed % 2**32,
    )
