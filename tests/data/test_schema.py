"""The schema: kinds with their reasons, tasks, roles, and every bad target."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.errors import InputError
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import Table, read
from retemper.data.schema import Schema, infer

N = 100
RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=N)


def _table(**columns: Any) -> Table:
    return read({"size": NUMBERS, **columns})


def _kind(cells: Any, **options: Any) -> tuple[str, str]:
    schema = infer(_table(c=cells), DataOptions(**options))
    column = schema.columns[1]
    return column.kind, column.why


KINDS: dict[str, tuple[Any, str]] = {
    "fractions": (NUMBERS * 2, "number"),
    "counts": (RANDOM.integers(0, 50, N), "number"),
    "numbers all different": (RANDOM.permutation(10 * N)[:N], "number"),
    "a number and gaps": ([3.0, None] * 50, "number"),
    "0 and 1": ([0, 1] * 50, "boolean"),
    "0.0 and 1.0": ([0.0, 1.0] * 50, "boolean"),
    "1 and 2": ([1, 2] * 50, "number"),
    "true and false": (["TRUE", "false"] * 50, "boolean"),
    "booleans": ([True, None] * 50, "boolean"),
    "yes and gaps": (["yes", None] * 50, "boolean"),
    "yes and maybe": (["yes", "maybe"] * 50, "category"),
    "words": (["u", "v", "w", "u"] * 25, "category"),
    "number with a bad cell": ([*map(str, range(99)), "oops"], "category"),
    "leading zeros": ([f"00{i % 7}" for i in range(N)], "category"),
    "dates as text": ([str(datetime(2024, 1, 1) + timedelta(days=i))[:10] for i in range(N)], "datetime"),
    "american dates": ([f"{1 + i % 12:02}/{1 + i % 28:02}/2024" for i in range(N)], "datetime"),
    "german dates": ([f"{1 + i % 28:02}.{1 + i % 12:02}.2024 12:30" for i in range(N)], "datetime"),
    "times with zones": ([f"2024-01-01T00:{i % 60:02}:00+01:00" for i in range(N)], "datetime"),
    "datetimes": ([datetime(2024, 1, 1) + timedelta(hours=i) for i in range(N)], "datetime"),
    "sentences": ([f"the film number {i} was good" for i in range(N)], "text"),
    "row numbers": (range(1, N + 1), "identifier"),
    "codes": ([f"A-{i:05}" for i in range(N)], "identifier"),
    "one value": ([7] * N, "constant"),
    "nothing": ([None] * N, "constant"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind(name: str) -> None:
    cells, kind = KINDS[name]
    found, why = _kind(list(cells))
    assert found == kind, why
    assert len(why) > 5


def test_names_tell_identifiers() -> None:
    cells = RANDOM.permutation(10 * N)[:N]
    for name, kind in {"customer_id": "identifier", "userId": "identifier", "paid": "number"}.items():
        assert infer(_table(**{name: cells}), DataOptions()).columns[1].kind == kind


def test_the_reason_names_the_bad_cell() -> None:
    assert "'oops' in row 100" in _kind([*map(str, range(99)), "oops"])[1]


def test_kinds_by_hand() -> None:
    assert _kind([1, 2] * 50, kinds={"c": "category"}) == ("category", "set by hand")
    assert _kind(list(range(N)), kinds={"c": "number"})[0] == "number"


def test_without_cleaning_identifiers_are_used() -> None:
    for cells, kind in ((range(N), "number"), ([f"A-{i:05}" for i in range(N)], "category")):
        table = _table(c=list(cells))
        schema = infer(table, DataOptions(clean=False))
        assert [column.kind for column in schema.features()] == ["number", kind]
        assert [column.name for column in infer(table, DataOptions()).features()] == ["size"]


TASKS: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "text": (["b", "a"] * 50, "classification", ("a", "b")),
    "own spelling": (["true", "FALSE"] * 50, "classification", ("FALSE", "true")),
    "booleans": ([True, False] * 50, "classification", ("False", "True")),
    "two numbers": ([5, -1] * 50, "classification", ("-1", "5")),
    "two fractions": ([1.0, 0.0] * 50, "classification", ("0.0", "1.0")),
    "ten numbers, ten rows each": ([*range(10)] * 10, "classification", tuple(map(str, range(10)))),
    "fifty numbers": ([*range(50)] * 2, "regression", ()),
    "numbers as text": ([f"0{i % 5}" for i in range(N)], "classification", ("00", "01", "02", "03", "04")),
    "fractions": (NUMBERS, "regression", ()),
    "three fractions": ([0.5, 1.5, 2.5, 0.5] * 25, "regression", ()),
}


@pytest.mark.parametrize("name", TASKS)
def test_task(name: str) -> None:
    cells, task, classes = TASKS[name]
    schema = infer(_table(y=cells), DataOptions(target="y"))
    assert (schema.task, schema.classes) == (task, classes)
    assert schema.target is not None and schema.target.why
    assert [column.name for column in schema.columns] == ["size"]


def test_task_by_hand() -> None:
    y = [*range(10)] * 10
    assert infer(_table(y=y), DataOptions(target="y", task="regression")).task == "regression"
    assert infer(_table(y=[1.5, 2.5] * 50), DataOptions(target="y", task="classification")).classes == (
        "1.5",
        "2.5",
    )


def test_roles_are_no_features_but_time_is() -> None:
    table = _table(w=[1.0] * N, g=["u", "v"] * 50, t=list(range(N)), d=NUMBERS, y=NUMBERS)
    schema = infer(table, DataOptions(target="y", weight="w", group="g", time="t", drop=["d"]))
    assert [column.name for column in schema.columns] == ["size", "t"]
    assert (schema.weight, schema.group, schema.time, schema.dropped) == ("w", "g", "t", ("d",))


def test_json_round_trip() -> None:
    table = _table(y=["a", "b"] * 50, w=[1.0] * N)
    for options in (DataOptions(), DataOptions(target="y", weight="w")):
        schema = infer(table, options)
        assert Schema.from_json(schema.to_json()) == schema


def test_the_sources_own_target_is_taken() -> None:
    assert infer(read((NUMBERS[:, None], [0, 1] * 50)), DataOptions()).classes == ("0", "1")


def _caught(columns: dict[str, Any], **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        infer(read(pl.DataFrame(columns, strict=False)), DataOptions(**options))
    error = caught.value
    assert isinstance(error.where, dict) and "file" in error.where and error.hint.endswith(".")
    return error


X = {"size": NUMBERS}
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str, int | None]] = {
    "no such target": ({**X, "income": NUMBERS}, {"target": "incme"}, "missing_target", None),
    "target with gaps": ({**X, "y": ["a"] * 4 + [None] + ["b"] * 95}, {"target": "y"}, "target_gaps", 5),
    "one class": ({**X, "y": ["a"] * N}, {"target": "y"}, "one_class", None),
    "single row": ({**X, "y": ["a"] * 99 + ["b"]}, {"target": "y"}, "single_row_class", 100),
    "text to regress": (
        {**X, "y": ["a", "b"] * 50},
        {"target": "y", "task": "regression"},
        "target_not_number",
        1,
    ),
    "bad cell to regress": (
        {**X, "y": [*map(str, range(99)), "x"]},
        {"target": "y"},
        "target_not_number",
        100,
    ),
    "bad cell, regression": (
        {**X, "y": ["x", *map(str, range(99))]},
        {"target": "y", "task": "regression"},
        "not_a_number",
        1,
    ),
    "constant to regress": ({**X, "y": [1.5] * N}, {"target": "y"}, "constant_target", None),
    "infinite target": ({**X, "y": [*NUMBERS[:99], np.inf]}, {"target": "y"}, "infinite_value", 100),
    "date target": ({**X, "y": [datetime(2024, 1, 1)] * N}, {"target": "y"}, "target_is_date", None),
    "infinite number": ({"size": [np.inf, *NUMBERS[1:]]}, {}, "infinite_value", 1),
    "too large number": ({"size": [1e200, *NUMBERS[1:]]}, {}, "infinite_value", 1),
    "one row": ({"size": [1.0], "y": [1]}, {"target": "y"}, "too_few_rows", None),
    "nine rows": ({"size": NUMBERS[:9]}, {}, "too_few_rows", None),
    "negative weight": ({**X, "w": [1, -1] * 50}, {"weight": "w"}, "bad_weight", 2),
    "missing weight": ({**X, "w": [1, 2, None, 1] * 25}, {"weight": "w"}, "bad_weight", 3),
    "infinite weight": ({**X, "w": [np.inf] * N}, {"weight": "w"}, "infinite_value", 1),
    "all weights zero": ({**X, "w": [0] * N}, {"weight": "w"}, "bad_weight", None),
    "text as weight": ({**X, "w": ["a"] * N}, {"weight": "w"}, "not_a_number", 1),
    "unknown kind's column": (X, {"kinds": {"siz": "number"}}, "unknown_column", None),
    "unknown dropped column": (X, {"drop": ["siz"]}, "unknown_column", None),
    "unknown group": (X, {"group": "siz"}, "unknown_column", None),
    "target is group": ({**X, "y": [0, 1] * 50}, {"target": "y", "group": "y"}, "two_roles", None),
    "target dropped": ({**X, "y": [0, 1] * 50}, {"target": "y", "drop": ["y"]}, "two_roles", None),
    "weight dropped": ({**X, "w": [0, 1] * 50}, {"weight": "w", "drop": ["w"]}, "two_roles", None),
    "weight is group": ({**X, "w": [0, 1] * 50}, {"weight": "w", "group": "w"}, "two_roles", None),
    "time is group": ({**X, "w": [0, 1] * 50}, {"time": "w", "group": "w"}, "two_roles", None),
    "kind of the target": (
        {**X, "y": [0, 1] * 50},
        {"target": "y", "kinds": {"y": "number"}},
        "two_roles",
        None,
    ),
    "kind of the weight": (
        {**X, "w": [0, 1] * 50},
        {"weight": "w", "kinds": {"w": "text"}},
        "two_roles",
        None,
    ),
    "text as number": ({"c": ["1", "x"] * 50}, {"kinds": {"c": "number"}}, "not_a_number", 2),
    "text as boolean": ({"c": ["yes", "x"] * 50}, {"kinds": {"c": "boolean"}}, "not_a_boolean", 2),
    "text as date": ({"c": ["2024-01-01", "x"] * 50}, {"kinds": {"c": "datetime"}}, "not_a_date", 2),
    "numbers as date": ({"c": [1, 2] * 50}, {"kinds": {"c": "datetime"}}, "not_a_date", 1),
    "date as number": ({"c": [datetime(2024, 1, 1)] * N}, {"kinds": {"c": "number"}}, "not_a_number", None),
    "nothing to learn from": ({"c": [1] * N, "y": [0, 1] * 50}, {"target": "y"}, "no_features", None),
    "only a target": ({"y": [0, 1] * 50}, {"target": "y"}, "no_features", None),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables(name: str) -> None:
    columns, options, code, row = BAD[name]
    error = _caught(columns, **options)
    assert error.code == code, error.message
    assert row is None or error.where["row"] == row  # type: ignore[index,call-overload]


def test_nearest_spelling() -> None:
    assert "did you mean size?" in _caught({**X, "y": NUMBERS}, weight="siez").message
    assert "did you mean income?" in _caught({**X, "income": NUMBERS}, target="incme").message


def test_wide_and_long_is_fast() -> None:
    table = read(pl.DataFrame(RANDOM.normal(size=(20_000, 20))))
    assert len(infer(table, DataOptions()).features()) == 20


def test_a_target_without_a_name() -> None:
    table = read({"": [0, 1] * 50, **X}, target="")
    assert table.target == "" and infer(table, DataOptions(target="")).task == "classification"
