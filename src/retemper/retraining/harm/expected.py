"""A metric as a function of row weights: with known labels, or with those that the model's own words let expect."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retemper.evaluation.metrics import weighted_metrics
from retemper.evaluation.weighted import Classification, Floats
from retemper.retraining.harm.rows import Rows

Measure = Callable[[Floats], Floats]
"""Row weights [N, R] → R values, of RMSE its square: what adds up over rows."""
NOT_EXPECTED = ("ece", "r2")
"""A calibration error is 0 where probabilities are believed; R² needs the targets' own spread."""


def known(metric: str, rows: Rows) -> Measure:
    """The metric of labelled rows.

    >>> rows = Rows.of("regression", [0.0, 0.0], [3.0, 4.0])
    >>> known("rmse", rows)(np.ones((2, 1))).tolist()
    [12.5]
    """
    assert rows.y is not None
    if rows.task == "regression" and metric != "r2":
        return average(error_power(metric, rows.y - rows.outputs))
    calls = rows.called if rows.task == "classification" else None
    weighted = weighted_metrics(rows.task, rows.y, rows.outputs, calls)
    return lambda weights: weighted(weights)[metric]


def expected_of_classes(metric: str, rows: Rows) -> Measure:
    """The metric that comes out if each row's class is drawn by the model's own probabilities.

    Each row stands C times, once with each class, weighted by its probability: every metric of weighted rows then is
    its own expected counterpart (confidence-based performance estimation; for log loss the entropy).

    >>> rows = Rows.of("classification", [[.9, .1], [.3, .7]])
    >>> round(float(expected_of_classes("accuracy", rows)(np.ones((2, 1)))[0]), 6)
    0.8
    """
    count, classes = rows.outputs.shape
    weighted = Classification(
        np.tile(np.arange(classes), count),
        np.repeat(rows.outputs, classes, axis=0),
        np.repeat(rows.called, classes),
    )
    chance = rows.outputs.reshape(-1, 1)
    return lambda weights: weighted(np.repeat(weights, classes, axis=0) * chance)[metric]


def average(losses: Floats) -> Measure:
    """The weighted mean of row losses."""
    return lambda weights: np.asarray(losses @ weights / weights.sum(axis=0))


def error_power(metric: str, error: Floats) -> Floats:
    """What RMSE and MAE average: the square, or the size."""
    return np.square(error) if metric == "rmse" else np.abs(error)


def finished(metric: str, value: Floats) -> Floats:
    """From what adds up to the metric itself: of RMSE the root."""
    return np.sqrt(np.maximum(value, 0.0)) if metric == "rmse" else value


def bounded(metric: str, value: float) -> float:
    """Into the metric's range.

    >>> bounded("accuracy", 1.2), bounded("rmse", -1.0), bounded("r2", -3.0)
    (1.0, 0.0, -3.0)
    """
    if metric == "r2":
        return min(value, 1.0)
    return max(value, 0.0) if metric in ("rmse", "mae", "log_loss") else min(max(value, 0.0), 1.0)
