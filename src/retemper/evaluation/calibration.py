"""Do probabilities mean what they say? Temperature scaling, and confidence against accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from retemper.evaluation.metrics import row_weights
from retemper.evaluation.weighted import CALIBRATION_BINS, Floats, confidence_bins

RANGE = (0.05, 20.0)
"""Temperatures that are looked at."""


def fit_temperature(log_probabilities: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The temperature T that minimises the log loss of softmax(log p / T) (Guo et al. 2017).

    T > 1 softens (the model was too sure), T < 1 sharpens, 1 leaves as is; the order of classes stays. A row's other
    classes keep :func:`doubt`, so that rows without a mistake don't ask for endless sharpness.

    Args:
        log_probabilities: of held-out rows [N, C]; logits do as well.
        y: class codes [N].
        weight: sample weights [N].

    Returns:
        T between .05 and 20.

    >>> sure = np.log([[.99, .01]] * 10)
    >>> fit_temperature(sure, [0] * 7 + [1] * 3) > 1
    True
    """
    logits = _logits(log_probabilities)
    codes = np.asarray(y, dtype=np.int64)
    weights = row_weights(weight, len(codes))
    rows = np.arange(len(codes))

    wrong = doubt(max(float(weights.sum()), float(np.count_nonzero(weights))))

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        chosen = logs[rows, codes]
        others = (logs.sum(axis=1) - chosen) / (logits.shape[1] - 1)
        return -float(np.average((1 - wrong) * chosen + wrong * others, weights=weights))

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def doubt(rows: float) -> float:
    """The share that targets leave to a row's other classes: 1 / (rows + 2) (Platt 1999).

    It is one mistake more than was seen. Where every row is right, the sharper the probabilities, the lower their
    loss; the first mistake then costs everything. Of thousands of rows it changes nothing.

    >>> doubt(98)
    0.01
    """
    return 1 / (rows + 2)


def apply_temperature(log_probabilities: ArrayLike, temperature: float) -> Floats:
    """Probabilities softmax(log p / T) [N, C].

    >>> apply_temperature(np.log([[.8, .2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    return np.asarray(np.exp(log_softmax(_logits(log_probabilities) / temperature, axis=1)))


def reliability(
    probabilities: ArrayLike, y: ArrayLike, bins: int = CALIBRATION_BINS
) -> list[dict[str, float]]:
    """Mean confidence and accuracy in equal-width bins of the top probability; empty bins are left out.

    Args:
        probabilities: rows that sum to 1 [N, C].
        y: class codes [N].
        bins: number of bins over 0 … 1.

    Returns:
        one ``{"confidence", "accuracy", "rows"}`` a bin, by rising confidence.

    >>> reliability([[.9, .1], [.9, .1]], [0, 1])
    [{'confidence': 0.9, 'accuracy': 0.5, 'rows': 2}]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    confidence = p.max(axis=1)
    right = p.argmax(axis=1) == np.asarray(y)
    place = confidence_bins(confidence, bins)
    return [
        {
            "confidence": float(confidence[place == b].mean()),
            "accuracy": float(right[place == b].mean()),
            "rows": int((place == b).sum()),
        }
        for b in np.unique(place)
    ]


def _logits(log_probabilities: ArrayLike) -> Floats:
    # A probability of exactly 0 has no finite logarithm; −700 is below the smallest positive float64's reach.
    return np.maximum(np.asarray(log_probabilities, dtype=np.float64), -700.0)
