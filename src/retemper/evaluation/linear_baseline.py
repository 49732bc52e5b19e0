"""The linear baseline: logistic or ridge regression, of the strength that validation likes best."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from retemper.evaluation.baseline_rows import Allowed, Baseline, BaselineRows, Problem, all_classes, sample
from retemper.evaluation.weighted import Floats

INVERSE_STRENGTHS = (0.03, 0.3, 3.0)
"""C of LogisticRegression, from strong to weak regularisation."""
RIDGE_STRENGTHS = (1000.0, 30.0, 1.0)
LINEAR_ITERATIONS = 100
LINEAR_ROWS, LINEAR_CELLS = 20_000, 5_000_000


def linear(problem: Problem, allowed: Allowed) -> Baseline:
    """Fit it with several strengths, on no more rows than the time is for.

    Args:
        problem: with at least one dense column.
        allowed: asked before each strength but the first.

    >>> x = np.arange(-10.0, 10.0)[:, None]
    >>> rows = BaselineRows(x, np.zeros((20, 0), np.int64), x.astype(np.float32), 2 * x[:, 0])
    >>> found = linear(Problem("regression", rows, rows, 0, seed=0), lambda name, share: True)
    >>> found.predict(rows)[:2].round(1)
    array([-20., -18.])
    """
    classes = problem.task == "classification"
    wanted = min(LINEAR_ROWS, max(1000, LINEAR_CELLS // problem.train.dense.shape[1]))  # what fits the time
    train = problem.train.taken(sample(problem, wanted))
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
        return all_classes(model.predict_proba(rows.dense), model.classes_, n_classes)

    return predict, bool(model.n_iter_.max() < LINEAR_ITERATIONS)


def _ridge(train: BaselineRows, strength: float, n_classes: int) -> tuple[Callable[..., Floats], bool]:
    # float64: with float32 the normal equations of one-hot columns lose their small eigenvalues.
    model = Ridge(alpha=strength)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # ill-conditioned, yet a mark: validation judges it
        model.fit(train.dense.astype(np.float64), train.y, sample_weight=train.weight)
    return lambda rows: np.asarray(model.predict(rows.dense), dtype=np.float64), True
