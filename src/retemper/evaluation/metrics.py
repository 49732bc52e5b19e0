"""The metrics of a prediction, by scikit-learn's names and definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retemper.core.errors import InputError
from retemper.core.records import Task
from retemper.evaluation.weighted import Classification, Floats, Regression, Weighted, log_losses

MAIN = {"classification": "log_loss", "regression": "rmse"}


def main_metric(task: Task) -> str:
    """The metric that decides: what the network is trained for, lower is better.

    >>> main_metric("classification"), main_metric("regression")
    ('log_loss', 'rmse')
    """
    return MAIN[task]


def metrics(
    task: Task,
    y: ArrayLike,
    prediction: ArrayLike,
    weight: ArrayLike | None = None,
    predicted: ArrayLike | None = None,
) -> dict[str, float]:
    """All metrics of a prediction; one that can't be computed is left out.

    Classification: ``accuracy``, ``balanced_accuracy``, ``precision_macro``, ``recall_macro``, ``f1_macro``,
    ``log_loss``, ``roc_auc`` (one-vs-rest, macro; left out when a class is absent) and ``ece``, the expected
    calibration error over 15 equal-width bins of the top probability (Guo et al. 2017). Regression: ``rmse``,
    ``mae``, ``r2`` (left out when y is constant).

    Args:
        task: ``"classification"`` or ``"regression"``.
        y: true class codes 0 … C−1, or true values [N].
        prediction: class probabilities, rows that sum to 1 [N, C], or values [N].
        weight: sample weights, 0 or more [N]; ``None``: each row counts once.
        predicted: class codes called, where a threshold decides [N]; ``None``: the likeliest class.

    Returns:
        metric → value.

    Raises:
        InputError: no rows, shapes that don't fit, or values that are not finite.

    >>> found = metrics("classification", [0, 1, 1], [[.9, .1], [.2, .8], [.6, .4]])
    >>> round(found["accuracy"], 3), found["roc_auc"]
    (0.667, 1.0)
    >>> metrics("regression", [1.0, 1.0], [1.0, 3.0])
    {'rmse': 1.4142135623730951, 'mae': 1.0}
    """
    weighted = weighted_metrics(task, y, prediction, predicted)
    column = row_weights(weight, np.shape(y)[0])[:, None]
    values = {name: float(value[0]) for name, value in weighted(column).items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def weighted_metrics(
    task: Task, y: ArrayLike, prediction: ArrayLike, predicted: ArrayLike | None = None
) -> Weighted:
    """The metrics of fixed predictions as a function of row weights; the arrays are checked here."""
    if task == "regression":
        return Regression(*checked_values(y, prediction))
    codes, p = checked_classes(y, prediction)
    if predicted is None:
        return Classification(codes, p)
    called = np.asarray(predicted)
    if called.shape != codes.shape or not np.isin(called, np.arange(p.shape[1])).all():
        raise _error(f"the classes called must be [N] codes from 0 to {p.shape[1] - 1}")
    return Classification(codes, p, called.astype(np.int64))


def row_losses(task: Task, y: ArrayLike, prediction: ArrayLike) -> Floats:
    """Each row's part of the main metric: −log p of the true class, or the squared error [N].

    >>> row_losses("regression", [1.0, 2.0], [1.5, 2.0]).tolist()
    [0.25, 0.0]
    """
    if task == "regression":
        true, values = checked_values(y, prediction)
        return np.square(true - values)
    return log_losses(*checked_classes(y, prediction))


def row_weights(weight: ArrayLike | None, rows: int) -> Floats:
    """Checked sample weights as float64 [N]; ones without any.

    Raises:
        InputError: a negative or non-finite weight, all zero, or not one a row.
    """
    if weight is None:
        return np.ones(rows)
    checked = np.asarray(weight, dtype=np.float64)
    if checked.shape != (rows,):
        raise _error(f"there must be one weight a row, but got shape {checked.shape} for {rows} rows")
    if not np.all(np.isfinite(checked)) or np.any(checked < 0) or not np.any(checked > 0):
        raise _error("weights must be finite, 0 or more, and not all 0")
    return checked


def checked_values(y: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    """True and predicted values as float64 [N].

    Raises:
        InputError: no rows, shapes that don't fit, or values that are not finite.
    """
    true, values = np.asarray(y, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if true.ndim != 1 or true.shape != values.shape:
        raise _error(f"y and the prediction must be [N], but got {true.shape} and {values.shape}")
    _check_rows(true)
    _check_finite(true, values)
    return true, values


def checked_classes(y: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    """Class codes [N] and probabilities [N, C].

    Raises:
        InputError: as :func:`metrics`.
    """
    true, p = np.asarray(y), np.asarray(prediction, dtype=np.float64)
    if true.ndim != 1 or p.ndim != 2 or len(true) != len(p) or p.shape[1] < 2:
        raise _error(f"y must be [N] and the probabilities [N, C ≥ 2], but got {true.shape} and {p.shape}")
    _check_rows(true)
    _check_finite(p)
    codes = true.astype(np.int64)
    if np.any(codes != true) or codes.min() < 0 or codes.max() >= p.shape[1]:
        raise _error(f"class codes must be whole numbers from 0 to {p.shape[1] - 1}")
    if p.min() < 0 or np.max(np.abs(p.sum(axis=1) - 1)) > 1e-3:
        raise _error("probabilities must be 0 or more and each row's must sum to 1")
    return codes, p


def _check_rows(y: NDArray[Any]) -> None:
    if not len(y):
        raise _error("there are no rows to score")


def _check_finite(*arrays: Floats) -> None:
    if not all(np.isfinite(a).all() for a in arrays):
        raise _error("true values and predictions must be finite")


def _error(rule: str) -> InputError:
    message = f"Metrics can't be computed: {rule}."
    return InputError("bad_prediction", message, None, "Check what the model predicted, and the target.")
