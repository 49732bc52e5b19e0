"""Two classifiers on the same rows, right or wrong: McNemar's test, and Tango's for a margin.

Only rows on which one is right and the other wrong tell the two apart. With b rows gained and c lost, b of b + c is a
coin's if neither is better: an exact law (McNemar 1947). Its mid-p value rejects in at most 2.5 % of samples at a level
of 2.5 % at 50 to 5,000 rows and 2 to 20 % disagreement, where the exact one uses 1.5 to 2.2 % and so
misses gains. Against a margin, and for intervals, Tango's (1998) score test: b and c are fitted under the claimed
difference, so that it holds for few or no disagreements too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtrc, ndtr, ndtri


@dataclass(frozen=True)
class PairedShares:
    """The gain in a share of rows that are right.

    Args:
        gained: rows that only the second model has right.
        lost: rows that only the first has right.
        rows: of all.

    >>> gain = PairedShares(120, 80, 2000)
    >>> gain.value, round(gain.p_above(0), 4), [round(end, 3) for end in gain.ends()]
    (0.02, 0.0023, [0.006, 0.034])
    >>> PairedShares(0, 0, 1000).p_above(-0.01) < .025
    True
    """

    gained: int
    lost: int
    rows: int

    @property
    def value(self) -> float:
        """The gain."""
        return (self.gained - self.lost) / self.rows

    @property
    def error(self) -> float:
        """Its standard error; that of one row where none disagrees."""
        differ = max((self.gained + self.lost) / self.rows, 1 / self.rows)
        return float(np.sqrt(max(differ - self.value**2, 1 / self.rows) / self.rows))

    def p_above(self, limit: float) -> float:
        """p-value of "the gain is at most ``limit``"."""
        if limit == 0:
            return _mid_p(self.gained, self.gained + self.lost)
        return float(ndtr(-self._score(limit)))

    def p_below(self, limit: float) -> float:
        """p-value of "the gain is at least ``limit``"."""
        return PairedShares(self.lost, self.gained, self.rows).p_above(-limit)

    def ends(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval; an end lies beyond 0 only if the test against 0 says so as well."""
        alpha = (1 - level) / 2
        low, high = self._end(-1.0, ndtri(1 - alpha)), self._end(1.0, ndtri(alpha))
        return (
            low if self.p_above(0) <= alpha else min(low, 0.0),
            high if self.p_below(0) <= alpha else max(high, 0.0),
        )

    def _end(self, far: float, score: float) -> float:
        if self.value == far:
            return far
        inside = np.nextafter(far, 0)
        return float(brentq(lambda d: self._score(d) - score, *sorted((inside, self.value))))

    def _score(self, difference: float) -> float:
        """(gain − difference) in standard errors of the law with this difference that fits best."""
        b, c, n = self.gained, self.lost, self.rows
        # The share lost that is likeliest under b/n − c/n = difference: the root of 2nq² + Bq + C.
        middle = -b - c + (2 * n - b + c) * difference
        product = -c * difference * (1 - difference)
        q = (np.sqrt(max(middle**2 - 8 * n * product, 0.0)) - middle) / (4 * n)
        variance = n * (2 * q + difference * (1 - difference))
        distance = b - c - n * difference
        return 0.0 if distance == 0 else float(distance / np.sqrt(max(variance, 1e-300)))


def _mid_p(hits: int, trials: int) -> float:
    """Of a fair coin: P(more hits) + P(as many) / 2, the mean of P(more) and P(as many or more)."""
    as_many = 1.0 if hits == 0 else float(bdtrc(hits - 1, trials, 0.5))
    return (float(bdtrc(hits, trials, 0.5)) + as_many) / 2
