"""Numbers as people write them: read by the whole column, said, counted, and read so again when serving."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from retemper.core.errors import InputError
from retemper.core.prepare_options import PrepareOptions
from retemper.core.recipe_sections import DataOptions
from retemper.data.check import check
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.rewritten import read_for, rewritten
from retemper.data.schema import Schema, infer
from retemper.data.target import Target
from retemper.data.written_numbers import Style, style_of_all

N = 120


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["$3,000", "$12", "-$5", "$1,200.50", "($7)"], [3000, 12, -5, 1200.5, -7]),
        (["3.000,50 €", "1.250 €", "7 €", "8,5 €", "9 €"], [3000.5, 1250, 7, 8.5, 9]),
        (["USD 3,000", "12 USD", "4", "5", "6"], [3000, 12, 4, 5, 6]),
        (["12 %", "3.5%", "0", "100 %", "5 %"], [12, 3.5, 0, 100, 5]),
        (["1.2k", "950", "3.4M", "2K", "7"], [1200, 950, 3.4e6, 2000, 7]),
        (["€110.5M", "€565K", "€2M", "€3M", "€900"], [110.5e6, 565e3, 2e6, 3e6, 900]),
        (["1,5 Mio. €", "3 Mrd. €", "900 €", "2 €", "4 €"], [1.5e6, 3e9, 900, 2, 4]),
        (["12 m", "13 m", "14", "15 m", "16 m"], [12, 13, 14, 15, 16]),
        (["300 K", "310 K", "290 K", "280 K", "270 K"], [300, 310, 290, 280, 270]),
        (["1'234.50", "2’000", "1", "2", "3"], [1234.5, 2000, 1, 2, 3]),
        (["1 234,5", "2\u202f345", "3,2", "4", "\u22125"], [1234.5, 2345, 3.2, 4, -5]),
        (["12,34,567", "1,234", "5", "6", "7"], [1234567, 1234, 5, 6, 7]),
        (["1,234.5e3 kg", "2 kg", "3 kg", "4 KG", "5"], [1234500, 2, 3, 4, 5]),
    ],
)
def test_numbers_are_read(cells: list[str], numbers: list[float]) -> None:
    style = style_of_all(pl.Series(cells))
    assert style is not None
    assert style.read(pl.Series(cells)).to_list() == numbers


@pytest.mark.parametrize(
    ("others", "means", "why"),
    [
        (["1,234.5"], 1234, "like '1,234.5'"),
        (["3,5"], 1.234, "like '3,5'"),
        (["0,123"], 1.234, "begin with 0"),
        (["$2,000"], 1234, "amounts of money"),
        (["950"], 1234, "smaller numbers have none"),
        (["1950"], 1.234, "larger numbers have none"),
        ([], 1234, "all cells fit both"),
    ],
)
def test_one_mark_before_three_digits_is_decided_by_the_column(
    others: list[str], means: float, why: str
) -> None:
    cells = pl.Series(["1,234", "2,345", "3,456", "9,999", "5,678", *others])
    style = style_of_all(cells)
    assert style is not None
    assert style.read(cells)[0] == means and why in style.why
    points = (
        cells.str.replace_all(",", "|")
        .str.replace_all(".", ",", literal=True)
        .str.replace_all("|", ".", literal=True)
    )
    other = Style.of(points)
    assert other.read(points)[0] == (1.234 if not others else means), "a point alone separates decimals"


@pytest.mark.parametrize(
    "cells",
    [
        ["007", "1,2", "3", "4", "5"],
        ["1.2.3", "1.2.4", "1", "2", "3"],
        ["192.168.1.1", "192.168.1.2", "10.0.0.1", "1", "2"],
        ["12am", "3pm", "4pm", "5am", "6"],
        ["A12", "B13", "C1", "D2", "E3"],
        ["$1,234", "€1,200", "3", "4", "5"],
        ["12 %", "0.3", "0.4", "0.5", "5 %"],
        ["1,234.50", "3.000,50", "1", "2", "3"],
        ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"],
        [f"555 123 45{i}" for i in range(10)],
        ["(3", "4", "5", "6", "7)"],
        ["1", "2", "3", "4", "5"],
        ["$1", "$2"] * 9,
    ],
)
def test_what_is_no_number_for_sure_stays_text(cells: list[str]) -> None:
    assert style_of_all(pl.Series(cells)) is None


def _prices(**more: object) -> dict[str, object]:
    return {
        "price": [f"${1000 + 37 * i:,}" for i in range(N)],
        "share": [f"{i % 50},{i % 7} %" for i in range(N)],
        "z": [(7 * i) % 31 for i in range(N)],
        **more,
    }


def _read(options: DataOptions, **more: object) -> tuple[pl.DataFrame, Schema]:
    table = read(_prices(**more))
    schema = infer(table, options)
    return rewritten(table, schema).frame, schema


def test_columns_become_numbers_and_it_is_said_and_counted() -> None:
    table = read(_prices())
    schema = infer(table, DataOptions(target="z", task="regression"))
    assert [c.kind for c in schema.columns] == ["number", "number"]
    assert "'$'" in schema.columns[0].why and "amounts of money" in schema.columns[0].why
    found = {f.code: f for f in check(rewritten(table, schema), schema).findings}["written_numbers"]
    assert found.evidence["columns"]["price"]["cells"] == N
    assert "120 numbers in '%'" in found.message
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_target_becomes_a_regression_and_is_encoded_as_it_is_written() -> None:
    frame, schema = _read(DataOptions(target="price"))
    assert schema.task == "regression" and schema.target is not None and schema.target.written is not None
    target = Target.fit(frame["price"], schema, PrepareOptions())
    back = Target.from_json(json.loads(json.dumps(target.to_json())))
    assert back.encode(pl.Series("price", ["$2,000", "3,000", "$4"])).tolist() == [2000, 3000, 4]
    with pytest.raises(InputError, match="row 2 is 'cheap'") as error:
        back.encode(pl.Series("price", ["$2,000", "cheap"]))
    assert error.value.code == "not_a_number"


def test_a_target_of_few_round_numbers_keeps_its_labels() -> None:
    _, schema = _read(DataOptions(target="rate"), rate=[f"{5 * (i % 5)} %" for i in range(N)])
    assert schema.task == "classification" and "5 %" in schema.classes
    _, schema = _read(
        DataOptions(target="rate", task="regression"), rate=[f"{5 * (i % 5)} %" for i in range(N)]
    )
    assert schema.task == "regression"
    _, schema = _read(DataOptions(target="price", task="regression"))
    assert schema.task == "regression"


def test_a_target_with_some_words_is_refused_by_the_cell() -> None:
    cells = [f"${1000 + 37 * i:,}" if i % 40 else "call us" for i in range(N)]
    with pytest.raises(InputError, match="but for 3 cells; the first is 'call us'"):
        _read(DataOptions(target="y"), y=cells)


def test_without_cleaning_all_stays_as_it_is() -> None:
    frame, schema = _read(DataOptions(target="z", clean=False))
    assert frame["price"].dtype == pl.String and schema.columns[0].written is None
    frame, schema = _read(DataOptions(target="z", kinds={"price": "category"}))
    assert frame["price"].dtype == pl.String and frame["share"].dtype == pl.Float64


def test_serving_reads_the_same_and_refuses_what_it_cannot() -> None:
    frame, schema = _read(DataOptions(target="z", task="regression"))
    preparer = Preparer.fit(frame, schema, PrepareOptions())
    back = Preparer.from_json(json.loads(json.dumps(preparer.to_json())))
    assert back.written == preparer.written and back.numbers == ("price", "share")
    new = pl.DataFrame({"price": ["$2,000", "3,000", None], "share": ["3,5 %", "4 %", "0"]})
    assert np.array_equal(back.plain(new)[0][:, 0], [2000, 3000, np.nan], equal_nan=True)
    assert back.plain(new)[0][0, 1] == 3.5
    assert back.plain(frame)[0][:, 1].tolist() == frame["share"].to_list(), "numbers are taken as they are"
    with pytest.raises(InputError, match="row 1 is 'oops'"):
        back.plain(pl.DataFrame({"price": ["oops"], "share": ["1 %"]}))


def test_points_in_a_file_are_not_taken_for_thousands(tmp_path: Path) -> None:
    _, schema = _read(DataOptions(target="z"), amount=[f"{1 + i}.{i % 10}00,5" for i in range(N)])
    path = tmp_path / "new.csv"
    path.write_text("amount,z\n1.234,1\n2.345,2\n")
    with pytest.raises(InputError, match="decimal commas in training"):
        read_for(path, schema)
    path.write_text('amount,z\n"1.234,5",1\n2.345,2\n')
    assert read_for(path, schema).frame["amount"][0] == "1.234,5"


def test_large_tables_are_read_so_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retemper.data.columns import Store

    monkeypatch.setenv("RETEMPER_CACHE", str(tmp_path))
    table = read(_prices())
    with Store("k") as store:
        store.add(table.frame)
        on_disk = store.finish(dict(table.frame.schema))
    schema = infer(table, DataOptions(target="z"))
    frame: Any = rewritten(replace(table, frame=cast("pl.DataFrame", on_disk)), schema).frame
    known = rewritten(table, schema).frame
    assert frame["price"].to_list() == known["price"].to_list()
    assert frame.slice(5, 3).equals(known[5:8])
    assert frame.head(9).only(["share"]).slice(0, 9)["share"][8] == known["share"][8]
    assert frame[np.array([7, 2])].equals(known[[7, 2]])
