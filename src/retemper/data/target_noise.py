"""Which values of a regression target are wrong: from out-of-fold predictions and the values as given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from retemper.data.label_noise import mix

Floats = NDArray[np.float64]

FREEDOM = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
WIDTHS = (0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0)
SCALE_BINS = 10
LEAST_SCALE = 0.1
"""A local scale is at least this share of the scale of all rows."""
ROBUST = 1.4826
"""Median absolute deviation → standard deviation of a normal distribution."""
TAIL, INNER = 0.02, 0.05
"""Beyond these quantiles the scores go on in a straight line, as steep as between the two."""
STRAY = 1.5


@dataclass(frozen=True)
class Scores:
    """Normal scores of a target: skew and units drop out, and no outlier draws a model to itself.

    score(y) = Φ⁻¹(rank of y) between the 2 % and the 98 % quantile, and a straight line beyond, so that a value far
    out stays far out. ``values`` and ``scores`` are the knots, both increasing.
    """

    values: Floats
    scores: Floats

    @classmethod
    def fit(cls, given: Floats) -> Scores:
        """From the values given [N], not all the same."""
        ordered, counts = np.unique(given, return_counts=True)
        places = (np.cumsum(counts) - counts / 2) / len(given)
        scores = stats.norm.ppf(places)
        inside = (places >= TAIL) & (places <= 1 - TAIL)
        if inside.sum() < 2:
            return cls(ordered, scores)
        return cls(ordered[inside], scores[inside])

    def apply(self, given: Floats) -> Floats:
        """Scores [N] of values [N]."""
        return _continued(given, self.values, self.scores, self._slopes())

    def invert(self, scores: Floats) -> Floats:
        """Values [N] of scores [N]."""
        low, high = self._slopes()
        return _continued(scores, self.scores, self.values, (1 / low, 1 / high))

    def _slopes(self) -> tuple[float, float]:
        """Scores a unit of the values, at the lower and the upper end."""
        at = [float(stats.norm.ppf(q)) for q in (TAIL, INNER, 1 - INNER, 1 - TAIL)]
        y = np.interp(at, self.scores, self.values)
        whole = (self.scores[-1] - self.scores[0]) / (self.values[-1] - self.values[0])
        steps = [(at[1] - at[0], y[1] - y[0]), (at[3] - at[2], y[3] - y[2])]
        low, high = (min(up / right, 10 * whole) if right > 0 else whole for up, right in steps)
        return float(low), float(high)


def _continued(x: Floats, knots: Floats, at_knots: Floats, slopes: tuple[float, float]) -> Floats:
    inner = np.interp(x, knots, at_knots)
    return np.asarray(
        inner + slopes[0] * np.minimum(x - knots[0], 0) + slopes[1] * np.maximum(x - knots[-1], 0)
    )


@dataclass(frozen=True)
class TargetNoise:
    """The share of wrong values with its 95 % interval, and for each row P(wrong) [N] and the robust z [N]."""

    rate: float
    low: float
    high: float
    wrong: Floats
    z: Floats


def estimate(predicted: Floats, given: Floats, seed: int) -> TargetNoise:
    """Fit a mixture by maximum likelihood: right scores scatter around the prediction, wrong ones anywhere.

    z = (given − predicted) / s, where s is the median absolute deviation of rows with a similar prediction (× 1.4826);
    right scores have Student's t for z, of any width and tail; wrong ones are half N(0, 1.5²), that is any row's
    value, half spread evenly between the smallest and the largest. A heavy tail is explained by the t, so it
    takes rows beyond any smooth tail to raise the rate.

    Args:
        predicted: [N] scores (:class:`Scores`), out-of-fold, from models that did not see the row.
        given: [N] scores of the values as given.
        seed: of the bootstrap.

    >>> draw = np.random.default_rng(0)
    >>> y = draw.normal(size=1000)
    >>> given = y + 0.1 * draw.normal(size=1000)
    >>> given[:30] += 40
    >>> noise = estimate(y, given, seed=0)
    >>> bool((noise.wrong[:30] > 0.9).all()), bool((noise.wrong[30:] < 0.5).all())
    (True, True)
    """
    residual = given - predicted
    scale = _local_scale(predicted, residual)
    z = residual / scale
    own = np.stack([stats.t.pdf(z / width, freedom) / width for freedom in FREEDOM for width in WIDTHS])
    even = 1 / max(float(np.ptp(given)), 1e-12)
    anywhere = 0.5 * even + 0.5 * stats.norm.pdf(given, 0, STRAY)
    others = np.broadcast_to(anywhere * scale, own.shape)
    mixed = mix(own, others, seed)
    right, astray = own[mixed.best], others[mixed.best]
    total = (1 - mixed.rate) * right + mixed.rate * astray
    wrong = mixed.rate * astray / np.maximum(total, 1e-300)
    return TargetNoise(mixed.rate, mixed.low, mixed.high, wrong, z)


def _local_scale(predicted: Floats, residual: Floats) -> Floats:
    """The residuals' robust scale [N] among rows with a similar prediction."""
    whole = max(ROBUST * float(np.median(np.abs(residual))), 1e-9)
    parts = np.array_split(np.argsort(predicted, kind="stable"), SCALE_BINS)
    centres = np.array([np.median(predicted[part]) for part in parts])
    local = np.array([ROBUST * np.median(np.abs(residual[part])) for part in parts])
    return np.asarray(np.interp(predicted, centres, np.maximum(local, LEAST_SCALE * whole)))
