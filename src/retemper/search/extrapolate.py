"""Where a validation curve will end: an ensemble of four laws, which says nothing of curves that follow none.

    pow3        a + b·tᶜ                       c < 0
    exp         a + b·e^(−c·t)                 c > 0
    mmf         (a·b + c·t^d) / (b + t^d)      0 < d
    log_power   a + b / (1 + (t/e^c)^d)        d > 0

Every law is linear in its level and its height; the one or two parameters inside are looked for on a grid, so a fit is
a few products of matrices, always ends, and ends at the same place. A law's weight falls with its error on the last
fifth of the curve, which it is fitted without (Domhan et al. 2015 sample; here one holds out, as with rows). About one
curve in seven is ill-behaved (LCDB 1.1; it rises, falls twice, or is all noise): of these nothing is said, nor of one
that has not begun to bend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

HELD_OUT = 0.2
"""Of the curve's epochs, the last ones, which the laws are judged by."""
LEAST_EPOCHS = 5
FLAT = 0.02
"""Of the curve's range: what it may rise without being ill-behaved."""
NOISE = 0.15
"""Spread about the laws, as a part of the curve's range, beyond which it is too noisy."""
STRAIGHT = 0.8
"""What the last third of a curve falls by, as a part of what the first third does, beyond which it has not bent."""
DISAGREE = 0.5
"""Spread of the laws' ends, as a part of the curve's range, beyond which they say nothing together."""
CAUTION = 2.0
"""Extrapolation errs by more than the held-out end shows: the spread is taken so many times as wide (measured)."""


@dataclass(frozen=True)
class Forecast:
    """The loss at the end of training, as far as it can be told.

    Args:
        loss: the weighted mean of the laws' ends.
        spread: its standard deviation: the laws' errors and what they differ by.
        weights: law → weight.
    """

    loss: float
    spread: float
    weights: dict[str, float]

    def beats(self, best: float) -> float:
        """Probability that the curve ends below ``best``.

        >>> Forecast(0.5, 0.1, {}).beats(0.5), round(Forecast(0.5, 0.1, {}).beats(0.3), 3)
        (0.5, 0.023)
        """
        return 0.5 * math.erfc((self.loss - best) / (math.sqrt(2) * max(self.spread, 1e-300)))


def forecast(curve: Sequence[float], epochs: int) -> Forecast | str:
    """The loss after ``epochs`` of a validation curve that ends earlier.

    Args:
        curve: validation loss of each epoch, from the first.
        epochs: the epoch that is asked for, after the curve's last.

    Returns:
        The forecast; a reason to abstain where the curve follows no law.

    >>> curve = [0.3 + 0.7 * t**-0.8 for t in range(1, 11)]
    >>> told = forecast(curve, 40)
    >>> abs(told.loss - (0.3 + 0.7 * 40**-0.8)) < 0.01
    True
    >>> forecast([0.9, 0.5, 0.4, 0.5, 0.7, 0.9, 1.2], 20)
    'the curve rises'
    """
    losses = np.asarray(curve, dtype=np.float64)
    reason = why_not(losses)
    if reason:
        return reason
    height = float(np.ptp(losses))
    known = len(losses) - max(2, round(HELD_OUT * len(losses)))
    fits = {name: _fit(name, losses, known, len(losses), epochs) for name in LAWS}
    errors = np.array([max(error, 1e-6 * height) for error, _ in fits.values()])
    if errors.min() > NOISE * height:
        return "no law fits the end of the curve"
    weights = errors.min() ** 2 / errors**2
    weights /= weights.sum()
    ends = np.array([end for _, end in fits.values()])
    middle = float(weights @ ends)
    apart = math.sqrt(float(weights @ (ends - middle) ** 2))
    if apart > DISAGREE * height:
        return "the laws disagree"
    further = math.sqrt(epochs / len(losses))
    spread = CAUTION * math.hypot(apart, math.sqrt(float(weights @ errors**2)) * further)
    return Forecast(middle, spread, dict(zip(fits, weights.tolist(), strict=True)))


