"""Kolmogorov and Smirnov's p-value of values with ties, counted and not drawn."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.stats import binom

from retemper.retraining.two_samples.count_tables import Counts
from retemper.retraining.two_samples.monte_carlo import ROUNDING, Floats

SMALLEST = 1e-11
"""What rounding may add up to: p-values are above it."""
FAR = 3.6
"""Steps beyond, in units of sqrt((n + m) / nm), count as this: Kolmogorov's limit is 1e-11 there."""
KERNEL_WIDTH = 10.0
"""Standard deviations of a cell's count on both sides of its mean; what lies beyond is taken for a crossing."""


def p_value(total: Counts, n_current: int, statistic: float) -> float:
    """The chance that tables with these margins have a step at least as large (Schröer & Trenkler 1995).

    Cell by cell, the number c of current rows so far is a walk whose steps are binomial and which ends at m, the number
    of all current rows. Those walks count as smaller that stay in the band |c/m - (C - c)/n| < statistic after each
    cell, where C rows of both sides are counted. One convolution a cell.

    Args:
        total: int64 [K], above 0: rows of each cell on both sides, cells in their order.
        n_current: m, those of the current side, above 0 and below all.
        statistic: in 0 ... 1.

    Returns:
        The exact p-value, and at most ``SMALLEST`` more; of very large statistics, that of a smaller one.

    >>> round(p_value(np.array([4, 4]), 4, 1.0), 4)
    0.0286
    """
    rows = int(total.sum())
    chance, scale = n_current / rows, n_current * (rows - n_current) / rows
    half = min(statistic * (1 - ROUNDING), FAR / np.sqrt(scale)) * scale
    inside, low, so_far = np.ones(1), 0, 0
    for cell in total[:-1].tolist():
        so_far += cell
        first = max(int(np.floor(so_far * chance - half)) + 1, n_current - rows + so_far, 0)
        last = min(int(np.ceil(so_far * chance + half)) - 1, n_current, so_far)
        if first > last:
            return 1.0
        offset, kernel = _kernel(cell, chance)
        inside = _between(np.convolve(inside, kernel), low + offset, first, last)
        low = first
    left = n_current - low - np.arange(len(inside))
    offset, kernel = _kernel(int(total[-1]), chance)
    there = (left >= offset) & (left < offset + len(kernel))
    alike = inside[there] @ kernel[left[there] - offset] / binom.pmf(n_current, rows, chance)
    return float(np.clip(1 - alike, 0.0, 1.0 - SMALLEST) + SMALLEST)


def products(total: Counts, n_current: int) -> float:
    """About how many multiplications that takes at most."""
    rows = int(total.sum())
    band = 2 * FAR * np.sqrt(n_current * (rows - n_current) / rows)
    return float(band * np.minimum(total, 2 * KERNEL_WIDTH * np.sqrt(total)).sum())


def _between(mass: Floats, start: int, first: int, last: int) -> Floats:
    """The mass at first ... last of an array that begins at ``start``; zero where it has none."""
    kept = np.zeros(last - first + 1)
    begin, end = max(first, start), min(last, start + len(mass) - 1)
    if begin <= end:
        kept[begin - first : end - first + 1] = mass[begin - start : end - start + 1]
    return kept


@lru_cache(maxsize=4096)
def _kernel(rows: int, chance: float) -> tuple[int, Floats]:
    """Binomial probabilities about the mean, and the first count that they are of."""
    reach = KERNEL_WIDTH * np.sqrt(rows * chance * (1 - chance)) + 3 * KERNEL_WIDTH
    first, last = max(0, int(rows * chance - reach)), min(rows, int(rows * chance + reach) + 1)
    return first, np.asarray(binom.pmf(np.arange(first, last + 1), rows, chance))
