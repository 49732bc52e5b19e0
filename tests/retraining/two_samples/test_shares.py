"""Shares of levels: p-values against enumeration, and their promise whichever way they are found."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2_contingency, hypergeom

from retemper.retraining.two_samples import shares, together
from retemper.retraining.two_samples.count_tables import CountTable


@pytest.mark.parametrize("current", [0, 9, 17, 30])
def test_two_levels_have_the_p_value_of_the_hypergeometric(current):
    table = CountTable(np.array([60, 90]), np.array([current, 30 - current]))
    counts = np.arange(31)
    far = table.chi_square(np.stack([counts, 30 - counts], axis=1)) >= table.chi_square(table.current) - 1e-9
    name, _, found = shares.test(table, np.random.default_rng(0), 999)
    assert name == "chi-square, exact"
    assert found == pytest.approx(hypergeom(150, 60, 30).pmf(counts[far]).sum())


def test_p_values_keep_their_promise_whichever_way_they_are_found():
    draws, total, most = np.random.default_rng(0), np.array([300, 40, 8, 2]), 19
    names, found = [], []
    for current in draws.multivariate_hypergeometric(total, 35, size=1500):
        name, _, p_value = shares.test(CountTable(total, current), draws, most)
        names.append(name)
        found.append(p_value)
    # Both ways decide at times, and pay for the right to.
    assert min(names.count(name) for name in set(names)) > 60 and len(set(names)) == 2
    for level in (0.02, 0.12, 0.3):
        hits = int((np.array(found) <= level).sum())
        assert binomtest(hits, 1500, level, alternative="greater").pvalue > 1e-3
    assert np.mean(np.array(found) <= 0.12) > 0.05


def test_a_level_far_off_draws_no_table():
    table = CountTable(np.array([500, 500, 40]), np.array([100, 100, 40]))
    name, statistic, found = shares.test(table, None, 10_000)
    assert name == "Fisher's exact of the level farthest off"
    assert statistic == pytest.approx(chi2_contingency([table.current, table.total - table.current])[0])
    assert found == pytest.approx(3 * 2 * hypergeom(1040, 40, 240).sf(39))


def test_statistics_of_columns_together_are_those_of_each_alone():
    table = CountTable(np.array([50, 30, 7]), np.array([10, 11, 7]))
    columns = table.total.astype(float), table.current[:, None].astype(float)
    assert together.chi_square(*columns) == pytest.approx([float(table.chi_square(table.current))])
    assert together.unseen(*columns) == [7]


def test_one_level_that_rises_is_seen_among_many():
    """Chi-square of thirty levels spreads its power over 29 degrees of freedom; the level itself does not."""
    total = np.full(30, 100)
    current = np.full(30, 10)
    current[7] = 30
    name, _, found = shares.test(CountTable(total, current), np.random.default_rng(0), 999)
    assert name == "Fisher's exact of the level farthest off"
    assert found == pytest.approx(30 * 2 * shares._far(CountTable(total, current))[7])
    assert found < 2 / 1000
