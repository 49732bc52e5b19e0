"""Cells in another unit: brought back in training rows and when serving, the others left alone, and counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.before_after import cleaned
from retemper.data.converted import NO_CONVERSIONS, Conversions
from retemper.data.prepare import Preparer
from retemper.data.propose import propose
from retemper.data.read import Table, read
from retemper.data.schema import Schema, infer
from retemper.data.units import units_slips

N = 600
RANDOM = np.random.default_rng(4)
TRUE = RANDOM.normal(170, 9, N)
OFF = RANDOM.random(N) < 0.05
CONVERT = PrepareOptions(units="convert", number_embedding="none", scaling="none")


def _table(factor: float = 1 / 2.54) -> tuple[Table, Schema]:
    heights = np.where(OFF, TRUE * factor, TRUE)
    table = read({"height": [None, *heights[1:]], "age": RANDOM.integers(18, 80, N), "y": TRUE + 1})
    return table, infer(table, DataOptions(target="y"))


def _heights(frame: pl.DataFrame, preparer: Preparer) -> Any:
    return preparer.cells(frame).numbers[0]


@pytest.mark.parametrize("factor", [100.0, 1 / 2.54])
def test_cells_are_brought_back_and_the_bundle_does_the_same(factor: float) -> None:
    table, schema = _table(factor)
    preparer = Preparer.fit(table.frame, schema, CONVERT)
    (own,) = preparer.units.columns
    assert (own.column, own.factor) == ("height", pytest.approx(factor))
    assert np.isnan(_heights(table.frame, preparer)[0])
    assert _heights(table.frame, preparer)[1:] == pytest.approx(TRUE[1:])
    served = Preparer.from_json(preparer.to_json())
    new = pl.DataFrame({"height": [str(180 * factor), "180", None], "age": [20, 20, 20]})
    assert _heights(new, served)[:2] == pytest.approx([180, 180]) and np.isnan(_heights(new, served)[2])


def test_by_default_they_stay() -> None:
    table, schema = _table()
    preparer = Preparer.fit(table.frame, schema, PrepareOptions())
    assert preparer.units == NO_CONVERSIONS
    assert _heights(table.frame, preparer)[1:].min() < 80


def test_one_unit_is_left_as_it_is() -> None:
    assert Conversions.fit(["a", "b"], [TRUE, TRUE - 160]).columns == ()


def test_it_is_proposed_where_the_check_found_a_slip() -> None:
    table, schema = _table()
    found = units_slips(table.frame, schema)
    assert found is not None
    proposals = {own.name: own for own in propose(table.frame, schema, TRUE, [found])}
    assert proposals["one unit"].changes == {"prepare.units": "convert"}
    assert f"{OFF[1:].sum()} of height by 0.3937" in proposals["one unit"].why
    assert "one unit" not in {own.name for own in propose(table.frame, schema, TRUE)}
    assert "one unit" not in {own.name for own in propose(table.frame, schema, TRUE, [found], CONVERT)}


def test_what_was_done_is_counted() -> None:
    table, schema = _table()
    preparer = Preparer.fit(table.frame, schema, CONVERT)
    (done,) = cleaned(preparer, table.frame, CONVERT)
    assert (done["what"], done["column"], done["cells"]) == ("unit", "height", OFF[1:].sum())
    assert sum(done["histogram"]["before"]) == sum(done["histogram"]["after"]) == N - 1
