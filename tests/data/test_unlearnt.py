"""Levels that were not learnt and rows of gaps are counted, through parts, with the first place of each."""

from __future__ import annotations

import polars as pl
import pytest

from retemper.core.errors import InputError
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.unlearnt import UnknownLevel, Unlearnt


@pytest.fixture(scope="module")
def preparer() -> Preparer:
    columns = {
        "city": ["Rome", "Oslo"] * 20,
        "open": [True, False] * 20,
        "size": [1.5 * k for k in range(40)],
    }
    table = read(columns)
    return Preparer.fit(table.frame, infer(table, DataOptions()), PrepareOptions())


def _rows(city: list[str | None], size: list[float | None]) -> pl.DataFrame:
    known = [None if own is None else True for own in size]
    return pl.DataFrame({"city": city, "open": known, "size": size, "further": ["x"] * len(city)})


def test_rows_are_counted_through_the_parts(preparer: Preparer) -> None:
    parts = [_rows(["Oslo", None], [1.0, 2.0]), _rows(["Bonn", "Rome", "NA"], [3.0, 4.0, None])]
    parts += [_rows(["Paris", None], [5.0, None])]
    found = Unlearnt.of(preparer, parts)
    assert found == Unlearnt((UnknownLevel("city", 2, "Bonn", 3),), 2, 5)
    assert "'city' has 2 cells" in found.sentence() and "2 rows have no cell" in found.sentence()


def test_known_rows_are_passed_over_in_silence(preparer: Preparer) -> None:
    found = Unlearnt.of(preparer, [_rows(["Oslo", None], [None, 2.0])])
    assert found == Unlearnt() and found.sentence() == ""
    assert Unlearnt.of(preparer, [_rows(["Oslo"], [1.0])[:0]]) == Unlearnt()


def test_a_missing_column_is_an_error(preparer: Preparer) -> None:
    with pytest.raises(InputError, match="city"):
        Unlearnt.of(preparer, [pl.DataFrame({"size": [1.0]})])
