"""The honest marks: what a constant, a linear model and gradient boosting reach on the same rows.

A network that does not beat them is not worth its trouble, and the report says so. Each baseline has the
validation rows to choose its strength or length by, as the network has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retemper.core.records import Task
from retemper.evaluation.baseline_rows import Allowed, Baseline, BaselineRows, Problem
from retemper.evaluation.boosting_baseline import gradient_boosting, with_values
from retemper.evaluation.linear_baseline import linear

MANY_CLASSES = 100


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
    problem = Problem(task, train, validation, n_classes, seed)
    constant = _majority if task == "classification" else _mean
    found = {"majority" if task == "classification" else "mean": constant(problem)}
    problem, unit = _in_unit(problem)
    if train.dense.shape[1]:
        found["linear"] = _times(unit, linear(problem, allowed))
    many = task == "classification" and n_classes >= MANY_CLASSES
    readable = with_values(train).any() or train.levels.shape[1]
    if readable and (not many or allowed("gradient_boosting", 0.0)):
        found["gradient_boosting"] = _times(unit, gradient_boosting(problem, allowed))
    return found


def _in_unit(problem: Problem) -> tuple[Problem, float]:
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


def _majority(problem: Problem) -> Baseline:
    train = problem.train
    counts = np.bincount(train.y, weights=train.weight, minlength=problem.n_classes)
    shares = counts / counts.sum()
    message = f"The class frequencies for every row; the most frequent class has {shares.max():.1%}."
    return Baseline(lambda rows: np.tile(shares, (len(rows), 1)), message)


def _mean(problem: Problem) -> Baseline:
    mean = float(np.average(problem.train.y, weights=problem.train.weight))
    return Baseline(lambda rows: np.full(len(rows), mean), f"The training mean, {mean:.4g}, for every row.")
