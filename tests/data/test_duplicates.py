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
