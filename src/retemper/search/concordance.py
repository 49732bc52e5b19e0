"""Does a ranking still hold? A few settings, their losses before and now, and an exact test over all orders."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ALPHA = 0.1
"""A ranking that does not hold is kept so often at most; it then costs a few trials."""


@dataclass(frozen=True)
class Concordance:
    """What the probes say.

    Args:
        share: weighted concordance in [−1, 1]; 1: the order is the same.
        p_value: how often an order by chance agrees as well.
    """

    share: float
    p_value: float

    @property
    def holds(self) -> bool:
        """Whether what was known may guide the new search."""
        return self.p_value <= ALPHA


def concordance(before: Sequence[float], now: Sequence[float]) -> Concordance:
    """Compare losses before and now.

    Kendall's concordance, each pair weighted by its difference before: Σ |xᵢ − xⱼ| sᵢⱼ / Σ |xᵢ − xⱼ|, where sᵢⱼ is 1
    for a pair in the same order and −1 for one in the other; neighbours that change places say little. Its p-value
    counts, over all orders of ``now``, those that agree as well.

    Args:
        before, now: finite losses [n] of the same settings; n is small, as n! orders are gone through.

    >>> same = concordance([1.0, 2.0, 3.0, 4.0, 5.0], [11.0, 13.0, 15.0, 17.0, 19.0])
    >>> same.share, round(same.p_value, 4), same.holds
    (1.0, 0.0083, True)
    >>> concordance([1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 1.0, 5.0, 2.0, 4.0]).holds
    False
    """
    x, y = np.asarray(before, float), np.asarray(now, float)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Concordance(0.0, 1.0)
    # The first order is the one as it is.
    orders = np.array(list(itertools.permutations(range(len(y)))))
    shares = _shares(x, y[orders])
    return Concordance(float(shares[0]), float(np.mean(shares >= shares[0] - 1e-9)))


def _shares(x: Floats, orders: Floats) -> Floats:
    """The weighted concordance of each order [orders, n] with ``x`` [n]."""
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    agree = (apart * np.sign(orders[:, second] - orders[:, first])).sum(axis=1)
    return np.asarray(agree / np.abs(apart).sum(), np.float64)
