"""Baselines: right, bounded by what is allowed, repeatable, quiet."""

import gc
import re
import weakref
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from retemper.evaluation import baselines, boosting_baseline
from retemper.evaluation.baseline_rows import BaselineRows
from retemper.evaluation.baselines import fit_baselines
from retemper.evaluation.metrics import metrics

YES = lambda name, share: True  # noqa: E731
NO = lambda name, share: False  # noqa: E731


def rows(count: int, task: str, seed: int, n_classes: int = 3) -> BaselineRows:
    """A number with gaps, a number, and a category that all matter."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(count, 2))
    levels = random.integers(4, size=(count, 1))
    signal = np.where(levels[:, 0] % 2, numbers[:, 0], numbers[:, 1]) + 0.3 * random.normal(size=count)
    y = np.clip(np.floor(signal + n_classes / 2), 0, n_classes - 1).astype(np.int64)
    numbers[random.random(count) < 0.1, 0] = np.nan
    dense = np.concatenate([np.nan_to_num(numbers), np.eye(4)[levels[:, 0]]], axis=1).astype(np.float32)
    return BaselineRows(numbers, levels, dense, y if task == "classification" else signal)


@pytest.mark.parametrize(("task", "trivial"), [("classification", "majority"), ("regression", "mean")])
def test_each_is_better_than_the_one_before(task, trivial):
    train, validation, test = rows(1500, task, 0), rows(500, task, 1), rows(500, task, 2)
    found = fit_baselines(task, train, validation, 3, YES, seed=0)
    assert list(found) == [trivial, "linear", "gradient_boosting"]
    name = "log_loss" if task == "classification" else "rmse"
    losses = [metrics(task, test.y, b.predict(test))[name] for b in found.values()]
    assert losses == sorted(losses, reverse=True) and losses[2] < 0.8 * losses[0]
    assert "the best on validation" in found["gradient_boosting"].message
    again = fit_baselines(task, train, validation, 3, YES, seed=0)
    for kind in found:
        assert np.array_equal(found[kind].predict(test), again[kind].predict(test))


def test_trees_split_the_fewest_rows_too():
    x = np.linspace(-1, 1, 24)[:, None]
    few = BaselineRows(x, np.zeros((24, 0), dtype=np.int64), x.astype(np.float32), np.sign(x[:, 0]))
    found = fit_baselines("regression", few, few, 0, YES, seed=0)["gradient_boosting"]
    assert metrics("regression", few.y, found.predict(few))["rmse"] < 0.2


def test_boosting_in_chunks_is_boosting_at_once():
    train, validation = rows(800, "classification", 0), rows(300, "classification", 1)
    found = fit_baselines("classification", train, validation, 3, YES, seed=0)["gradient_boosting"]
    kept = int(found.message.split(":")[1].split()[0])
    columns = np.concatenate([train.numbers, train.levels], axis=1)
    whole = HistGradientBoostingClassifier(
        max_iter=kept, early_stopping=False, categorical_features=[2], random_state=0
    ).fit(columns, train.y)
    expected = whole.predict_proba(np.concatenate([validation.numbers, validation.levels], axis=1))
    assert found.predict(validation) == pytest.approx(expected)


def test_when_refused_the_first_candidate_and_chunk_are_kept():
    asked = []
    train = rows(400, "classification", 0)

    def refuse(name: str, share: float) -> bool:
        asked.append((name, share))
        return False

    found = fit_baselines("classification", train, train, 3, refuse, seed=0)
    assert "the best of 1 on validation" in found["linear"].message
    assert "of 20, the best" in found["gradient_boosting"].message
    assert asked == [("linear", 1 / 3), ("gradient_boosting", 20 / 400)]


def test_weights_change_the_fit():
    plain = rows(600, "regression", 0)
    heavy = np.where(plain.y > 0, 5.0, 1.0)
    weighted = BaselineRows(plain.numbers, plain.levels, plain.dense, plain.y, heavy)
    first = fit_baselines("regression", plain, plain, 0, NO, 0)
    second = fit_baselines("regression", weighted, weighted, 0, NO, 0)
    for name in first:
        assert second[name].predict(plain).mean() > first[name].predict(plain).mean() + 0.05


def test_many_levels_many_classes_an_absent_class_and_an_empty_column():
    random = np.random.default_rng(0)
    count = 900
    levels = np.stack([np.arange(count) % 300, random.integers(3, size=count)], axis=1)
    numbers = np.stack([np.full(count, np.nan), levels[:, 1] * 3.0], axis=1)
    y = levels[:, 1] * 3  # classes 0, 3, 6 of 8
    data = BaselineRows(numbers, levels, np.eye(3, dtype=np.float32)[levels[:, 1]], y)
    found = fit_baselines("classification", data, data, 8, NO, 0)
    for name in ("linear", "gradient_boosting"):
        p = found[name].predict(data)
        assert p.shape == (count, 8) and np.all(p[:, [1, 2, 4, 5, 7]] == 0)
        assert metrics("classification", y, p)["accuracy"] == 1.0


def test_a_large_sample_keeps_every_class():
    random = np.random.default_rng(0)
    wide = random.normal(size=(2500, 3000)).astype(np.float32)
    y = (np.arange(2500) == 2499).astype(np.int64)
    data = BaselineRows(np.zeros((2500, 0)), np.zeros((2500, 0), np.int64), wide, y)
    found = fit_baselines("classification", data, data, 2, NO, 0)
    assert list(found) == ["majority", "linear"]
    assert "of 2,500 rows" in found["linear"].message


def test_no_columns_leave_the_constant_alone():
    none = BaselineRows(
        np.zeros((9, 0)), np.zeros((9, 0), np.int64), np.zeros((9, 0), np.float32), np.arange(9) % 3
    )
    assert list(fit_baselines("classification", none, none, 3, YES, 0)) == ["majority"]


@pytest.mark.parametrize("unit", [2.0**-140, 2.0**140, 2.0**500])
def test_the_unit_of_a_target_changes_nothing(unit):
    train, validation = rows(600, "regression", 0), rows(200, "regression", 1)
    plain = fit_baselines("regression", train, validation, 0, YES, seed=0)
    scaled = [replace(part, y=part.y * unit) for part in (train, validation)]
    huge = fit_baselines("regression", *scaled, 0, YES, seed=0)
    for name in ("linear", "gradient_boosting"):
        assert np.array_equal(huge[name].predict(validation), plain[name].predict(validation) * unit)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_baseline_holds_the_rows_it_was_fitted_on(task):
    train, validation = rows(300, task, 0), rows(100, task, 1)
    held = [weakref.ref(own) for part in (train, validation) for own in (part.numbers, part.dense)]
    found = fit_baselines(task, train, validation, 3, NO, seed=0)
    del train, validation
    gc.collect()
    assert len(found) == 3 and [own() for own in held] == [None] * 4


def test_of_many_classes_boosting_sees_some_rows_of_each(monkeypatch):
    train, validation = rows(1500, "classification", 0), rows(500, "classification", 1)
    monkeypatch.setattr(boosting_baseline, "TREE_CELLS", 3 * 600)
    found = fit_baselines("classification", train, validation, 3, YES, seed=0)["gradient_boosting"]
    assert re.search(r"columns and 60\d of 1,500 rows", found.message)
    assert metrics("classification", validation.y, found.predict(validation))["log_loss"] < 0.9


def test_boosting_of_very_many_classes_waits_for_leave(monkeypatch):
    train, validation = rows(600, "classification", 0), rows(200, "classification", 1)
    monkeypatch.setattr(baselines, "MANY_CLASSES", 3)
    asked = []

    def allowed(name, share):
        asked.append((name, share))
        return name != "gradient_boosting"

    assert list(fit_baselines("classification", train, validation, 3, allowed, seed=0)) == [
        "majority",
        "linear",
    ]
    assert asked[-1] == ("gradient_boosting", 0.0)
    assert "gradient_boosting" in fit_baselines("classification", train, validation, 3, YES, seed=0)
