"""Cells that stand for not known, days among them, and numbers written with units: found, emptied, read."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.check import check
from retemper.data.cleaning import Sentinels
from retemper.data.placeholders import placeholders_in
from retemper.data.prepare import Preparer
from retemper.data.propose import propose
from retemper.data.read import read
from retemper.data.schema import Schema, infer

N = 200
DAYS = [datetime(2020, 1, 1) + timedelta(days=3 * i) for i in range(N)]


def _codes(columns: dict[str, Any]) -> tuple[dict[str, Any], pl.DataFrame, Schema]:
    table = read(pl.DataFrame({**columns, "y": ["a", "b"] * (N // 2)}))
    schema = infer(table, DataOptions(target="y"))
    return {f.code: f for f in check(table, schema).findings}, table.frame, schema


@pytest.mark.parametrize("far", [date(1900, 1, 1), date(1970, 1, 1), date(9999, 12, 31)])
@pytest.mark.parametrize("as_text", [False, True])
def test_days_that_stand_for_not_known(far: date, as_text: bool) -> None:
    days = [datetime(far.year, far.month, far.day) if i % 40 == 0 else day for i, day in enumerate(DAYS)]
    cells = [f"{day:%d.%m.%Y}" for day in days] if as_text else days
    found, frame, schema = _codes({"day": cells})
    assert found["placeholders"].evidence["columns"] == {"day": {str(far): 5}}
    plain = Preparer.fit(frame, schema, PrepareOptions())
    emptied = Preparer.fit(frame, schema, PrepareOptions(placeholders="missing"))
    gap = "day:elapsed_days=(missing)"
    assert gap in emptied.feature_names and gap not in plain.feature_names
    days_of = [p.plain(frame)[0][:, 0] for p in (plain, emptied)]
    assert np.ptp(days_of[0]) > 10_000 and np.nanmax(days_of[1]) - np.nanmin(days_of[1]) < 700


def test_days_that_belong_to_the_others_stay() -> None:
    days = [datetime(1960, 1, 1) + timedelta(days=40 * i) for i in range(N)] + [datetime(1970, 1, 1)] * 5
    assert not placeholders_in(pl.Series(days))
    assert not placeholders_in(pl.Series([*DAYS, datetime(1900, 1, 1)])), "one day may be meant"


@pytest.mark.parametrize(
    ("cells", "unit"),
    [
        ([f"{i} kg" if i % 20 else "heavy" for i in range(N)], "kg"),
        ([f"${1000 + i / 7:,.2f}" if i % 20 else "call us" for i in range(N)], "$"),
        ([f"{i / 2} %" if i % 20 else "unknown" for i in range(N)], "%"),
        ([f"{i}" if i % 20 else "unknown" for i in range(N)], ""),
        ([f"{i}" if i % 20 else "see note" for i in range(N)], ""),
    ],
)
def test_numbers_that_count_as_words_are_said_and_read(cells: list[str], unit: str) -> None:
    found, frame, schema = _codes({"x": cells, "z": [(7 * i) % 31 for i in range(N)]})
    assert schema.columns[0].kind in ("category", "text"), schema.columns[0].why
    assert set(found) & {"numbers_as_words", "mixed_types", "placeholders"}
    if "numbers_as_words" in found:
        assert f"such as {cells[1]!r}" in found["numbers_as_words"].message
    names = [p.name for p in propose(frame, schema, np.arange(N) % 2, list(found.values()))]
    assert set(names) & {"words read as numbers", "placeholders emptied"}
    preparer = Preparer.fit(frame, schema, PrepareOptions(placeholders="missing"))
    style = preparer.sentinels.columns[0].style
    assert preparer.numbers == ("x", "z") and style is not None and style.unit == unit
    back = Preparer.from_json(json.loads(json.dumps(preparer.to_json())))
    assert back.sentinels == preparer.sentinels
    new = back.plain(pl.DataFrame({"x": [cells[1], "a word", "3 lb"], "z": [1, 2, 3]}))[0]
    assert new[0, 0] == style.read(pl.Series(cells))[1] and np.isnan(new[1:, 0]).all()
    assert Preparer.fit(frame, schema, PrepareOptions()).numbers == ("z",), (
        "kept as they are unless it is raced"
    )


def test_codes_stay_words() -> None:
    """A zero in front, letters in front, too few numbers, a kind set by hand."""
    for cells in (
        ["007", "012"] * 99,
        [f"A{i}" for i in range(N)],
        ["1 kg", "x", "y"] * 66,
        ["1 kg", "2 kg"] * 99,
    ):
        assert not placeholders_in(pl.Series(cells)).style
    table = read(
        pl.DataFrame({"x": [f"{i % 50} kg" for i in range(N)], "z": [(7 * i) % 31 for i in range(N)]})
    )
    schema = infer(table, DataOptions(kinds={"x": "category"}))
    assert Preparer.fit(table.frame, schema, PrepareOptions(placeholders="missing")).numbers == ("z",)


def test_what_was_done_is_counted() -> None:
    frame = pl.DataFrame({"x": [*(f"{i} kg" for i in range(95)), "unknown", "heavy", "3 lb"]})
    cleaned, done = Sentinels.fit(frame, ["x"]).apply(frame)
    assert cleaned["x"].to_list() == [*map(float, range(95)), None, None, None]
    assert {(one.what, one.before, one.cells) for one in done} == {
        ("placeholder", "unknown", 1),
        ("no number", "words", 2),
    }
