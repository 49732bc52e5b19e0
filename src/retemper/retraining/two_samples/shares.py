"""The shares of levels on two sides: Pearson's chi-square with a p-value that holds at any number of rows."""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom

from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.fisher import SMALLEST
from retemper.retraining.two_samples.monte_carlo import ROUNDING, Floats

WAYS = 2
"""All levels together see a change of many of them, the one farthest off sees its own: half of the chance for each."""


def test(table: CountTable, generator: np.random.Generator, most: int) -> tuple[str, float, float]:
    """Name of the test, chi-square and p-value.

    Of two levels the p-value is exact. Of more, it is twice the smaller one of two (Bonferroni): chi-square's, from
    random tables, and that of the level farthest off, its own exact one times their number. Where the latter is below
    all that tables could tell, none is drawn.

    Args:
        table: both sides have rows.
        generator: for the random tables.
        most: tables at most.

    >>> draws = np.random.default_rng(0)
    >>> name, statistic, p_value = test(CountTable(np.array([50, 50]), np.array([50, 0])), draws, 999)
    >>> name, statistic, p_value < 1e-28
    ('chi-square, exact', 100.0, True)
    >>> test(CountTable(np.array([50, 50, 50]), np.array([50, 0, 25])), draws, 999)[0]
    "Fisher's exact of the level farthest off"
    """
    statistic = float(table.chi_square(table.current))
    if len(table.total) <= 2:
        return "chi-square, exact", statistic, float(_far(table)[0])
    of_level = WAYS * len(table.total) * float(_far(table).min())
    if of_level > 1 / (most + 1):
        of_all = WAYS * table.p_value(table.chi_square, generator, most)
        if of_all <= of_level:
            return "chi-square by permutation", statistic, min(1.0, of_all)
    return "Fisher's exact of the level farthest off", statistic, max(of_level, SMALLEST)


def _far(table: CountTable) -> Floats:
    """For each level, the chance that its current rows are as far from those expected, on any side."""
    n_reference, n_current = table.n
    expected = table.total * (n_current / (n_reference + n_current))
    distance = np.abs(table.current - expected)
    distance -= ROUNDING * (1 + distance)
    null = n_reference + n_current, table.total, n_current
    low, high = np.floor(expected - distance), np.ceil(expected + distance) - 1
    tails = hypergeom.cdf(low, *null) + hypergeom.sf(high, *null)
    return np.asarray(np.clip(tails, SMALLEST, 1.0))
