"""Each family on the shift that it is made for, and on none."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest, fisher_exact

from retemper.core import catalogue
from retemper.core.records import NotApplicable
from retemper.retraining.drift import classifier, mmd, predictions
from retemper.retraining.two_samples.compare import FAMILY
from retemper.retraining.two_samples.side_by_side import Wanted, side_by_side


def _run(name, before, now, seed=0, target=None):
    samples, _ = side_by_side(before, now, Wanted(0.05, 9, seed, None, target))
    return catalogue.entry(FAMILY, name).run(samples)


def _table(draws, rows, shift=0.0):
    return {
        "a": draws.normal(shift, 1, rows),
        "b": draws.choice(["u", "v", "w"], rows, p=[0.5 - shift / 4, 0.3, 0.2 + shift / 4]),
    }


def _words(draws, rows, levels):
    return {"b": [f"level {k}" for k in draws.integers(0, levels, rows)]}


@pytest.mark.parametrize("name", ["numbers", "categories", "mmd", "classifier"])
def test_a_shift_is_seen(name):
    draws = np.random.default_rng(0)
    tests = _run(name, _table(draws, 800), _table(draws, 200, shift=0.9)).tests
    assert min(test.p_value for test in tests) <= 2e-3


def test_a_shift_of_the_columns_together_is_seen_where_each_alone_is_as_before():
    draws = np.random.default_rng(0)
    alone, together = draws.normal(size=(2, 400)), draws.normal(size=300)
    before = {"a": alone[0], "b": alone[1]}
    now = {"a": together, "b": together + 0.3 * draws.normal(size=300)}
    assert min(test.p_value for test in _run("numbers", before, now).tests) > 0.01
    assert _run("mmd", before, now).tests[0].p_value <= 1e-3
    assert _run("classifier", before, now).tests[0].p_value <= 1e-3


def test_missing_cells_are_counted_exactly():
    before = {"a": [None] * 3 + [1.0, 2.0, 3.0] * 9, "b": range(30)}
    now = {"a": [None] * 6 + [1.0, 2.0] * 3, "b": range(12)}
    (test,) = _run("missingness", before, now).tests
    greater = fisher_exact([[6, 6], [3, 27]], alternative="greater").pvalue
    assert test.p_value == pytest.approx(2 * greater)
    assert test.statistic == pytest.approx(6 / 12 - 3 / 30)


def test_without_gaps_missingness_does_not_apply():
    with pytest.raises(NotApplicable, match="missing"):
        _run("missingness", {"a": [1.5, 2, 3]}, {"a": [4.5, 5, 6]})


def test_a_new_level_of_many_rows_is_no_chance():
    draws = np.random.default_rng(0)
    now = _words(draws, 50, 5)
    now["b"][:4] = ["unheard of"] * 4
    (test,) = _run("new_categories", _words(draws, 2000, 5), now).tests
    assert test.statistic == 4 and test.p_value <= 1e-3


def test_new_levels_among_many_rare_ones_are_chance():
    draws = np.random.default_rng(0)
    (test,) = _run("new_categories", _words(draws, 300, 400), _words(draws, 100, 400)).tests
    assert test.statistic > 10 and test.p_value > 0.05


@pytest.mark.parametrize("name", ["categories", "new_categories"])
def test_thirty_levels_in_fifty_rows_raise_no_false_alarm(name):
    found = []
    for seed in range(80):
        draws = np.random.default_rng(seed)
        found.append(_run(name, _words(draws, 300, 30), _words(draws, 50, 30), seed).tests[0].p_value)
    hits = int((np.array(found) <= 0.05).sum())
    assert binomtest(hits, len(found), 0.05, alternative="greater").pvalue > 1e-3
    if name == "categories":
        assert hits >= 1  # not by never rejecting


def _many(draws, rows, columns=32, levels=6):
    """Levels, every second column nearly a copy of the one before."""
    table = {f"c{k}": draws.integers(0, levels, rows) for k in range(columns)}
    for k in range(1, columns, 2):
        table[f"c{k}"] = np.where(draws.random(rows) < 0.9, table[f"c{k - 1}"], table[f"c{k}"])
    return table


def _as_words(table):
    return {name: [f"level {cell}" for cell in cells] for name, cells in table.items()}


@pytest.mark.parametrize(("name", "levels"), [("categories", 6), ("new_categories", 200)])
def test_many_columns_of_levels_raise_no_false_alarm_together(name, levels):
    pool = pl.DataFrame(_as_words(_many(np.random.default_rng(0), 300, 32, levels)))
    samples, _ = side_by_side(pool[:250], pool[250:], Wanted(0.05, 9, 0, None, None))
    least = []
    for seed in range(40):
        dealt = replace(samples, frame=samples.frame.sample(fraction=1, shuffle=True, seed=seed), seed=seed)
        found = catalogue.entry(FAMILY, name).run(dealt)
        assert found.corrected
        least.append(min(test.p_value for test in found.tests))
    hits = [int((np.array(least) <= level).sum()) for level in (0.1, 0.5)]
    assert binomtest(hits[0], 40, 0.1, alternative="greater").pvalue > 1e-3
    assert binomtest(hits[1], 40, 0.5).pvalue > 1e-3


def test_of_many_columns_of_levels_those_that_drift_are_named():
    draws = np.random.default_rng(0)
    before, now = _many(draws, 600), _many(draws, 200)
    now["c4"] = np.minimum(now["c4"], draws.integers(0, 6, 200))
    now["c7"] = np.where(draws.random(200) < 0.1, 77, now["c7"])
    by_family = {}
    for name in ("categories", "new_categories"):
        tests = _run(name, _as_words(before), _as_words(now)).tests
        by_family[name] = {test.name for test in tests if test.p_value <= 0.05 / 9}
    assert by_family == {"categories": {"c4", "c7"}, "new_categories": {"c7"}}


def test_a_column_of_levels_that_one_side_lacks_counts_as_one_that_shows_nothing():
    draws = np.random.default_rng(0)
    before, now = (_as_words(_many(draws, rows)) for rows in (300, 80))
    now["c3"] = [None] * 80
    found = _run("categories", before, now)
    assert found.passed_over == (("c3", "every cell of the current rows is missing"),)
    assert {test.name: test.p_value for test in found.tests}["c3"] == 1.0


def test_mmd_raises_no_false_alarm_at_ten_rows():
    found = []
    for seed in range(400):
        draws = np.random.default_rng(seed)
        found.append(mmd.test(draws.lognormal(size=(60, 3)), np.arange(60) >= 50, draws, 199)[1])
    for level in (0.02, 0.1, 0.5):
        hits = int((np.array(found) <= level).sum())
        assert binomtest(hits, len(found), level).pvalue > 1e-3


def test_the_held_out_auc_has_an_honest_p_value():
    found = []
    for seed in range(25):
        draws = np.random.default_rng(seed)
        found.append(_run("classifier", _table(draws, 60), _table(draws, 30), seed).tests[0].p_value)
    assert binomtest(int((np.array(found) <= 0.2).sum()), 25, 0.2, alternative="greater").pvalue > 1e-3
    assert min(found) < 0.3 < max(found)


def test_a_classifier_needs_twenty_rows():
    draws = np.random.default_rng(0)
    with pytest.raises(NotApplicable, match=str(classifier.FEWEST_ROWS)):
        _run("classifier", _table(draws, 100), _table(draws, 19))


def test_the_target_is_the_prior_s_alone():
    draws = np.random.default_rng(0)
    before = _table(draws, 300) | {"y": draws.choice(["no", "yes"], 300)}
    now = _table(draws, 100) | {"y": draws.choice(["no", "yes"], 100, p=[0.8, 0.2])}
    (test,) = _run("prior", before, now, target="y").tests
    assert test.name == "y" and test.p_value <= 1e-3
    assert {test.name for test in _run("categories", before, now, target="y").tests} == {"b"}


def test_each_part_of_the_predictions_has_a_quarter_of_the_chance():
    draws = np.random.default_rng(0)
    said = draws.dirichlet(np.ones(5), size=300)
    samples, _ = side_by_side({"a": range(200)}, {"a": range(100)}, Wanted(0.05, 9, 0))
    found = predictions.run(replace(samples, outputs=said, output_names=tuple("abcde")))
    parts = [test.part for test in found.tests]
    assert parts == ["values"] * 5 + ["predicted class", "confidence", "together"]
    raw = [test.p_value for test in found.tests]
    assert found.adjusted()[:5].min() == pytest.approx(min(1, 4 * 5 * min(raw[:5])))
    assert found.adjusted()[5:] == pytest.approx(np.minimum(1, 4 * np.array(raw[5:])))


def test_answers_that_grow_less_sure_are_seen_whichever_class_they_name():
    draws = np.random.default_rng(0)
    sure, unsure = (draws.dirichlet(np.ones(8) / k, size=150) for k in (8, 2.5))
    samples, _ = side_by_side({"a": range(150)}, {"a": range(150)}, Wanted(0.05, 9, 0))
    outputs = np.concatenate([sure, unsure])
    found = predictions.run(replace(samples, outputs=outputs, output_names=tuple("abcdefgh")))
    confidence = next(test for test in found.tests if test.part == "confidence")
    assert confidence.p_value < 1e-6
    assert confidence.p_value < min(test.p_value for test in found.tests if test.part == "predicted class")
