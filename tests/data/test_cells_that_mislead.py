"""Missing cells that tell, placeholders and their cleaning, units slips, unusual rows."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from retemper.core.recipe_sections import DataOptions
from retemper.core.records import NotApplicable
from retemper.data.cleaning import Sentinel, Sentinels
from retemper.data.missingness import missing_tells_target
from retemper.data.outlier_rows import outlier_rows
from retemper.data.placeholders import placeholders, placeholders_in
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.data.units import units_slips
from retemper.data.written_numbers import Style

N = 1000
RANDOM = np.random.default_rng(0)
AGE = RANDOM.integers(18, 90, N)
HEIGHT = RANDOM.normal(170, 8, N)
Y = np.where(RANDOM.random(N) < 0.3, "yes", "no")


def _read(columns: dict[str, Any], target: str | None = "y") -> tuple[pl.DataFrame, Schema]:
    table = read(columns)
    return table.frame, infer(table, DataOptions(target=target))


def _gaps(where: Any) -> list[float | None]:
    return [None if gap else float(v) for v, gap in zip(HEIGHT, where, strict=True)]


def test_missing_cells_that_tell() -> None:
    for y in (Y, (Y == "yes") * 5 + RANDOM.normal(size=N)):
        chance = np.where(Y == "yes", 0.4, 0.1)
        found = missing_tells_target(*_read({"height": _gaps(RANDOM.random(N) < chance), "age": AGE, "y": y}))
        assert found is not None and found.evidence["columns"]["height"]["p"] < 1e-3
        assert (
            missing_tells_target(*_read({"height": _gaps(RANDOM.random(N) < 0.2), "age": AGE, "y": y}))
            is None
        )


def test_missing_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="no column has"):
        missing_tells_target(*_read({"age": AGE, "y": Y}))
    with pytest.raises(NotApplicable, match="no target"):
        missing_tells_target(*_read({"height": _gaps(RANDOM.random(N) < 0.2)}, None))


def _with(cells: Any, value: Any, share: float = 0.02) -> list[Any]:
    where = np.random.default_rng(1).random(N) < share
    return [value if here else cell.item() for cell, here in zip(cells, where, strict=True)]


PRESSURE = np.round(RANDOM.normal(72, 11, N))
PLANTED: dict[str, tuple[list[Any], str]] = {
    "-999": (_with(AGE, -999), "-999"),
    "-1": (_with(AGE, -1), "-1"),
    "9999": (_with(HEIGHT, 9999.0), "9999"),
    "a low number that is no outlier of a wide column": (_with(RANDOM.normal(0, 50, N), -99999.0), "-99999"),
    "0 among pressures": (_with(PRESSURE, 0.0), "0"),
    "a word among numbers": ([str(v) for v in _with(AGE, "unknown")], "unknown"),
    "a word among words": (
        [str(v) for v in _with(RANDOM.choice(["a", "b"], N), "Not available")],
        "not available",
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_placeholders_are_found_and_cleaned(kind: str) -> None:
    cells, shown = PLANTED[kind]
    frame, schema = _read({"cells": cells, "height": HEIGHT, "y": Y})
    found = placeholders(frame, schema)
    count = sum(str(cell).lower() in (shown, f"{shown}.0") for cell in cells)
    assert found is not None and found.evidence["columns"] == {"cells": {shown: count}}
    sentinels = Sentinels.from_json(Sentinels.fit(frame, ["cells", "height"]).to_json())
    cleaned, done = sentinels.apply(frame)
    assert [(one.column, one.cells, one.before, one.after) for one in done] == [
        ("cells", count, shown, "missing")
    ]
    assert cleaned["cells"].null_count() == count and cleaned["height"].equals(frame["height"])
    kept = frame["cells"].to_numpy()[~cleaned["cells"].is_null().to_numpy()].tolist()
    assert list(map(str, kept)) == [
        str(v).removesuffix(".0") if kind.endswith("numbers") else str(v)
        for v in cleaned["cells"].drop_nulls()
    ]


HONEST: dict[str, Any] = {
    "ages up to 99": RANDOM.integers(0, 100, N),
    "counts from 0": RANDOM.poisson(2, N),
    "mostly 0": np.where(RANDOM.random(N) < 0.7, 0, RANDOM.integers(500, 900, N)),
    "amounts near 0": RANDOM.exponential(10, N).round(1),
    "both signs": RANDOM.normal(0, 5, N).round(),
    "codes of three levels": RANDOM.choice([-1, 0, 1], N),
    "a scale to a thousand": RANDOM.integers(0, 1000, N),
    "words": RANDOM.choice(["red", "none of these", "north"], N),
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_cells_are_no_placeholders(kind: str) -> None:
    assert placeholders(*_read({"cells": HONEST[kind], "height": HEIGHT, "y": Y})) is None


def test_dates_and_booleans_hold_no_placeholders() -> None:
    assert not placeholders_in(pl.Series([True, False]))
    assert not placeholders_in(read({"d": ["2024-01-01", "2024-01-02"]}).frame["d"])


def test_serving_does_the_same_and_counts_what_is_no_number() -> None:
    sentinels = Sentinels((Sentinel("a", words=("unknown",), style=Style()), Sentinel("b", (-999.0,))))
    served, done = sentinels.apply(pl.DataFrame({"a": ["1", "Unknown"], "b": ["-999", "x"]}))
    assert served.to_dict(as_series=False) == {"a": [1.0, None], "b": [None, "x"]} and len(done) == 2
    bad, done = sentinels.apply(pl.DataFrame({"a": ["1", "oops"]}))
    assert bad["a"].to_list() == [1.0, None]
    assert [(one.what, one.column, one.cells) for one in done] == [("no number", "a", 1)]


def _slip(cells: Any, factor: float) -> Any:
    return np.where(np.random.default_rng(2).random(N) < 0.04, factor, 1.0) * cells


@pytest.mark.parametrize("factor", [10, 100, 1000, 1 / 2.54, 0.4536, 1.609344])
def test_units_slips(factor: float) -> None:
    found = units_slips(*_read({"height": _slip(HEIGHT, factor), "age": AGE, "y": Y}))
    assert found is not None and list(found.evidence["columns"]) == ["height"]
    slip = found.evidence["columns"]["height"]
    assert slip["factor"] == pytest.approx(factor, rel=0.01) and 25 <= slip["cells"] <= 55


def test_units_slips_of_a_wide_column() -> None:
    income = RANDOM.lognormal(10, 0.9, N)
    found = units_slips(*_read({"income": _slip(income, 1000), "y": Y}))
    assert found is not None and found.evidence["columns"]["income"]["factor"] == 1000
    assert units_slips(*_read({"income": income, "y": Y})) is None


def test_units_slips_that_only_another_column_shows() -> None:
    size = RANDOM.lognormal(0, 1.0, N)
    columns = {"volume": size * RANDOM.lognormal(0, 0.1, N), "age": AGE, "y": Y}
    found = units_slips(*_read({"mass": _slip(size, 10), **columns}))
    assert found is not None and found.evidence["columns"]["mass"]["factor"] == 10
    assert units_slips(*_read({"mass": size, **columns})) is None


@pytest.mark.parametrize("cells", [HEIGHT, RANDOM.lognormal(0, 2, N), RANDOM.exponential(9, N) + 1, AGE])
def test_one_unit_is_no_slip(cells: Any) -> None:
    assert units_slips(*_read({"cells": cells, "y": Y})) is None


def test_units_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="positive"):
        units_slips(*_read({"change": HEIGHT - 170, "y": Y}))
    with pytest.raises(NotApplicable, match="rows"):
        units_slips(*_read({"height": HEIGHT[:50], "y": Y[:50]}))


def test_unusual_rows() -> None:
    columns = {f"x{i}": RANDOM.normal(size=N) for i in range(6)}
    assert outlier_rows(*_read({**columns, "y": Y})) is None
    for cells in columns.values():
        cells[[7, 500]] = 30.0
    found = outlier_rows(*_read({**columns, "y": Y}))
    assert found is not None and set(found.evidence["first_rows"]) == {8, 501}


def test_unusual_rows_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="two columns"):
        outlier_rows(*_read({"height": HEIGHT, "y": Y}))
    with pytest.raises(NotApplicable, match="rows"):
        outlier_rows(*_read({"height": HEIGHT[:60], "age": AGE[:60], "y": Y[:60]}))
