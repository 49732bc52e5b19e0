"""p-values against enumeration of all permutations, and their promise that P(p <= x) <= x."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom, ks_2samp

from retemper.evaluation.correction import holm
from retemper.retraining.two_samples import kolmogorov
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.monte_carlo import p_value, shuffled


def _of_all_deals(values, n_current, statistic):
    """The exact permutation p-value: every choice of rows for the current side; the last rows are the observed."""
    rows = len(values)
    found = []
    for chosen in combinations(range(rows), n_current):
        current = np.zeros(rows, dtype=bool)
        current[list(chosen)] = True
        found.append(statistic(values[~current], values[current]))
    observed = statistic(values[: rows - n_current], values[rows - n_current :])
    return np.mean(np.array(found) >= observed - 1e-12)


def test_a_sequential_p_value_keeps_its_promise():
    draws = np.random.default_rng(0)
    # Integers: ties between the observed and the drawn statistics must not make p-values too small.
    found = np.array(
        [p_value(int(draws.poisson(5)), lambda n: draws.poisson(5, n), 199) for _ in range(3000)]
    )
    for level in (0.01, 0.05, 0.2, 0.5):
        hits = int((found <= level).sum())
        assert binomtest(hits, len(found), level, alternative="greater").pvalue > 1e-3
    assert (found <= 0.05).mean() > 0.02


def test_a_sequential_p_value_is_near_the_share_of_all():
    draws = np.random.default_rng(1)
    found = [p_value(2.0, lambda n: draws.normal(size=n), 20_000, enough=200) for _ in range(20)]
    assert np.mean(found) == pytest.approx(0.02275, rel=0.05)


def test_the_smallest_p_value_is_one_over_the_draws():
    assert p_value(1.0, np.zeros, 499) == 1 / 500


@pytest.mark.parametrize("values", [[1, 1, 2, 2, 3, 3, 3, 1, 3], [0, 0, 0, 0, 1, 0, 1, 1, 0]])
def test_tied_values_have_the_p_value_of_all_deals(values):
    values = np.array(values, dtype=float)
    exact = _of_all_deals(values, 4, lambda a, b: ks_2samp(a, b, method="asymp").statistic)
    statistic, found = kolmogorov.test(values, 5)
    assert statistic == pytest.approx(ks_2samp(values[:5], values[5:]).statistic)
    assert found == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize(("rows", "cells"), [((60, 40), 12), ((900, 30), 6), ((31, 470), 60)])
@pytest.mark.parametrize("shift", [0, 1])
def test_tied_values_have_the_p_value_of_random_tables(rows, cells, shift):
    draws = np.random.default_rng(cells)
    sides = [draws.integers(0, cells, n) for n in rows]
    sides[1] = np.minimum(sides[1] + shift * cells // 12, cells - 1)
    table = CountTable.of(np.concatenate(sides), np.arange(sum(rows)) >= rows[0])
    statistic, found = kolmogorov.of_table(table)
    drawn = table.largest_step(table.draws(draws)(20_000))
    reached = int((drawn >= statistic - 1e-9).sum())
    assert 0 < reached < 20_000
    assert binomtest(reached, 20_000, found).pvalue > 1e-3


def test_two_cells_have_the_p_value_of_the_hypergeometric():
    null, counts = hypergeom(430, 100, 80), np.arange(81)
    gaps = np.abs(counts / 80 - (100 - counts) / 350)
    for current in (17, 25, 33, 40):
        exact = null.pmf(counts[gaps >= gaps[current] - 1e-12]).sum()
        found = kolmogorov.of_table(CountTable(np.array([100, 330]), np.array([current, 80 - current])))[1]
        assert exact <= found <= exact * (1 + 1e-9) + 2e-11


def test_ties_never_raise_the_p_value():
    draws = np.random.default_rng(0)
    for shift in (0.0, 0.3, 1.0):
        values = np.round(np.concatenate([draws.normal(size=700), shift + draws.normal(size=300)]), 1)
        untied = ks_2samp(values[:700], values[700:], method="exact").pvalue
        assert kolmogorov.test(values, 700)[1] <= max(untied, 1e-10)


def test_a_column_of_one_value_shows_nothing():
    assert kolmogorov.of_table(CountTable(np.array([9]), np.array([4]))) == (0.0, 1.0)


def test_more_rows_than_can_be_counted_take_the_limit():
    total = np.full(200, 4000)
    current = 2000 + 20 * np.where(np.arange(200) < 100, 1, -1)
    statistic, found = kolmogorov.of_table(CountTable(total, current))
    assert statistic == pytest.approx(0.01)
    assert found == kolmogorov.limit_p(statistic, 400_000, 400_000)


def test_values_without_ties_have_the_p_value_of_all_deals():
    values = np.array([0.1, 0.7, 0.2, 0.4, 0.3, 0.9, 0.8, 1.0, 0.6])
    exact = _of_all_deals(values, 4, lambda a, b: ks_2samp(a, b, method="asymp").statistic)
    assert kolmogorov.test(values, 5)[1] == pytest.approx(exact)


@pytest.mark.parametrize("rows", [(20, 50), (50, 2000), (400, 1000), (2000, 3000)])
def test_the_limit_lies_above_the_exact_p_value(rows):
    draws = np.random.default_rng(0)
    for shift in np.linspace(0, 1, 12):
        sides = draws.normal(size=rows[0]), shift + draws.normal(size=rows[1])
        exact = ks_2samp(*sides, method="exact")
        assert kolmogorov.limit_p(exact.statistic, *rows) >= exact.pvalue * (1 - 1e-9)


def test_many_rows_take_the_limit():
    draws = np.random.default_rng(0)
    values = np.concatenate([draws.normal(size=11_003), 0.03 + draws.normal(size=11_004)])
    statistic, found = kolmogorov.test(values, 11_003)
    assert found == kolmogorov.limit_p(statistic, 11_003, 11_004)
    assert found == pytest.approx(ks_2samp(values[:11_003], values[11_003:], method="asymp").pvalue, rel=0.1)


def test_chi_square_of_two_levels_has_the_p_value_of_the_hypergeometric():
    cells = np.repeat([0, 1, 0, 1], [40, 10, 6, 7])
    table = CountTable.of(cells, np.arange(63) >= 50)
    null = hypergeom(63, 46, 13)
    counts = np.arange(14)
    far = table.chi_square(np.stack([counts, 13 - counts], axis=1)) >= table.chi_square(table.current) - 1e-9
    exact = null.pmf(counts[far]).sum()
    found = table.p_value(table.chi_square, np.random.default_rng(0), 50_000)
    assert found == pytest.approx(exact, rel=0.5)
    found = [p_value_of(table, seed) for seed in range(30)]
    assert np.mean(found) == pytest.approx(exact, rel=0.1)


def p_value_of(table, seed):
    draw = table.draws(np.random.default_rng(seed))
    observed = float(table.chi_square(table.current))
    return p_value(observed, lambda n: table.chi_square(draw(n)), 5_000, enough=400)


def test_drawn_tables_keep_both_margins():
    table = CountTable(np.array([5, 1, 30, 4]), np.array([1, 1, 6, 2]))
    drawn = table.draws(np.random.default_rng(0))(500)
    assert (drawn.sum(axis=1) == 10).all() and (drawn <= table.total).all()
    assert drawn.mean(axis=0) == pytest.approx(table.total / 4, rel=0.2)


def test_shuffled_labels_keep_their_number_and_differ():
    labels = np.arange(100) >= 90
    deals = shuffled(labels, 50, np.random.default_rng(0))
    assert (deals.sum(axis=1) == 10).all()
    assert len(np.unique(deals, axis=0)) == 50


def test_holm_is_monotone_and_capped():
    assert holm([0.5, 0.001, 0.02, 0.9]).tolist() == pytest.approx([1.0, 0.004, 0.06, 1.0])
    assert holm([0.02]).tolist() == [0.02]
