"""The baseline of gradient boosting: as many rounds of trees as validation likes best."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from retemper.evaluation.baseline_rows import Allowed, Baseline, BaselineRows, Problem, all_classes, sample
from retemper.evaluation.weighted import Floats

TREES, TREE_CHUNK, PATIENCE_CHUNKS = 400, 20, 2
TREE_CELLS = 1 << 24
"""Training rows × classes of boosting at most: it keeps some 40 bytes for each, and grows a tree a class and round."""
LEAF_ROWS, LEAF_SHARE = 20, 5
"""Rows of a leaf at least: 20, or a fifth of all. Of 39 rows leaves of 20 split nothing: that baseline is the mean."""
MOST_LEVELS = 254
"""Categorical splits take at most so many levels; a column with more counts as ordered."""


def gradient_boosting(problem: Problem, allowed: Allowed) -> Baseline:
    """Grow trees, a chunk of rounds at a time, until validation has gained nothing for two chunks.

    Args:
        problem: with at least one column that has values.
        allowed: asked before each chunk but the first.

    >>> x = np.repeat([0.0, 1.0], 100)[:, None]
    >>> rows = BaselineRows(x, np.zeros((200, 0), np.int64), x.astype(np.float32), 3 * x[:, 0])
    >>> found = gradient_boosting(Problem("regression", rows, rows, 0, seed=0), lambda name, share: True)
    >>> found.predict(rows)[[0, -1]].round(2)
    array([0., 3.])
    """
    classes = problem.task == "classification"
    train, validation = problem.train, problem.validation
    if classes and len(train) > TREE_CELLS // problem.n_classes:
        train = train.taken(sample(problem, TREE_CELLS // problem.n_classes))
    numbers = with_values(train)
    columns, valid = _tree_columns(train, numbers), _tree_columns(validation, numbers)
    model = _boosting_model(problem, int(numbers.sum()))
    losses: list[float] = []
    # Trees cost by classes and columns; the first chunk is always fitted, so it must be small enough.
    cost = max(1.0, problem.n_classes / 5 if classes else 1.0, columns.shape[1] / 400)
    chunk = max(2, int(TREE_CHUNK / cost))
    while len(losses) < TREES:
        if losses and not allowed("gradient_boosting", len(losses) / TREES):
            break
        model.set_params(max_iter=len(losses) + chunk)
        model.fit(columns, train.y, sample_weight=train.weight)
        staged = islice(_staged(model, valid, problem.n_classes), len(losses), None)
        losses += [problem.loss(prediction) for prediction in staged]
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE_CHUNKS * chunk:
            break
    best = int(np.argmin(losses)) + 1

    n_classes = problem.n_classes  # a prediction must not hold the training rows

    def predict(rows: BaselineRows) -> Floats:
        return next(islice(_staged(model, _tree_columns(rows, numbers), n_classes), best - 1, None))

    message = (
        f"Gradient boosting on {columns.shape[1]} columns and {len(train):,} of {len(problem.train):,} rows: "
        f"{best} rounds of {len(losses)}, the best on validation."
    )
    return Baseline(predict, message)


def _boosting_model(problem: Problem, numbers: int) -> Any:
    levels = problem.train.levels
    categorical = [numbers + k for k in range(levels.shape[1]) if len(np.unique(levels[:, k])) <= MOST_LEVELS]
    kind = (
        HistGradientBoostingClassifier if problem.task == "classification" else HistGradientBoostingRegressor
    )
    return kind(
        categorical_features=categorical or None,
        min_samples_leaf=min(LEAF_ROWS, max(2, len(problem.train) // LEAF_SHARE)),
        early_stopping=False,  # our validation rows decide
        warm_start=True,
        random_state=problem.seed % 2**32,
    )


def with_values(rows: BaselineRows) -> NDArray[np.bool_]:
    """Which number columns have values in more than one of 10,000 rows; trees can't bin the others."""
    counts = ~np.isnan(rows.numbers)
    if rows.weight is not None:
        counts &= (rows.weight > 0)[:, None]
    return np.asarray(counts.sum(axis=0) > len(rows) / 10_000)


def _tree_columns(rows: BaselineRows, numbers: NDArray[np.bool_]) -> Floats:
    return np.concatenate([rows.numbers[:, numbers], rows.levels.astype(np.float64)], axis=1)


def _staged(model: Any, columns: Floats, n_classes: int) -> Iterator[Floats]:
    """The prediction after each round of trees."""
    if isinstance(model, HistGradientBoostingRegressor):
        yield from model.staged_predict(columns)
        return
    for probabilities in model.staged_predict_proba(columns):
        yield all_classes(probabilities, model.classes_, n_classes)
