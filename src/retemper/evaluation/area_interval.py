"""The 95 % interval of the area under the ROC curve.

An area close to 1 from few positives varies little in resamples, however much it would vary in new rows. So the
interval is a score interval, as Newcombe's (2006) fifth method: all areas A with |Â − A| ≤ z·√V(A), where V is the
variance that two normal scores of one spread have at area A. V is scaled by what the rows say
(DeLong et al. 1988), the more the more rows of the rarer side there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.special import ndtri, owens_t

from retemper.evaluation.share_intervals import Ends, Z
from retemper.evaluation.weighted import Floats

PRIOR_ROWS = 20.0
"""How many rows of the rarer side weigh as much as the model's own variance."""


def area_interval(
    y: NDArray[np.int64], probabilities: Floats, weight: Floats, units: csr_array | None = None
) -> Ends:
    """Low and high of the mean one-against-rest area.

    Args:
        y: class codes, each class present [N].
        probabilities: [N, C].
        weight: 0 or more [N].
        units: [N, G], 1 where a row belongs to a group; None: each row stands for itself.

    >>> y = np.array([0, 1] * 50)
    >>> p = np.clip(.5 + .4 * (y - .5) + .3 * np.cos(np.arange(100)), 0, 1)
    >>> low, high = area_interval(y, np.stack([1 - p, p], 1), np.ones(100))
    >>> round(low, 2), round(high, 2)
    (0.8, 0.93)
    """
    classes = probabilities.shape[1]
    ranked = [1] if classes == 2 else range(classes)
    areas, sizes, influence = [], [], np.zeros(len(y))
    for k in ranked:
        own, values, counts = placements(probabilities[:, k], y == k, weight)
        areas.append(own)
        sizes.append(counts)
        influence += values / len(ranked)
    area = float(np.mean(areas))
    together = influence if units is None else influence @ units
    alone = float(np.square(influence).sum())
    design = max(1.0, float(np.square(together).sum()) / alone) if alone > 0 else 1.0
    # Classes of unlike size: the harmonic mean, as variances go with 1/n.
    positives, negatives = (len(sizes) / np.sum([design / own[k] for own in sizes]) for k in (0, 1))
    least = min(positives, negatives)

    def model(a: float) -> float:
        """One row of a side is ranked right against two of the other with probability ``both`` (Owen 1956)."""
        both = a - 2 * owens_t(ndtri(a), 1 / np.sqrt(3))
        return float((a * (1 - a) + (positives + negatives - 2) * (both - a**2)) / (positives * negatives))

    # Each pair of classes enters two of the C rankings, so that the mean varies about 2/C as much as each.
    expected = 2 / classes
    ratio = expected
    if 0 < area < 1:
        seen = float(np.square(together).sum()) / model(area)
        ratio = (least * seen + PRIOR_ROWS * expected) / (least + PRIOR_ROWS)

    def outside(a: float) -> float:
        return float((area - a) ** 2 - Z**2 * ratio * model(a))

    # An area of 1 is itself a root, for V(1) is 0; the end is the other one.
    low = brentq(outside, 0.0, min(area, 1 - 1e-9)) if area > 0 else 0.0
    high = brentq(outside, max(area, 1e-9), 1.0) if area < 1 else 1.0
    return float(low), float(high)


def placements(
    score: Floats, positive: NDArray[np.bool_], weight: Floats
) -> tuple[float, Floats, tuple[float, float]]:
    """The area, each row's influence on it [N], and the effective numbers of positives and negatives.

    A row's placement is the share of the other side that it is ranked right against, ties half.
    """
    order = np.argsort(score)
    ranked, mine, w = score[order], positive[order], weight[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    ties = np.diff(first, append=len(ranked))
    start, end = np.repeat(first, ties), np.repeat(first + ties, ties)
    below = [np.concatenate([[0.0], np.cumsum(w * side)]) for side in (mine, ~mine)]
    totals = below[0][-1], below[1][-1]
    share = [(own[start] + own[end]) / (2 * total) for own, total in zip(below, totals, strict=True)]
    placement = np.where(mine, share[1], 1 - share[0])
    area = float(np.average(placement[mine], weights=w[mine]))
    sizes = (_effective(w[mine]), _effective(w[~mine]))
    own_total = np.where(mine, totals[0], totals[1])
    # n / (n − 1), as in a sample's variance; one row alone can't tell its own.
    loss = [np.sqrt(n / (n - 1)) if n > 1 else 1.0 for n in sizes]
    influence = np.empty(len(score))
    influence[order] = w * (placement - area) / own_total * np.where(mine, *loss)
    return area, influence, sizes


def _effective(weight: Floats) -> float:
    return float(weight.sum() ** 2 / np.square(weight).sum())
