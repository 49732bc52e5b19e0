"""Copies: across the splits, nearly alike, and told from rows that are equal by chance."""

from typing import Any

import numpy as np
import pytest

from retemper.core.recipe_sections import DataOptions
from retemper.core.records import Finding, NotApplicable
from retemper.data.duplicates import duplicates_across_splits, near_duplicates
from retemper.data.read import Table, read
from retemper.data.schema import Schema, infer

N = 2000


def _columns(seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    size, age = random.normal(size=N), random.integers(18, 90, N)
    job = random.choice(["clerk", "cook", "nurse"], N)
    return {"size": size, "weight": size + random.normal(size=N), "age": age, "job": job, "y": size + age}


def _table(columns: dict[str, Any], copies: int = 0, jitter: float = 0.0) -> tuple[Table, Schema]:
    random = np.random.default_rng(1)
    rows = np.r_[np.arange(N), random.choice(N, copies, replace=False)]
    order = random.permutation(len(rows))
    taken = {name: np.asarray(cells)[rows] for name, cells in columns.items()}
    for name in ("size", "weight") if jitter else ():
        taken[name] = taken[name] + np.r_[np.zeros(N), jitter * random.normal(size=copies)]
    table = read({name: cells[order] for name, cells in taken.items()})
    return table, infer(table, DataOptions(target="y"))


def _across(columns: dict[str, Any], copies: int) -> Finding | None:
    table, schema = _table(columns, copies)
    part = (np.random.default_rng(2).random(table.frame.height) < 0.2).astype(np.int8)
    return duplicates_across_splits(table.frame, schema, part)


def test_copies_across_the_splits() -> None:
    found = _across(_columns(), copies=100)
    assert found is not None and found.severity == "warning"
    assert 20 <= found.evidence["rows"] <= 60 and found.evidence["equal_pairs"] == 100
    assert len(found.evidence["first_rows"]) == 5


def test_a_new_row_number_hides_no_copy() -> None:
    table, _ = _table(_columns(), 100)
    columns = {"id": range(table.frame.height), **table.frame.to_dict(as_series=False)}
    table = read(columns)
    schema = infer(table, DataOptions(target="y"))
    part = (np.arange(table.frame.height) % 5 == 0).astype(np.int8)
    assert schema.columns[0].kind == "identifier"
    assert duplicates_across_splits(table.frame, schema, part) is not None


def test_silent_without_copies() -> None:
    assert _across(_columns(), copies=0) is None


def test_silent_on_rows_that_are_equal_by_chance() -> None:
    random = np.random.default_rng(0)
    coarse = {
        name: random.integers(0, levels, N) for name, levels in {"a": 8, "b": 6, "c": 5, "y": 4}.items()
    }
    assert _across(coarse, copies=0) is None


def test_across_needs_splits_and_a_target() -> None:
    table, schema = _table(_columns())
    with pytest.raises(NotApplicable, match="not split"):
        duplicates_across_splits(table.frame, schema, None)
    schema = infer(table, DataOptions())
    with pytest.raises(NotApplicable, match="no target"):
        duplicates_across_splits(table.frame, schema, np.zeros(table.frame.height, dtype=np.int8))


def test_near_copies() -> None:
    table, schema = _table(_columns(), copies=60, jitter=1e-3)
    found = near_duplicates(table.frame, schema)
    assert found is not None and 45 <= found.evidence["pairs"] <= 85
    assert found.evidence["pairs_expected_by_chance"] < 15


def test_near_is_silent_on_other_rows_and_on_exact_copies() -> None:
    for copies in (0, 60):
        assert near_duplicates(*_near(copies)) is None


def _near(copies: int) -> tuple[Any, Schema]:
    table, schema = _table(_columns(), copies)
    return table.frame, schema


def test_near_needs_numbers() -> None:
    table = read({"job": ["clerk", "cook"] * 50, "size": np.arange(100) % 7, "y": [0, 1] * 50})
    with pytest.raises(NotApplicable, match="two columns"):
        near_duplicates(table.frame, infer(table, DataOptions(target="y")))


def test_a_few_copies_in_a_small_table() -> None:
    small = {name: np.asarray(cells)[:180] for name, cells in _columns().items()}
    twice = {name: np.r_[cells, cells[:9]] for name, cells in small.items()}
    table = read(twice)
    part = (np.arange(table.frame.height) % 6 == 0).astype(np.int8)
    part[180:] = 1 - part[:9]
    found = duplicates_across_splits(table.frame, infer(table, DataOptions(target="y")), part)
    assert found is not None and found.evidence["equal_pairs"] == 9


def test_a_few_equal_rows_with_as_many_near_misses_are_no_copies() -> None:
    """As the cars of a list: the same but for the mileage in town, or on the road, or in neither."""
    kinds = [(k, k % 7, 10 + k % 5, 20 + k % 5) for k in range(90)]
    alike_by_chance = [kinds[k] for k in range(6)]
    near = [(a, b, c + 1, d) for a, b, c, d in kinds[10:18]] + [
        (a, b, c, 20 + (d + 1) % 5) for a, b, c, d in kinds[20:28]
    ]
    rows = np.array([*kinds, *alike_by_chance, *near])
    table = read(dict(zip("abcy", rows.T, strict=True)))
    schema = infer(table, DataOptions(target="y"))
    part = np.r_[np.zeros(90), np.ones(len(rows) - 90)].astype(np.int8)
    assert duplicates_across_splits(table.frame, schema, part) is None
    few = table.frame[np.arange(96)]
    assert duplicates_across_splits(few, schema, part[:96]) is not None, "without near misses they are copies"


def test_copies_in_a_test_of_ones_own_are_named_as_such() -> None:
    table, schema = _table(_columns(), copies=100)
    part = (np.random.default_rng(2).random(table.frame.height) < 0.25).astype(np.int8)
    found = duplicates_across_splits(table.frame, schema, part, "test")
    assert found is not None and found.evidence["of"] == "test" and "test rows" in found.message


@pytest.mark.parametrize("together", [False, True])
def test_near_copies_across_the_split_are_counted(together: bool) -> None:
    table, _ = _table({**_columns(), "row": np.arange(N)}, copies=60, jitter=1e-3)
    schema = infer(table, DataOptions(target="y", drop=["row"]))
    # Copies have the number of their original: whole families on one side, or only the later ones on the other.
    row = table.frame["row"].to_numpy()
    later = np.ones(len(row), dtype=bool)
    later[np.unique(row, return_index=True)[1]] = False
    part = (row % 4 == 0 if together else later).astype(np.int8)
    found = near_duplicates(table.frame, schema, part)
    assert found is not None
    across = found.evidence["across_splits"]
    assert across["of"] == int(part.sum())
    assert across["rows"] < 12 if together else 40 < across["rows"] <= 60
    assert f"of {across['of']} validation rows" in found.message
