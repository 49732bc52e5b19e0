"""The honest marks: what a constant, a linear model and gradient boosting reach on the same rows.

A network that does not beat them is not worth its trouble, and the report says so. Each baseline has the
validation rows to choose its strength or length by, as the network has.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from retemper.core.records import Task
from retemper.core.seeds import generator
from retemper.evaluation.metrics import row_losses
from retemper.evaluation.weighted import Floats

Allowed = Callable[[str, float], bool]

INVERSE_STRENGTHS = (0.03, 0.3, 3.0)
"""C of LogisticRegression, from strong to weak regularisation."""
RIDGE_STRENGTHS = (1000.0, 30.0, 1.0)
LINEAR_ITERATIONS = 100
LINEAR_ROWS, LINEAR_CELLS = 20_000, 5_000_000
TREES, TREE_CHUNK, PATIENCE_CHUNKS = 400, 20, 2
TREE_CELLS = 1 << 24
"""Training rows × classes of boosting at most: it keeps some 40 bytes for each, and grows a tree a class and round."""
LEAF_ROWS, LEAF_SHARE = 20, 5
"""Rows of a leaf at least: 20, or a fifth of all. Of 39 rows leaves of 20 split nothing: that baseline is the mean."""
MANY_CLASSES = 100
MOST_LEVELS = 254
"""Categorical splits take at most so many levels; a column with more counts as ordered."""


@dataclass(frozen=True)
class BaselineRows:
    """Rows as the baselines read them.

    Args:
        numbers: float64, NaN is missing [N, F].
        levels: codes of categorical columns, 0 or more [N, K].
        dense: scaled and one-hot encoded, nothing missing, float32 [N, D].
        y: class codes or values [N]; zeros where only predictions are wanted.
        weight: sample weights [N] or None.
    """

    numbers: NDArray[np.float64]
    levels: NDArray[np.int64]
    dense: NDArray[np.float32]
    y: NDArray[Any]
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def taken(self, rows: NDArray[np.int64]) -> BaselineRows:
        """Some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return BaselineRows(self.numbers[rows], self.levels[rows], self.dense[rows], self.y[rows], weight)


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: ``predict(rows)`` gives probabilities [N, C] or values [N]."""

    predict: Callable[[BaselineRows], Floats]
    message: str


@dataclass(frozen=True)
class _Problem:
    task: Task
    train: BaselineRows
    validation: BaselineRows
    n_classes: int
    seed: int

    def loss(self, prediction: Floats) -> float:
        """The validation loss that chooses: log loss or mean squared error."""
        losses = row_losses(self.task, self.validation.y, prediction)
        return float(np.average(losses, weights=self.validation.weight))


def fit_baselines(
    task: Task,
    train: BaselineRows,
    validation: BaselineRows,
    n_classes: int,
    allowed: Allowed,
    seed: int,
) -> dict[str, Baseline]:
    """Fit the baselines, each as far as it is allowed to go.

    Args:
        task: ``"classification"`` or ``"regression"``.
        train: rows to fit on.
        validation: rows that choose the linear model's strength and the number of trees.
        n_classes: C; not looked at in a regression.
        allowed: asked as ``allowed(name, share done)`` before each further candidate or chunk of trees; when
            it refuses, what is there is kept. The first candidate and the first chunk are always fitted, but for
            boosting of a hundred classes or more, whose first chunk is a thousand trees: it may be left out.
        seed: 0 or more.

    Returns:
        name → baseline: ``majority`` or ``mean``, ``linear`` (without any dense column: left out), and
        ``gradient_boosting`` (without any column that has values, or without time for many classes: left out).

    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> rows = BaselineRows(x, np.zeros((200, 0), np.int64), x.astype(np.float32), (x[:, 0] > 0).astype(int))
    >>> found = fit_baselines("classification", rows, rows, 2, lambda name, share: True, seed=0)
    >>> list(found), found["linear"].predict(rows).shape
    (['majority', 'linear', 'gradient_boosting'], (200, 2))
    """
    problem = _Problem(task, train, validation, n_classes, seed)
    constant = _majority if task == "classification" else _mean
    found = {"majority" if task == "classification" else "mean": constant(problem)}
    problem, unit = _in_unit(problem)
    if train.dense.shape[1]:
        found["linear"] = _times(unit, _linear(problem, allowed))
    many = task == "classification" and n_classes >= MANY_CLASSES
    readable = _with_values(train).any() or train.levels.shape[1]
    if readable and (not many or allowed("gradient_boosting", 0.0)):
        found["gradient_boosting"] = _times(unit, _gradient_boosting(problem, allowed))
    return found


def _in_unit(problem: _Problem) -> tuple[_Problem, float]:
    """A regression with targets of at most 1, and the unit that they are counted in.

    Boosting keeps gradients in float32, where targets of 1e30 overflow. The unit is a power of two: what is fitted
    has the bits that it had, but for its exponents.
    """
    largest = float(np.abs(problem.train.y).max(initial=0.0)) if problem.task == "regression" else 0.0
    if not largest:
        return problem, 1.0
    unit = float(np.ldexp(1.0, min(int(np.frexp(largest)[1]), 1023)))
    train, validation = (replace(rows, y=rows.y / unit) for rows in (problem.train, problem.validation))
    return replace(problem, train=train, validation=validation), unit


def _times(unit: float, baseline: Baseline) -> Baseline:
    if unit == 1.0:
        return baseline
    return Baseline(lambda rows: baseline.predict(rows) * unit, baseline.message)


def _majority(problem: _Problem) -> Baseline:
    train = problem.train
    counts = np.bincount(train.y, weights=train.weight, minlength=problem.n_classes)
    shares = counts / counts.sum()
    message = f"The class frequencies for every row; the most frequent class has {shares.max():.1%}."
    return Baseline(lambda rows: np.tile(shares, (len(rows), 1)), message)


def _mean(problem: _Problem) -> Baseline:
    mean = float(np.average(problem.train.y, weights=problem.train.weight))
    return Baseline(lambda rows: np.full(len(rows), mean), f"The training mean, {mean:.4g}, for every row.")


def _linear(problem: _Problem, allowed: Allowed) -> Baseline:
    classes = problem.task == "classification"
    wanted = min(LINEAR_ROWS, max(1000, LINEAR_CELLS // problem.train.dense.shape[1]))  # what fits the time
    train = problem.train.taken(_sample(problem, wanted))
    strengths = INVERSE_STRENGTHS if classes else RIDGE_STRENGTHS
    best, tried, unfinished = (np.inf, strengths[0], _no_prediction), 0, False
    for tried, strength in enumerate(strengths, start=1):
        if tried > 1 and not allowed("linear", (tried - 1) / len(strengths)):
            tried -= 1
            break
        predict, finished = (_logistic if classes else _ridge)(train, strength, problem.n_classes)
        unfinished |= not finished
        best = min(best, (problem.loss(predict(problem.validation)), strength, predict), key=lambda b: b[0])
    kind, letter = ("Logistic regression", "C") if classes else ("Ridge regression", "alpha")
    message = (
        f"{kind} on {train.dense.shape[1]} columns and {len(train):,} of {len(problem.train):,} rows, "
        f"{letter} = {best[1]:g}, the best of {tried} on validation"
        + (f"; stopped after {LINEAR_ITERATIONS} iterations before it settled." if unfinished else ".")
    )
    return Baseline(best[2], message)


def _no_prediction(rows: BaselineRows) -> Floats:
    raise AssertionError("the first candidate is always fitted")


def _logistic(train: BaselineRows, strength: float, n_classes: int) -> tuple[Callable[..., Floats], bool]:
    model = LogisticRegression(C=strength, max_iter=LINEAR_ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told in the message instead
        model.fit(train.dense, train.y, sample_weight=train.weight)

    def predict(rows: BaselineRows) -> Floats:
        return _all_classes(model.predict_proba(rows.dense), model.classes_, n_classes)

    return predict, bool(model.n_iter_.max() < LINEAR_ITERATIONS)


def _ridge(train: BaselineRows, strength: float, n_classes: int) -> tuple[Callable[..., Floats], bool]:
    # float64: with float32 the normal equations of one-hot columns lose their small eigenvalues.
    model = Ridge(alpha=strength)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # ill-conditioned, yet a mark: validation judges it
        model.fit(train.dense.astype(np.float64), train.y, sample_weight=train.weight)
    return lambda rows: np.asarray(model.predict(rows.dense), dtype=np.float64), True


def _sample(problem: _Problem, wanted: int) -> NDArray[np.int64]:
    """So many training rows at random, with every class among them; all where there are no more."""
    train = problem.train
    if len(train) <= wanted:
        return np.arange(len(train))
    chosen = generator(problem.seed, "baseline rows").permutation(len(train))[:wanted]
    if problem.task == "classification":
        chosen = np.concatenate([chosen, np.unique(train.y, return_index=True)[1]])
    return np.unique(chosen)


def _gradient_boosting(problem: _Problem, allowed: Allowed) -> Baseline:
    classes = problem.task == "classification"
    train, validation = problem.train, problem.validation
    if classes and len(train) > TREE_CELLS // problem.n_classes:
        train = train.taken(_sample(problem, TREE_CELLS // problem.n_classes))
    numbers = _with_values(train)
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


def _boosting_model(problem: _Problem, numbers: int) -> Any:
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


def _with_values(rows: BaselineRows) -> NDArray[np.bool_]:
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
        yield _all_classes(probabilities, model.classes_, n_classes)


def _all_classes(probabilities: NDArray[Any], present: NDArray[np.int64], n_classes: int) -> Floats:
    """Probabilities [N, C] with 0 for classes that the training rows did not have."""
    whole = np.zeros((len(probabilities), n_classes))
    whole[:, present] = probabilities
    return whole
