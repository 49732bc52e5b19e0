"""Whether a change of recipe pays: the gain over seeds, beyond what the seeds alone explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from retemper.core.records import Outcome

FEWEST_SEEDS = 3
ALPHA = 0.025
"""A change without effect is kept in at most this share of runs."""
RANKS_FROM, T_SHARE, RANKS_SHARE = 7, 0.72, 0.4
"""Pairs from which signed ranks are tested, and the shares of α of both tests then."""
Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Proof:
    """The verdict on a change.

    Args:
        kept: whether the change stays.
        message: the verdict in one sentence.
        gain: mean loss before − after, positive when better; None when it can't be computed.
        low: lower end of the gain's 95 % interval, None when it can't be computed.
        high: upper end.
        before: mean of the finite losses before.
        after: mean of the finite losses after.
    """

    kept: bool
    message: str
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    before: float | None = None
    after: float | None = None

    def outcome(self, remedy: str) -> Outcome:
        """The record for result.json."""
        verdict: Literal["kept", "reverted"] = "kept" if self.kept else "reverted"
        return Outcome(remedy, verdict, self.before, self.after, self.low, self.high)


def prove(before: Sequence[float], after: Sequence[float], tested: int = 1, pooled: bool = False) -> Proof:
    """Judge a change by validation losses of several seeds before and after.

    With as many losses after as before, the i-th of both is taken to be the same seed (same start, same order
    of rows), and the differences d_i = before_i − after_i are judged: the change is kept when

        mean(d) − t(1 − α, n − 1) · std(d) / √n  >  0        with α = .025 / tested

    Pairing takes out what a seed does to both sides, which is most of the noise. From seven pairs on one outlying pair
    doesn't hide a gain that all others show: the signed ranks are tested too (Wilcoxon 1945), with .4 α beside .72 α of
    the t-test, by which together fewer than α of changes without effect are kept (simulated). With unequal counts
    the two means are compared with Welch's interval instead. Under three seeds the spread can't be estimated, so the
    change goes: a recipe stays as it is until something better is shown. A run that failed (loss not finite)
    is worse than any loss: a change is never kept when a run fails after it, and is kept at once when more runs
    failed before, and none after, than a change without effect would bring about with a probability of α.

    Args:
        before: validation losses with the old recipe, one a seed.
        after: validation losses with the new recipe, one a seed, in the same order of seeds.
        tested: changes that are judged in this run, each by a proof (Bonferroni's correction).
        pooled: also compare the means with the variance of both sides together (Student 1908), each test with half
            of α. A change that ends failures has seeds that differ more before than after, which pairing can't use.

    >>> prove([0.50, 0.52, 0.51], [0.45, 0.46, 0.46]).kept
    True
    >>> prove([0.50, 0.52, 0.51], [0.49, 0.53, 0.50]).kept
    False
    """
    alpha = ALPHA / tested
    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    means = {"before": _mean(old), "after": _mean(new)}
    failed_before, failed_after = int((~np.isfinite(old)).sum()), int((~np.isfinite(new)).sum())
    if failed_after:
        return Proof(
            False, f"Reverted: {failed_after} of {len(new)} trainings failed after the change.", **means
        )
    if failed_before and failed_before >= _telling_failures(len(old), len(new), alpha):
        message = f"Kept: {failed_before} of {len(old)} trainings failed before the change, none after."
        return Proof(True, message, **means)
    paired = len(old) == len(new)
    known = np.isfinite(old)
    old, new = old[known], new[known] if paired else new
    if min(len(old), len(new)) < FEWEST_SEEDS:
        message = f"Reverted: {min(len(old), len(new))} seeds can't tell a gain from noise; it takes {FEWEST_SEEDS}."
        return Proof(False, message, **means)
    gain, half_width = _interval(old, new, paired, alpha, pooled)
    low, high = gain - half_width, gain + half_width
    kept = low > 0
    verdict = "Kept: the gain is beyond seed noise" if kept else "Reverted: the gain is within seed noise"
    share = f"{100 * (1 - 2 * alpha):.4g} %"
    message = f"{verdict} ({gain:.4g}, {share} interval {low:.4g} to {high:.4g}, {len(new)} seeds)."
    return Proof(kept, message, gain, low, high, **means)


@cache
def _telling_failures(old: int, new: int, alpha: float) -> int:
    """Fewest failures before, with none after, that a change without effect brings about with probability α or less.

    Whatever the rate p of failures: P(failures before ≥ k) · (1 − p)^new, and α of the cases with fewer failures,
    are at most α. One more than there are runs where no number tells.
    """
    p = np.linspace(0.005, 0.995, 199)
    none = (1 - p) ** new
    for count in range(1, old + 1):
        so_many = stats.binom.sf(count - 1, old, p)
        if float((so_many * none + alpha * none * (1 - so_many)).max()) <= alpha:
            return count
    return old + 1


def _interval(old: Losses, new: Losses, paired: bool, alpha: float, pooled: bool) -> tuple[float, float]:
    """Gain and half width of its interval; of the two tests' that is narrower where both are made."""
    if not paired:
        return _welch(old, new, alpha)
    gain, half_width = _paired(old - new, alpha / 2 if pooled else alpha)
    return gain, min(half_width, _together(old, new, alpha / 2)) if pooled else half_width


def _mean(losses: Losses) -> float | None:
    finite = losses[np.isfinite(losses)]
    return float(finite.mean()) if len(finite) else None


def _paired(difference: Losses, alpha: float) -> tuple[float, float]:
    """Mean and half width of its interval; by signed ranks where their lower end is higher, as far as to that."""
    n, gain = len(difference), float(difference.mean())
    out = _left_out(n, RANKS_SHARE * alpha) if n >= RANKS_FROM else -1
    t = float(stats.t.ppf(1 - (T_SHARE if out >= 0 else 1) * alpha, n - 1))
    half_width = t * float(difference.std(ddof=1)) / sqrt(n)
    if out < 0:
        return gain, half_width
    rows, columns = np.triu_indices(n)
    low = np.sort((difference[rows] + difference[columns]) / 2)[
        out
    ]  # Hodges & Lehmann 1963: of averages of two
    return gain, max(0.0, min(half_width, gain - float(low)))


@cache
def _left_out(n: int, level: float) -> int:
    """The most that the sum of the negative differences' ranks may be for P(it ≤ that) ≤ level; -1: not even 0."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        wider = np.zeros(len(counts) + rank)
        wider[: len(counts)] += counts
        wider[rank:] += counts
        counts = wider
    return int((counts.cumsum() <= level * counts.sum()).sum()) - 1


def _together(old: Losses, new: Losses, alpha: float) -> float:
    """Half width of the interval by the variance of both sides together."""
    spread = sqrt((float(old.var(ddof=1)) + float(new.var(ddof=1))) / len(old))
    return float(stats.t.ppf(1 - alpha, 2 * len(old) - 2)) * spread


def _welch(old: Losses, new: Losses, alpha: float) -> tuple[float, float]:
    """Difference of means and half width of Welch's interval (unequal variances)."""
    a, b = float(old.var(ddof=1)) / len(old), float(new.var(ddof=1)) / len(new)
    gain = float(old.mean() - new.mean())
    if a + b == 0:
        return gain, 0.0
    freedom = (a + b) ** 2 / (a**2 / (len(old) - 1) + b**2 / (len(new) - 1))
    return gain, float(stats.t.ppf(1 - alpha, freedom)) * sqrt(a + b)
