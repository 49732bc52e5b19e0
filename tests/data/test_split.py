"""Splitting: parts are disjoint and whole, and strata, groups and times hold."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.recipe_sections import DataOptions, SplitOptions
from retemper.data.read import Table, read
from retemper.data.schema import infer
from retemper.data.split import Splits, split

Parts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _split(columns: dict[str, Any], own: int = 0, seed: int = 0, **options: Any) -> Splits:
    table = read(columns)
    given_options = {key: options.pop(key) for key in ("target", "group", "time", "task") if key in options}
    return split(table, infer(table, DataOptions(**given_options)), SplitOptions(**options), seed, own)


def _parts(splits: Splits, rows: int) -> Parts:
    parts = (splits.train, splits.validation, splits.open_test())
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))
    assert all(len(part) and part.dtype == np.int64 for part in parts)
    return parts


def _x(rows: int) -> list[float]:
    return [i * 0.5 for i in range(rows)]


shares = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4))
seeds = st.integers(0, 2**32)


@given(st.lists(st.integers(2, 60), min_size=2, max_size=6), shares, seeds)
@settings(max_examples=60, deadline=None)
def test_stratified(sizes: list[int], share: tuple[float, float], seed: int) -> None:
    y = np.repeat([f"c{i}" for i in range(len(sizes))], sizes)
    rows = len(y)
    if rows < 20:
        return
    splits = _split({"x": _x(rows), "y": y}, seed=seed, target="y", validation=share[0], test=share[1])
    assert splits.method == "stratified"
    train, validation, test = _parts(splits, rows)
    assert set(y[train]) == set(y)
    for name, size in zip(np.unique(y), sizes, strict=True):
        if size * (1 - sum(share)) > 2:
            assert abs((y[test] == name).sum() - share[1] * size) <= 1.01
            assert abs((y[validation] == name).sum() - share[0] * size) <= 1.01


@given(st.integers(20, 300), shares, seeds)
@settings(max_examples=40, deadline=None)
def test_random(rows: int, share: tuple[float, float], seed: int) -> None:
    y = np.sin(np.arange(rows))
    splits = _split({"x": _x(rows), "y": y}, seed=seed, target="y", validation=share[0], test=share[1])
    assert splits.method == "random"
    _, validation, test = _parts(splits, rows)
    assert abs(len(validation) - share[0] * rows) <= 1 and abs(len(test) - share[1] * rows) <= 1


@given(st.lists(st.integers(1, 30), min_size=4, max_size=30), shares, seeds)
@settings(max_examples=60, deadline=None)
def test_group(sizes: list[int], share: tuple[float, float], seed: int) -> None:
    group = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(group)
    if rows < 10:
        return
    columns = {"x": _x(rows), "g": group, "y": np.sin(np.arange(rows))}
    splits = _split(columns, seed=seed, target="y", group="g", validation=share[0], test=share[1])
    assert splits.method == "group"
    parts = _parts(splits, rows)
    owners = [set(group[part].tolist()) for part in parts]
    assert not (owners[0] & owners[1] or owners[0] & owners[2] or owners[1] & owners[2])
    if len(sizes) >= 10:
        assert abs(len(parts[2]) - share[1] * rows) <= max(sizes)


@given(st.lists(st.integers(0, 40), min_size=20, max_size=200), shares, seeds)
@settings(max_examples=60, deadline=None)
def test_time(times: list[int], share: tuple[float, float], seed: int) -> None:
    time = np.array(times)
    if len(set(times)) < 3:
        return
    columns = {"x": _x(len(time)), "t": time, "y": np.sin(np.arange(len(time)))}
    splits = _split(columns, seed=seed, target="y", time="t", validation=share[0], test=share[1])
    assert splits.method == "time"
    train, validation, test = _parts(splits, len(time))
    assert time[train].max() < time[validation].min()
    assert time[validation].max() < time[test].min()


def test_shares_and_determinism() -> None:
    columns = {"x": _x(1000), "y": ["a", "b", "b", "b"] * 250}
    one, same, other = (_split(columns, seed=seed, target="y") for seed in (3, 3, 4))
    assert (len(one.train), len(one.validation), one.n_test) == (650, 150, 200)
    assert np.array_equal(one.train, same.train) and not np.array_equal(one.train, other.train)
    assert np.array_equal(one.open_test(), same.open_test())


def test_the_test_is_sealed() -> None:
    splits = _split({"x": _x(100), "y": [0, 1] * 50}, target="y")
    assert (splits.tests_read, splits.n_test) == (0, 20)
    assert "array" not in repr(splits).split("n_test")[1]
    rows = splits.open_test()
    assert len(rows) == splits.n_test and splits.tests_read == 1
    with pytest.raises(RuntimeError, match="read once"):
        splits.open_test()
    with pytest.raises(ValueError, match="read-only"):
        splits.train[0] = 1


@pytest.mark.parametrize("role", [{}, {"group": "g"}, {"time": "t"}])
def test_own_test_rows(role: dict[str, str]) -> None:
    columns = {"x": _x(120), "g": list(range(12)) * 10, "t": _x(120), "y": ["a", "b"] * 60}
    splits = _split(columns, own=20, target="y", **role)
    train, validation, test = _parts(splits, 120)
    assert test.tolist() == list(range(100, 120))
    assert abs(len(validation) - 15) <= 5 and len(train) >= 80


def test_dates_as_text_are_times() -> None:
    days = [f"{1 + i % 28:02}.{1 + i // 28:02}.2024" for i in range(100)]
    splits = _split({"x": _x(100), "t": days, "y": [0, 1] * 50}, target="y", time="t")
    assert splits.train.max() < splits.validation.min() < splits.open_test().min()


def test_random_gives_rare_classes_back_to_training() -> None:
    y = ["rare", "rare", *["a", "b"] * 49]
    for seed in range(40):
        splits = _split({"x": _x(100), "y": y}, seed=seed, target="y", method="random", test=0.4)
        assert set(np.array(y)[splits.train]) == {"rare", "a", "b"}
        _parts(splits, 100)


BASE = {"x": _x(60), "g": [0, 1] * 30, "t": list(range(60)), "y": ["a", "b"] * 30}
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "shares": ({}, {"validation": 0.5, "test": 0.5}, "bad_split"),
    "two groups": ({}, {"group": "g"}, "too_few_groups"),
    "missing group": ({"g": [None, "u", "v", "w"] * 15}, {"group": "g"}, "missing_group"),
    "two times": ({"t": [0, 1] * 30}, {"time": "t"}, "too_few_times"),
    "missing time": ({"t": [None, *range(59)]}, {"time": "t"}, "missing_time"),
    "words as time": ({"t": ["u", "v", "w"] * 20}, {"time": "t"}, "not_a_date"),
    "group and time": ({}, {"time": "t", "group": "g"}, "bad_split"),
    "group unnamed": ({}, {"method": "group"}, "bad_split"),
    "time unnamed": ({}, {"method": "time"}, "bad_split"),
    "stratified numbers": ({"y": _x(60)}, {"method": "stratified"}, "bad_split"),
    "new class last": ({"y": ["a", "b"] * 28 + ["c"] * 4}, {"time": "t"}, "class_not_in_train"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_splits(name: str) -> None:
    columns, options, code = BAD[name]
    with pytest.raises(InputError) as caught:
        _split({**BASE, **columns}, target="y", **options)
    assert caught.value.code == code and caught.value.hint.endswith(".")


def test_too_few_rows_for_a_part() -> None:
    table: Table = read({"x": _x(11), "y": [0, 1, 1] * 3 + [0, 1]})
    schema = infer(table, DataOptions(target="y"))
    with pytest.raises(InputError) as caught:
        split(table, schema, SplitOptions(), 0, own_test_rows=10)
    assert caught.value.code == "too_few_rows"


def test_validation_is_bounded_where_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retemper.data.split.MOST_VALIDATION_ROWS", 30)
    table = read({"x": np.arange(1000) * 0.5, "y": np.arange(1000) * 0.25})
    splits = split(table, infer(table, DataOptions(target="y")), SplitOptions(), seed=0)
    assert len(splits.validation) == 30 and splits.n_test == 200 and len(splits.train) == 770


def test_of_many_classes_fewer_rows_validate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retemper.data.split.MOST_VALIDATION_CELLS", 800)
    table = read({"x": np.arange(1000) * 0.5, "y": [f"c{k % 20}" for k in range(1000)]})
    splits = split(table, infer(table, DataOptions(target="y")), SplitOptions(), seed=0)
    assert len(splits.validation) == 40 and splits.n_test == 200 and len(splits.train) == 760
