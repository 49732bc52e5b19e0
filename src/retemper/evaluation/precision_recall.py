"""Precision against recall, class by class: what a threshold of that class would give.

Where a class is rare, the ROC area looks good however many false alarms there are; the area below this curve does
not (Saito and Rehmsmeier 2015). The area is the average precision Σ (R_k − R_{k−1})·P_k; a guess scores the class's
share of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve

from retemper.core.records import Score
from retemper.evaluation.metrics import row_weights
from retemper.evaluation.resampling import draws

Floats = NDArray[np.float64]
MOST_CLASSES, MOST_POINTS = 24, 100


def precision_recall(
    probabilities: ArrayLike,
    y: ArrayLike,
    classes: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    weight: ArrayLike | None = None,
    group: NDArray[Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Each class's curve (against all others), its average precision with interval, and its share of the rows.

    Args:
        probabilities: rows that sum to 1 [N, C].
        y: class codes [N].
        classes: names in order of the codes; of more than 24, the most frequent; classes without rows are left out.
        resamples: behind each interval.
        seed: of the resampling.
        weight: sample weights [N].
        group: rows with the same label vary together [N]; None: rows are independent.

    Returns:
        class → ``{"average_precision": Score, "share", "precision", "recall", "threshold"}``; the last three are
        the curve's points, at most 100, by falling recall.

    >>> found = precision_recall([[.9, .1], [.4, .6], [.3, .7], [.8, .2]], [0, 1, 1, 0], ["no", "yes"])
    >>> found["yes"]["average_precision"].value, found["yes"]["share"]
    (1.0, 0.5)
    """
    p, codes = np.asarray(probabilities, dtype=np.float64), np.asarray(y, dtype=np.int64)
    w = row_weights(weight, len(codes))
    rows = np.bincount(codes, minlength=len(classes))
    largest = np.sort(np.argsort(-rows, kind="stable")[:MOST_CLASSES])
    found = {}
    for k in largest[rows[largest] > 0]:
        mine = codes == k
        found[classes[k]] = {
            "average_precision": average_precision(mine, p[:, k], resamples, seed, w, group),
            "share": float(w[mine].sum() / w.sum()),
            **_points(mine, p[:, k], w),
        }
    return found


def average_precision(
    positive: ArrayLike,
    score: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    weight: ArrayLike | None = None,
    group: NDArray[Any] | None = None,
) -> Score:
    """The area below the precision–recall curve, with a 95 % interval.

    The interval is symmetric on the logit scale, logit(a) ± 1.96·s, where the area's skewness near 0 and 1 is gone
    (Boyd, Eng and Page 2013); s is the bootstrap's standard error there, at least that of a share of the positives.

    Args:
        positive: whether each row is of the class [N]; one row at least.
        score: higher for rows thought positive [N].
        resamples: behind the interval.
        seed: of the resampling.
        weight: sample weights [N].
        group: rows with the same label vary together [N]; None: rows are independent.

    >>> found = average_precision([True, False] * 100, np.tile([.8, .3, .4, .5], 50))
    >>> round(found.value, 3), found.low < found.value < found.high
    (0.833, True)
    """
    mine, values = np.asarray(positive, dtype=bool), np.asarray(score, dtype=np.float64)
    base = row_weights(weight, len(mine))
    order = np.argsort(-values, kind="stable")
    ranked, y = values[order], mine[order]
    ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], True))
    base = base[order]
    area = float(_areas(y, base[:, None], ends)[0])
    units = None if group is None else group[order]
    drawn = np.concatenate(
        [_areas(y, counts * base[:, None], ends) for counts in draws(len(y), resamples, seed, units)]
    )
    positives = base[y].sum() ** 2 / np.square(base[y]).sum()
    # An area of exactly 1 has no logit; half a row's worth of doubt gives it one.
    inside = np.clip([area, *drawn[np.isfinite(drawn)]], 0, 1 - 0.5 / (positives + 1))
    centre, error = logit(inside[0]), logit(inside[1:]).std()
    error = max(error, (positives * inside[0] * (1 - inside[0])) ** -0.5)
    low, high = expit([centre - norm.ppf(0.975) * error, centre + norm.ppf(0.975) * error])
    return Score(area, min(float(low), area), max(float(high), area))


def _areas(y: NDArray[np.bool_], weights: Floats, ends: NDArray[np.int64]) -> Floats:
    """Average precision of rows in order of falling score, for each column of weights [R]."""
    found = np.cumsum(weights * y[:, None], axis=0)[ends]
    called = np.cumsum(weights, axis=0)[ends]
    precision = np.divide(found, called, out=np.ones_like(found), where=called > 0)
    gained = np.diff(found, axis=0, prepend=0.0)
    total = found[-1]
    return np.where(total > 0, (gained * precision).sum(axis=0) / np.where(total > 0, total, 1.0), np.nan)


def _points(mine: NDArray[np.bool_], score: Floats, weight: Floats) -> dict[str, list[float]]:
    precision, recall, threshold = precision_recall_curve(mine, score, sample_weight=weight)
    some = np.unique(np.linspace(0, len(threshold) - 1, min(len(threshold), MOST_POINTS)).astype(int))
    return {
        "precision": precision[some].tolist(),
        "recall": recall[some].tolist(),
        "threshold": threshold[some].tolist(),
    }
