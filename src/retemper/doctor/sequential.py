"""A proof that looks as it goes: pairs of trainings are added until the gain is clear, or nothing speaks for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from retemper.doctor.proof import Proof

COUNTS = (3, 4, 5, 6, 8)
"""Pairs that a proof may have at most. Two would not do: of trainings that get stuck half the time, one in sixteen
times both before do and none after."""
EARLY = 3
"""Pairs after which a clear gain, or none, ends a proof that was to have more."""


@dataclass(frozen=True)
class Levels:
    """Of the three tests of one look: P(it keeps a change without effect)."""

    paired: float
    pooled: float
    ranked: float


LEVELS = {
    3: Levels(0.005, 0.015, 0.0),
    4: Levels(0.006, 0.009, 0.0),
    5: Levels(0.005, 0.006, 0.005),
    6: Levels(0.005, 0.006, 0.005),
    8: Levels(0.005, 0.006, 0.005),
}
"""At the end of a proof with so many pairs. Together with the early look at most 2.5 % of changes without effect are
kept, whether losses are normal, heavy-tailed, skewed, or now and then those of a training that got stuck (simulated;
the tests repeat it)."""
AT_EARLY = Levels(0.002, 0.003, 0.0)
Losses = NDArray[np.float64]


def look(before: Sequence[float], after: Sequence[float], most: int) -> Proof | None:
    """The verdict, or None where the rest of the pairs is needed.

    Three one-sided tests are made at each look. Of the differences (what a seed does to both sides is out of them), of
    the means with the variance of both sides together (a change that ends failures), and of the ranks, whose null
    distribution is exact whatever the losses' is (Mann & Whitney 1947): one outlying seed can't veto a clear gain. The
    interval is that of the test with the highest lower end.

    Args:
        before: finite losses, one a seed.
        after: the same seeds' after the change.
        most: pairs that the proof has at its end, set before the first of them was seen.

    Returns:
        A proof: kept, or reverted.

    Raises:
        ValueError: ``most`` is none of ``COUNTS``, or it is not the time to look.

    >>> look([0.9, 0.8, 0.9], [0.1, 0.1, 0.2], 6).kept, look([0.9, 0.1, 0.5], [0.2, 0.1, 0.4], 6)
    (True, None)
    """
    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    pairs = len(old)
    if most not in COUNTS or len(new) != pairs or pairs not in (EARLY, most):
        raise ValueError(
            f"{pairs} and {len(new)} losses: a proof of {most} is looked at after {EARLY} or all pairs"
        )
    levels = LEVELS[most] if pairs == most else AT_EARLY
    low, high = max(
        _of_differences(old, new, levels.paired),
        _of_means(old, new, levels.pooled),
        _of_ranks(old, new, levels.ranked),
    )
    gain = float(old.mean() - new.mean())
    kept = low > 0
    if not kept and gain > 0 and pairs < most:
        return None
    told = "Kept: the gain is beyond seed noise" if kept else "Reverted: the gain is within seed noise"
    message = f"{told} ({gain:.4g}, interval {low:.4g} to {high:.4g}, {pairs} fresh seeds)."
    return Proof(kept, message, gain, low, high, float(old.mean()), float(new.mean()))


def _of_differences(old: Losses, new: Losses, level: float) -> tuple[float, float]:
    difference = old - new
    half = float(stats.t.ppf(1 - level, len(old) - 1)) * float(difference.std(ddof=1)) / sqrt(len(old))
    return float(difference.mean()) - half, float(difference.mean()) + half


def _of_means(old: Losses, new: Losses, level: float) -> tuple[float, float]:
    spread = sqrt((float(old.var(ddof=1)) + float(new.var(ddof=1))) / len(old))
    half = float(stats.t.ppf(1 - level, 2 * len(old) - 2)) * spread
    gain = float(old.mean() - new.mean())
    return gain - half, gain + half


def _of_ranks(old: Losses, new: Losses, level: float) -> tuple[float, float]:
    """Hodges and Lehmann's interval: of all differences between the sides, all but the lowest and highest few."""
    out = _left_out(len(old), level)
    if out < 0:
        return -np.inf, np.inf
    differences = np.sort((old[:, None] - new[None, :]).ravel())
    return float(differences[out]), float(differences[-1 - out])


@cache
def _left_out(pairs: int, level: float) -> int:
    """The most that U may be for P(U ≤ it) ≤ level; -1: not even 0 may."""
    counts = np.array(_counts(pairs, pairs), dtype=np.float64)
    return int((counts.cumsum() <= level * counts.sum()).sum()) - 1


@cache
def _counts(first: int, second: int) -> tuple[int, ...]:
    """In how many orders of ``first`` and ``second`` things U is 0, 1, 2, …

    >>> _counts(2, 2)
    (1, 1, 2, 1, 1)
    """
    if not first or not second:
        return (1,)
    found = [0] * (first * second + 1)
    for value, count in enumerate(_counts(first - 1, second)):
        found[value + second] += count
    for value, count in enumerate(_counts(first, second - 1)):
        found[value] += count
    return tuple(found)
