"""A sample of the mangled tables (`benchmarks/fuzz_tables.py` has 2,000), and what they once brought to light."""

import importlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retemper import InputError
from retemper.cli.main import run
from retemper.data.read import read

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def fuzz_tables():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("fuzz_tables")
    sys.path.remove(str(BENCHMARKS))


def test_a_result_or_a_clean_error(fuzz_tables):
    outcomes = [fuzz_tables.fuzz(seed, train=False) for seed in range(60)]
    assert not [outcome.trace for outcome in outcomes if outcome.trace]
    ends = {outcome.end for outcome in outcomes}
    assert "checked" in ends and len(ends) > 8


def test_a_trained_model_or_a_clean_error(fuzz_tables, monkeypatch):
    from retemper.procedure import sequence

    monkeypatch.setattr(sequence, "Pool", fuzz_tables.InProcess)
    outcomes = [fuzz_tables.fuzz(seed, train=True) for seed in range(5)]
    assert not [outcome.trace for outcome in outcomes if outcome.trace]
    assert any(outcome.end.startswith("trained") for outcome in outcomes)


def test_the_fuzz_sees_a_fault(fuzz_tables, monkeypatch):
    def broken(data, *rest):
        raise KeyError("lost")

    monkeypatch.setattr(fuzz_tables.retemper, "check", broken)
    outcome = fuzz_tables.fuzz(0, train=False)
    assert outcome.end == "FAULT: KeyError" and "lost" in outcome.trace


@pytest.mark.parametrize(
    ("dtype", "number"), [(pl.Date, 2**30), (pl.Datetime("ms"), -(2**62)), (pl.Datetime("us"), 2**62)]
)
def test_dates_that_no_calendar_has(dtype, number):
    physical = pl.Int32 if dtype == pl.Date else pl.Int64
    frame = pl.DataFrame({"when": pl.Series([0, number], dtype=physical).cast(dtype)})
    with pytest.raises(InputError, match="row 2") as caught:
        read(frame)
    assert caught.value.code == "bad_date"


def test_the_first_and_the_last_day_are_dates():
    days = pl.Series(["0001-01-01", "9999-12-31"]).str.to_date()
    assert read(pl.DataFrame({"when": days})).frame["when"].dt.year().to_list() == [1, 9999]


def test_a_name_that_would_be_a_pattern():
    with pytest.raises(InputError) as caught:
        read({"^a.*$": [1.0, None], "b": [1, 2]})
    assert caught.value.code == "bad_name"
    assert read({"^": [1], "$": [2], "*": [3]}).frame.columns == ["^", "$", "*"]


@pytest.mark.parametrize("unit", ["s", "D", "ms"])
def test_numpy_dates_of_any_unit(unit):
    days = np.array(["2024-01-31", "NaT"], dtype=f"datetime64[{unit}]")
    assert read({"when": days}).frame["when"].to_list()[1] is None
    assert read({"took": np.array([3], dtype="timedelta64[s]")}).frame["took"].to_list() == [3.0]


def test_long_durations_keep_their_size():
    frame = pl.DataFrame({"took": pl.Series([2**60], dtype=pl.Int64).cast(pl.Duration("ms"))})
    assert read(frame).frame["took"].to_list() == [2.0**60 / 1e3]


def test_a_terminal_is_told_nothing_but_text(tmp_path, capsys):
    path = tmp_path / "t.csv"
    rows = "".join(f"7,\x1b[2J{k % 3},{k},{'yes' if k % 2 else 'no'}\n" for k in range(60))
    path.write_text(f"\x1b[31mred,\u202eback,n,y\n{rows}", encoding="utf-8")
    assert run(["check", str(path), "--target", "y"]) == 0
    told = capsys.readouterr().out
    assert told.replace("\n", "").isprintable() and "\\x1b[31mred" in told


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(tmp_path, end):
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(["a,b", "1,x", "2,y", ""]).encode())
    assert read(path).frame.rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("name", ['q"uote', "new\nline", "a,b", "*", "c1", "x" * 200_000])
def test_names_that_a_header_has_to_quote(tmp_path, name):
    path = tmp_path / "t.csv"
    frame = pl.DataFrame({"c0": [1, 2], name: [0.5, None]})
    frame.write_csv(path)
    assert read(path).frame.equals(frame)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'a,"b\n1,2\n' + b"x" * 200_000, "open_quote"),
        (b'a,b\n1,\n2,x\r3"\n', "open_quote"),
        ("a,b\n1,2\n".encode("utf-16"), "wrong_encoding"),
        (b"\xff\xfe\xff", "wrong_encoding"),
        (b"a,b\0\n1,2\n", "wrong_encoding"),
        (b'a,b\n"', "open_quote"),
    ],
)
def test_text_that_is_no_table(tmp_path, content, code):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == code
