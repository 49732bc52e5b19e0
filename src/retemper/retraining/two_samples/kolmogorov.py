"""Kolmogorov and Smirnov's test with a p-value that holds at any number of rows, ties or not."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import kolmogorov
from scipy.stats import ks_2samp

from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.monte_carlo import Floats

FEW_VALUES = 256
"""Up to so many different values, ties matter: tables with the same margins are drawn."""
MOST_EXACT, LARGEST_GRID = 10_000, 2**31 - 1
"""Rows of the smaller side, and steps of the statistic, up to which the exact p-value is counted (by SciPy).

With more the limit is near enough, and above the exact p-value.
"""


def test(values: Floats, n_reference: int, generator: np.random.Generator, most: int) -> tuple[float, float]:
    """The largest difference of the two distribution functions, and its p-value.

    Without ties, or with many different values: the exact p-value (Hodges 1958), or its limit (Kolmogorov 1933) where
    both sides have more than 10,000 rows. Both are for values without ties, and ties make the statistic smaller only,
    so that the p-value errs on the safe side. With ties and up to 256 different values: by random tables with the same
    margins.

    Args:
        values: float64 [N], the reference's first, none missing; both sides have some.
        n_reference: how many are the reference's.
        generator: for the tables.
        most: tables at most.

    Returns:
        Statistic in 0 ... 1 and p-value.

    >>> draws = np.random.default_rng(0)
    >>> far = np.concatenate([draws.normal(size=100), 2 + draws.normal(size=20)])
    >>> test(far, 100, draws, 999)[1] < 1e-6
    True
    >>> test(np.array([0.0, 1.0] * 60), 100, draws, 999)
    (0.0, 1.0)
    """
    different, cells = np.unique(values, return_inverse=True)
    if len(different) <= FEW_VALUES and len(different) < len(values):
        table = CountTable.of(cells, np.arange(len(values)) >= n_reference)
        statistic = float(table.largest_step(table.current))
        return statistic, p_value_of(table, generator, most)
    reference, current = values[:n_reference], values[n_reference:]
    exact = _countable(len(reference), len(current))
    found = ks_2samp(reference, current, method="exact" if exact else "asymp")
    statistic = float(found.statistic)
    if exact:
        return statistic, float(np.clip(found.pvalue, np.finfo(float).tiny, 1.0))
    return statistic, limit_p(statistic, len(reference), len(current))


def _countable(n_reference: int, n_current: int) -> bool:
    return min(n_reference, n_current) <= MOST_EXACT and math.lcm(n_reference, n_current) <= LARGEST_GRID


def p_value_of(table: CountTable, generator: np.random.Generator, most: int) -> float:
    """The p-value of the largest step of a table of ordered cells; 1 where nothing differs."""
    if table.largest_step(table.current) <= 0:
        return 1.0
    return table.p_value(table.largest_step, generator, most)


def limit_p(statistic: float, n_reference: int, n_current: int) -> float:
    """Kolmogorov's limit of the p-value for many rows.

    >>> round(limit_p(0.01, 100_000, 100_000), 6)
    9.1e-05
    """
    scale = np.sqrt(n_reference * n_current / (n_reference + n_current))
    return float(max(kolmogorov(scale * statistic), np.finfo(float).tiny))
