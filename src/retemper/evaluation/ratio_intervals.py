"""95 % intervals of mean losses and their ratios by the studentized bootstrap, on the log scale.

Log loss, RMSE and R² are functions of means of skewed, heavy-tailed losses: where the few large losses happen to be
missing, mean and spread are both too low, and percentile intervals miss the truth. The studentized bootstrap
(Efron and Tibshirani 1993, chapter 12) learns how wrong mean ÷ standard error goes in resamples, and corrects for
it; on the log scale the ends are positive and the standard error hardly depends on the mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retemper.evaluation.resampling import draws

Floats = NDArray[np.float64]
ROUNDING = 1e-12
"""A variance below this share of its terms is their rounding error."""
MOST_ERRORS = 12.0
"""Resamples of a few large losses can lie any number of standard errors away; so many are believed."""


def log_ratio_intervals(
    numerators: Floats, denominators: Floats, centred: Floats, resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """Intervals of v_k = log(Σ a_k / Σ b_k) over units drawn with replacement.

    The standard error comes from each unit's influence a/Σa − b/Σb.

    Args:
        numerators: a, 0 or more, not all 0 [K, N]: weight × loss, summed over the rows of a unit.
        denominators: b, 0 or more, not all 0 [K, N].
        centred: c [K, N]: (Σc)²/Σw is taken off Σb, for a sum of squares around a mean that is estimated as well;
            zeros where there is none. w is the first row of ``denominators``.
        resamples: drawn.
        seed: of the resampling.

    Returns:
        low [K], high [K] of v; equal to v where nothing varies, at most 12 standard errors away.

    >>> losses = np.random.default_rng(0).exponential(size=(1, 500))
    >>> low, high = log_ratio_intervals(losses, np.ones((1, 500)), np.zeros((1, 500)), 400, 0)
    >>> bool(low[0] < np.log(losses.mean()) < high[0]), round(float(np.exp(high[0] - low[0])), 1)
    (True, 1.2)
    """
    products = (numerators, denominators, numerators**2, numerators * denominators, denominators**2, centred)
    # Several ratios share their parts; each is summed once. (np.unique would sort rows of N fields, for seconds.)
    every_sum = np.concatenate([*products, denominators[:1]])
    known: dict[bytes, int] = {}
    place = [known.setdefault(row.tobytes(), len(known)) for row in every_sum]
    sums = every_sum[[place.index(number) for number in range(len(known))]]
    count, units = numerators.shape

    def statistic(counts: Floats) -> tuple[Floats, Floats]:
        """v and its standard error [K, R]."""
        every = (sums @ counts)[place]
        a, b, aa, ab, bb, c = every[:-1].reshape(6, count, -1)
        b = b - c**2 / every[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = aa / a**2 + bb / b**2
            variance = parts - 2 * ab / (a * b)
            return np.log(a / b), np.sqrt(np.where(variance > ROUNDING * parts, variance, 0.0))

    value, error = statistic(np.ones((units, 1)))
    parts = []
    for counts in draws(units, resamples, seed):
        drawn, own = statistic(counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append((drawn - value) / own)
    ratio = np.concatenate(parts, axis=1)
    ends = np.zeros((2, count))
    for k, own in enumerate(ratio):
        usable = np.clip(own[np.isfinite(own)], -MOST_ERRORS, MOST_ERRORS)
        ends[:, k] = np.quantile(usable, [0.025, 0.975]) if len(usable) else 0.0
    return value[:, 0] - ends[1] * error[:, 0], value[:, 0] - ends[0] * error[:, 0]
