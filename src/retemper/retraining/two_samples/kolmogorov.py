"""Kolmogorov and Smirnov's test with a p-value that holds at any number of rows, ties or not."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import kolmogorov
from scipy.stats import ks_2samp

from retemper.retraining.two_samples import tied_steps
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.monte_carlo import Floats

FEW_VALUES = 256
"""Up to so many different values, ties matter: their p-value is counted cell by cell."""
MOST_PRODUCTS = 3e8
"""Of such a count, about .1 s. With more, at some 100,000 rows a side, the limit for values without ties is taken."""
MOST_EXACT, LARGEST_GRID = 10_000, 2**31 - 1
"""Rows of the smaller side, and steps of the statistic, up to which the exact p-value is counted (by SciPy).

With more the limit is near enough, and above the exact p-value.
"""


def test(values: Floats, n_reference: int) -> tuple[float, float]:
    """The largest difference of the two distribution functions, and its p-value.

    Without ties, or with many different values: the exact p-value (Hodges 1958), or its limit (Kolmogorov 1933) where
    both sides have more than 10,000 rows. Both are for values without ties, and ties make the statistic smaller only,
    so that the p-value errs on the safe side. With ties and up to 256 different values: the exact p-value of tables
    with the same margins.

    Args:
        values: float64 [N], the reference's first, none missing; both sides have some.
        n_reference: how many are the reference's.

    Returns:
        Statistic in 0 ... 1 and p-value.

    >>> draws = np.random.default_rng(0)
    >>> far = np.concatenate([draws.normal(size=100), 2 + draws.normal(size=20)])
    >>> test(far, 100)[1] < 1e-6
    True
    >>> test(np.array([0.0, 1.0] * 60), 100)
    (0.0, 1.0)
    """
    different, cells = np.unique(values, return_inverse=True)
    if len(different) <= FEW_VALUES and len(different) < len(values):
        return of_table(CountTable.of(cells, np.arange(len(values)) >= n_reference))
    reference, current = values[:n_reference], values[n_reference:]
    exact = _countable(len(reference), len(current))
    found = ks_2samp(reference, current, method="exact" if exact else "asymp")
    statistic = float(found.statistic)
    if exact:
        return statistic, float(np.clip(found.pvalue, np.finfo(float).tiny, 1.0))
    return statistic, limit_p(statistic, len(reference), len(current))


def _countable(n_reference: int, n_current: int) -> bool:
    return min(n_reference, n_current) <= MOST_EXACT and math.lcm(n_reference, n_current) <= LARGEST_GRID


def of_table(table: CountTable) -> tuple[float, float]:
    """The largest step of a table of ordered cells, and its p-value; 1 where nothing differs.

    >>> of_table(CountTable(np.array([4, 4]), np.array([0, 4])))[0]
    1.0
    """
    statistic, (n_reference, n_current) = float(table.largest_step(table.current)), table.n
    if statistic <= 0:
        return 0.0, 1.0
    if tied_steps.products(table.total, n_current) > MOST_PRODUCTS:
        return statistic, limit_p(statistic, n_reference, n_current)
    return statistic, tied_steps.p_value(table.total, n_current, statistic)


def limit_p(statistic: float, n_reference: int, n_current: int) -> float:
    """Kolmogorov's limit of the p-value for many rows.

    >>> round(limit_p(0.01, 100_000, 100_000), 6)
    9.1e-05
    """
    scale = np.sqrt(n_reference * n_current / (n_reference + n_current))
    return float(max(kolmogorov(scale * statistic), np.finfo(float).tiny))
