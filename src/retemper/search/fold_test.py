"""Which trials are worse than the best beyond doubt, after a few folds: paired tests, moderated and corrected.

On the same folds two trials differ by d₁ … dₙ. Three things keep a plain t-test of these from deciding. With two folds
their variance is hardly known: it is drawn towards that of the other trials' differences (moderated t; Smyth 2004),
which adds degrees of freedom. Folds share training rows, so the mean varies by s²·(1/n + 1/(k − 1)) where a
fold is one of k parts of the rows (Nadeau & Bengio 2003), not by s²/n. And many are tested at a time (Holm 1979).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from retemper.evaluation.correction import holm

FEW = 3
"""From so few trials nothing is learnt of each other's variance."""


def far_behind(losses: NDArray[Any], folds: int, alpha: float = 0.05) -> NDArray[np.bool_]:
    """Trials that are worse than the best of them.

    Args:
        losses: [trials, n] on the same n folds; a trial with a loss that is not finite is behind.
        folds: k, how many parts the rows were dealt out to, 2 or more; the n folds may come from several draws.
        alpha: probability of any false verdict, if the best were not chosen for being the best.

    Returns:
        [trials]; the best is never behind.

    >>> far_behind(np.array([[0.30, 0.33], [0.31, 0.32], [0.90, 0.95], [0.5, np.nan]]), folds=5).tolist()
    [False, False, True, True]
    """
    losses = np.asarray(losses, dtype=np.float64)
    behind: NDArray[np.bool_] = ~np.isfinite(losses).all(axis=1)
    sound = np.flatnonzero(~behind)
    if len(sound) < 2 or losses.shape[1] < 2:
        return behind
    best = sound[losses[sound].mean(axis=1).argmin()]
    others = sound[sound != best]
    differences = losses[others] - losses[best]
    n = losses.shape[1]
    variance, freedom = moderated(differences.var(axis=1, ddof=1), n - 1)
    # Equal on every fold: no doubt where it is worse, none where it is not.
    error = np.sqrt(np.maximum(variance, np.finfo(float).tiny) * (1 / n + 1 / (folds - 1)))
    p_values = stats.t.sf(differences.mean(axis=1) / error, freedom)
    behind[others] = holm(p_values) <= alpha
    return behind


def moderated(variance: NDArray[np.float64], freedom: int) -> tuple[NDArray[np.float64], float]:
    """Variances drawn towards their common centre, and the degrees of freedom that they have then (Smyth 2004).

    Log variances scatter by chance alone as a χ² with so many degrees of freedom does. What they scatter beyond it is
    true, and says how little one trial tells of another: d₀, the degrees of freedom that the centre s₀² counts for.

    Args:
        variance: of each trial [T], each with ``freedom`` degrees of freedom, 1 or more.

    >>> own, freedom = moderated(np.array([0.5, 1.0, 2.0, 1.0, 1.0]), 2)
    >>> bool(np.ptp(own) < 1.5), freedom > 2
    (True, True)
    """
    known = variance[variance > 0]
    if len(known) < FEW:
        return variance, float(freedom)
    logs = np.log(known) - special.digamma(freedom / 2) + math.log(freedom / 2)
    excess = float(logs.var(ddof=1) - special.polygamma(1, freedom / 2))
    if excess <= 0:
        return np.full(len(variance), math.exp(logs.mean())), math.inf
    half = _trigamma_is(excess)
    centre = math.exp(logs.mean() + special.digamma(half) - math.log(half))
    return (2 * half * centre + freedom * variance) / (2 * half + freedom), 2 * half + freedom


def _trigamma_is(value: float) -> float:
    """The x at which trigamma(x) has a value above 0; it falls from ∞ to 0."""

    def off(log_x: float) -> float:
        return float(special.polygamma(1, math.exp(log_x))) - value

    return math.exp(optimize.brentq(off, -20.0, 20.0)) if off(-20.0) > 0 > off(20.0) else math.exp(20.0)