def why_not(losses: Points) -> str | None:
    """What is wrong with a curve; None: nothing that can be seen.

    A curve that rises by more than its noise may have passed its best (overfitting) or be in the hump of a double
    descent; both times its own past says nothing of its end.
    """
    if len(losses) < LEAST_EPOCHS:
        return f"fewer than {LEAST_EPOCHS} epochs"
    if not np.isfinite(losses).all():
        return "the curve is not finite"
    height = float(np.ptp(losses))
    if height == 0:
        return "the curve is flat"
    noise = float(np.median(np.abs(np.diff(losses, 2)))) / math.sqrt(6) / 0.6745
    if noise > NOISE * height:
        return "the curve is noise"
    smooth = _smoothed(losses)
    rise = float((smooth - np.minimum.accumulate(smooth)).max())
    if rise > FLAT * height + 3 * noise:
        return "the curve rises"
    third = len(losses) // 3
    straight = smooth[-1 - third] - smooth[-1] > STRAIGHT * (smooth[0] - smooth[third])
    return "the curve has not begun to bend" if straight else None


def _smoothed(losses: Points) -> Points:
    """The median of each three: single spikes are no rise."""
    padded = np.concatenate([losses[:1], losses, losses[-1:]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3)
    medians: Points = np.median(windows, axis=1)
    return medians


def _pow3(t: Points, c: float, d: float) -> Points:
    return np.asarray(t**-c)


def _exp(t: Points, c: float, d: float) -> Points:
    return np.asarray(np.exp(-c * t))


def _mmf(t: Points, c: float, d: float) -> Points:
    return np.asarray(1 / (c + t**d))


def _log_power(t: Points, c: float, d: float) -> Points:
    return np.asarray(1 / (1 + (np.maximum(np.log1p(t), 1e-9) / c) ** d))


LAWS = {
    "pow3": (_pow3, np.geomspace(0.05, 4.0, 40), np.ones(1)),
    "exp": (_exp, np.geomspace(0.01, 3.0, 40), np.ones(1)),
    "mmf": (_mmf, np.geomspace(0.3, 300.0, 20), np.geomspace(0.3, 4.0, 12)),
    "log_power": (_log_power, np.geomspace(0.3, 6.0, 20), np.geomspace(0.5, 6.0, 12)),
}
"""Law → its shape s(t), which falls with t, and the grid of its inner parameters: loss = a + b·s(t), b ≥ 0."""


@lru_cache(maxsize=256)
def _shapes(name: str, until: int, epochs: int) -> Points:
    """The law's shapes [grid, until + 1]: at the epochs of the curve, and at the one that is asked for."""
    shape, first, second = LAWS[name]
    t = np.append(np.arange(1.0, until + 1), float(epochs))
    return np.stack([shape(t, c, d) for c in first for d in second])


def _fit(name: str, losses: Points, known: int, until: int, epochs: int) -> tuple[float, float]:
    """Root of the mean squared error on the held-out end, and the loss at ``epochs`` of the fit to all of the curve."""
    shapes = _shapes(name, until, epochs)
    level, height, _ = _least_squares(shapes[:, :known], losses[:known])
    chosen = _best(shapes[:, :known], losses[:known])
    told = level[chosen] + height[chosen] * shapes[chosen, known:until]
    error = math.sqrt(float(np.mean((told - losses[known:]) ** 2)))
    whole = _best(shapes[:, :until], losses)
    level, height, _ = _least_squares(shapes[:, :until], losses)
    return error, float(level[whole] + height[whole] * shapes[whole, -1])


def _best(shapes: Points, losses: Points) -> int:
    return int(_least_squares(shapes, losses)[2].argmin())


def _least_squares(shapes: Points, losses: Points) -> tuple[Points, Points, Points]:
    """Level and height of each shape, and the mean squared error; later epochs count for more, the end is wanted."""
    weight = np.arange(1.0, len(losses) + 1)
    weight /= weight.sum()
    middle, mean = shapes @ weight, float(losses @ weight)
    off = shapes - middle[:, None]
    height = np.maximum(0.0, (off * weight) @ (losses - mean) / np.maximum((off**2) @ weight, 1e-300))
    level = mean - height * middle
    error = ((level[:, None] + height[:, None] * shapes - losses) ** 2) @ weight
    return level, height, error
