"""Associations against scikit-learn's and SciPy's own, with gaps, and none where there is none."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from scipy.stats.contingency import association

from retemper.report.table.associations import Associations
from retemper.report.table.cells import Cells
from retemper.report.table.facts import MOST_LEVEL_COLUMNS, TableFacts, table_facts

ROWS = 4000


@pytest.fixture
def random():
    return np.random.default_rng(3)


def levels(codes, name="k"):
    return Cells(
        name, "category", np.asarray(codes, dtype=float), tuple(map(str, range(int(max(codes)) + 1)))
    )


def test_numbers_agree_with_spearman_by_the_rows_both_know(random):
    x = random.normal(size=ROWS)
    y = x + random.normal(size=ROWS)
    y[random.random(ROWS) < 0.3] = np.nan
    found = Associations([Cells("x", "number", x), Cells("y", "number", -y)]).matrix(["x", "y"])
    both = ~np.isnan(y)
    assert found[0, 1] == pytest.approx(-spearmanr(x[both], y[both]).statistic, abs=0.02)
    assert found[0, 1] == found[1, 0] and found[0, 0] == 1


def test_levels_agree_with_cramers_v_up_to_chance(random):
    one = random.integers(0, 4, ROWS)
    other = np.where(random.random(ROWS) < 0.5, one, random.integers(0, 4, ROWS))
    table = np.zeros((4, 4), dtype=int)
    np.add.at(table, (one, other), 1)
    a, b = levels(one), levels(other)
    b = Cells("other", b.kind, b.values, b.levels)
    assert Associations([a, b]).matrix(["k", "other"])[0, 1] == pytest.approx(association(table), abs=0.01)


def test_levels_tell_a_number_as_much_as_their_means_do(random):
    codes = random.integers(0, 3, ROWS)
    x = codes + random.normal(size=ROWS)
    found = Associations([Cells("x", "number", x), levels(codes)]).matrix(["x", "k"])
    ranks = x.argsort().argsort()
    means = np.array([ranks[codes == k].mean() for k in range(3)])
    assert found[0, 1] == pytest.approx(np.sqrt(means[codes].var() / ranks.var()), abs=0.01)
    assert found[0, 1] == pytest.approx(found[1, 0])


def test_what_has_nothing_in_common_is_near_nothing_even_with_many_levels(random):
    many = random.integers(0, 40, 500)
    other = random.integers(0, 30, 500)
    columns = [
        levels(many),
        Cells("other", "category", other.astype(float), tuple("o" * 30)),
        Cells("x", "number", random.normal(size=500)),
    ]
    found = Associations(columns).matrix(["k", "other", "x"])
    assert np.abs(found[np.triu_indices(3, 1)]).max() < 0.15


def test_only_pairs_beyond_chance_are_named():
    """The planted pair always; another one in about 5 % of 20 tables (5 or more would come once in 400 times)."""
    others = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        x = random.normal(size=(600, 100))
        x[:, 65] = x[:, 3] + 0.5 * random.normal(size=600)
        columns = [Cells(f"c{k}", "number", x[:, k]) for k in range(100)]
        pairs = Associations([*columns, levels(random.integers(0, 30, 600))]).strongest(20)
        assert (pairs[0].one, pairs[0].other) == ("c3", "c65")
        others += len(pairs) - 1
    assert others < 5


def test_the_interval_of_a_pair_covers_the_true_rank_correlation():
    """ρ of two normals with correlation ½ is 6/π·asin(¼); 95 % of 200 intervals, less 4 standard errors."""
    true, inside = 6 / np.pi * np.arcsin(0.25), 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        x = random.normal(size=200)
        y = 0.5 * x + np.sqrt(0.75) * random.normal(size=200)
        (pair,) = Associations([Cells("x", "number", x), Cells("y", "number", y)]).strongest(1)
        inside += pair.low <= true <= pair.high
    assert inside >= 178


def test_what_can_not_be_compared_is_not_known():
    gap = np.full(100, np.nan)
    few = np.where(np.arange(100) < 10, np.arange(100.0), np.nan)
    columns = [
        Cells("gap", "number", gap),
        Cells("few", "number", few),
        Cells("x", "number", np.arange(100.0)),
    ]
    one_level = Cells("one", "category", np.zeros(100), ("a",))
    key = Cells("key", "identifier", np.zeros(100))
    found = Associations([*columns, one_level, key])
    assert found.names == ["gap", "few", "x", "one"]
    matrix = found.matrix(found.names)
    assert np.isnan(matrix[~np.eye(4, dtype=bool)]).all()
    assert found.strongest(5) == [] and Associations([]).strongest(5) == []


def test_of_very_many_columns_of_levels_the_telling_ones_are_compared():
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 300)
    told = np.where(random.random(300) < 0.8, target, random.integers(0, 3, 300))
    columns = {f"c{k}": levels(random.integers(0, 3, 300), f"c{k}") for k in range(MOST_LEVEL_COLUMNS + 5)}
    columns |= {name: levels(told, name) for name in ("last", "twin")}
    evidence = {"rows": 300, "columns": [{"name": name, "kind": "category"} for name in columns]}
    cells = [*columns.values(), levels(target, "y")]
    found = table_facts(TableFacts("t", evidence, [], [], cells, "y"))
    assert (found["columns_of"], found["pairs_of"]) == (MOST_LEVEL_COLUMNS + 7, MOST_LEVEL_COLUMNS)
    named = {frozenset((own["one"], own["other"])) for own in found["pairs"]}
    assert {frozenset(("last", "twin")), frozenset(("last", "y")), frozenset(("twin", "y"))} <= named
