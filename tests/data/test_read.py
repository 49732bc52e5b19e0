"""Reading: every source gives the same table."""

import gzip
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.core.errors import InputError
from retemper.data.cells import PLACEHOLDERS
from retemper.data.read import append, read

CSV = "age,job,day\n39,clerk,2024-01-01\n?, cook ,2024-01-02\n50,NA,\n"
ROWS = {"age": [39, None, 50], "job": ["clerk", "cook", None], "day": ["2024-01-01", "2024-01-02", None]}


def _write(path: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "T.CSV"])
def test_csv(tmp_path: Path, name: str) -> None:
    table = read(_write(tmp_path / name, CSV))
    assert table.frame.to_dict(as_series=False) == ROWS
    assert table.name.lower() == "t" and table.source.endswith(name)
    assert [str(t) for t in table.frame.dtypes] == ["Int64", "String", "String"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiter_is_read_off_the_header(tmp_path: Path, delimiter: str) -> None:
    assert (
        read(_write(tmp_path / "t.csv", CSV.replace(",", delimiter))).frame.to_dict(as_series=False) == ROWS
    )


def test_delimiters_in_quoted_names_do_not_count(tmp_path: Path) -> None:
    text = '"name, first, last";age;"a ""b"", c"\nA;1;2\nB;3;4\n'
    frame = read(_write(tmp_path / "t.csv", text)).frame
    assert frame.columns == ["name, first, last", "age", 'a "b", c'] and frame["age"].to_list() == [1, 3]
    assert read(_write(tmp_path / "u.csv", '5" pipe,6" pipe\n1,2\n')).frame.columns == ['5" pipe', '6" pipe']


def test_decimal_comma_only_beside_semicolons(tmp_path: Path) -> None:
    assert read(_write(tmp_path / "a.csv", "x;y\n1,5;2\n-2,25;3\n")).frame["x"].to_list() == [1.5, -2.25]
    assert read(_write(tmp_path / "b.csv", 'x,y\n"1,5",2\n')).frame["x"].to_list() == ["1,5"]


def test_windows_line_ends_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfa,b\r\n"x, ""y""\nz",1\r\nw,2\r\n'
    assert read(_write(tmp_path / "t.csv", text)).frame.to_dict(as_series=False) == {
        "a": ['x, "y"\nz', "w"],
        "b": [1, 2],
    }


def test_blank_lines_are_skipped_but_empty_cells_are_kept(tmp_path: Path) -> None:
    frame = read(_write(tmp_path / "t.csv", "\na,b\n1,2\n\n,\n3,4\n\n\n")).frame
    assert frame.to_dict(as_series=False) == {"a": [1, None, 3], "b": [2, None, 4]}
    assert read(_write(tmp_path / "u.csv", "a\n1\n\n3\n")).frame["a"].to_list() == [1, None, 3]


def test_types_come_from_all_rows(tmp_path: Path) -> None:
    rows = [f"{i},{i}" for i in range(5000)]
    text = "\n".join(["a,b", *rows, "oops,0.5", "7,8"])
    assert [str(t) for t in read(_write(tmp_path / "t.csv", text)).frame.dtypes] == ["String", "Float64"]


def test_digits_that_are_no_numbers_stay_text(tmp_path: Path) -> None:
    text = "zip,card,big\n01234,12345678901234567890,1e3\n99999,12345678901234567891,2\n"
    frame = read(_write(tmp_path / "t.csv", text)).frame
    assert frame["zip"].to_list() == ["01234", "99999"]
    assert frame["card"].n_unique() == 2 and frame["card"].dtype == pl.String
    assert frame["big"].to_list() == [1000.0, 2.0]


@pytest.mark.parametrize("placeholder", [p for p in PLACEHOLDERS if p])
def test_placeholders_are_missing(tmp_path: Path, placeholder: str) -> None:
    frame = read(_write(tmp_path / "t.csv", f"a,b\n1,x\n{placeholder}, {placeholder} \n")).frame
    assert frame.null_count().row(0) == (1, 1) and frame["a"].dtype == pl.Int64


def test_column_names_are_stripped_and_filled_in(tmp_path: Path) -> None:
    assert read(_write(tmp_path / "t.csv", ", b ,\n0,1,2\n")).frame.columns == ["column_1", "b", "column_3"]


def test_parquet_keeps_text_as_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["1", "NA"], "b": [1.5, None], "c": [date(2024, 1, 1), None], "d": ["u", "u"]})
    frame.with_columns(pl.col("d").cast(pl.Categorical)).write_parquet(tmp_path / "t.parquet")
    read_back = read(tmp_path / "t.parquet").frame
    assert read_back.to_dict(as_series=False) == {
        "a": ["1", None],
        "b": [1.5, None],
        "c": [datetime(2024, 1, 1), None],
        "d": ["u", "u"],
    }


def test_folder_of_csv_parts(tmp_path: Path) -> None:
    _write(tmp_path / "b.csv.gz", "x,a\nv,2\n")
    _write(tmp_path / "a.csv", "a,x\n1,u\n")
    _write(tmp_path / "_SUCCESS", "")
    assert read(tmp_path).frame.to_dict(as_series=False) == {"a": [1, 2], "x": ["u", "v"]}
    _write(tmp_path / "c.csv", "a,x\nbad,w\n")
    assert read(str(tmp_path)).frame["a"].to_list() == ["1", "2", "bad"]


def test_folder_of_parquet_parts(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "0.parquet")
    pl.DataFrame({"a": [2.5]}).write_parquet(tmp_path / "1.parquet")
    assert read(tmp_path).frame["a"].to_list() == [1.0, 2.5]


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.array([[1.0, np.nan], [3.0, 4.0]], np.float32), y=np.array(["u", "v"]))
    table = read(tmp_path / "t.npz")
    assert table.frame.to_dict(as_series=False) == {"x0": [1.0, 3.0], "x1": [None, 4.0], "y": ["u", "v"]}
    assert table.target == "y"
    np.savez(tmp_path / "only_x.npz", x=np.zeros((2, 1)))
    assert read(tmp_path / "only_x.npz").target is None


def test_pandas_without_pyarrow() -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import pandas as pd\n"
        "from retemper.data.read import read\n"
        "frame = pd.DataFrame({'a': ['u', None], 'b': pd.Categorical(['v', None]), 'c': [1.5, None]})\n"
        "print(read(frame).frame.rows())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[('u', 'v', 1.5), (None, None, None)]"


def test_pandas_types() -> None:
    frame = pd.DataFrame(
        {
            "nullable": pd.array([1, None], dtype="Int64"),
            "text": np.array(["u", None], dtype=object),
            "string": pd.array(["u", None], dtype=pd.StringDtype("python")),
            "category": pd.Categorical(["u", None]),
            "day": pd.to_datetime(["2024-01-01", None]),
            "zone": pd.to_datetime(["2024-01-01T02:00:00+02:00", None], utc=True),
            "flag": pd.array([True, None], dtype="boolean"),
            "mixed": np.array([1, "z"], dtype=object),
            "float": [1.5, np.nan],
            "span": pd.to_timedelta([1, 2], unit="s"),
            7: [1, 2],
        },
        index=[5, 5],
    )
    assert read(frame).frame.to_dict(as_series=False) == {
        "nullable": [1, None],
        "text": ["u", None],
        "string": ["u", None],
        "category": ["u", None],
        "day": [datetime(2024, 1, 1), None],
        "zone": [datetime(2024, 1, 1), None],
        "flag": [True, None],
        "mixed": ["1", "z"],
        "float": [1.5, None],
        "span": [1.0, 2.0],
        "7": [1, 2],
    }


def test_polars_types() -> None:
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, None], dtype=pl.UInt8),
            "huge": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
            "decimal": [Decimal("1.5"), None],
            "clock": [time(1, 30), None],
            "span": [timedelta(hours=1), None],
            "zone": [datetime(2024, 1, 1, 2, tzinfo=UTC), None],
            "nothing": [None, None],
        }
    )
    found = read(frame.lazy()).frame
    assert found.to_dict(as_series=False) == {
        "small": [1, None],
        "huge": [float(2**64 - 1), 0.0],
        "decimal": [1.5, None],
        "clock": [datetime(1970, 1, 1, 1, 30), None],
        "span": [3600.0, None],
        "zone": [datetime(2024, 1, 1, 2), None],
        "nothing": [None, None],
    }
    assert {str(t) for t in found.dtypes} <= {"Int64", "Float64", "String", "Boolean", "Datetime('us')"} | {
        "Datetime(time_unit='us', time_zone=None)"
    }


def test_arrays_pairs_and_dicts() -> None:
    x, y = np.array([[1, 2], [3, 4]]), pd.Series([0, 1], index=[9, 8])
    assert read(x).frame.columns == ["x0", "x1"]
    assert read((x, y)).frame["y"].to_list() == [0, 1]
    assert read(([[1, 2], [3, 4]], ["a", "b"])).frame.row(1) == (3, 4, "b")
    assert read((pd.DataFrame(x, columns=["u", "v"]), np.array([True, False]))).frame.columns == [
        "u",
        "v",
        "y",
    ]
    assert read({"a": np.array([1.0]), "b": ["z"]}).frame.row(0) == (1.0, "z")
    assert read(np.array([["a", 1]], dtype=object)).frame.row(0) == ("a", 1)


def test_the_target_is_noted() -> None:
    assert read({"a": [1], "b": [2]}, target="b").target == "b"
    assert read((np.eye(2), [0, 1])).target == "y"


def test_append_orders_columns_and_fits_types() -> None:
    main = read({"a": [1, 2], "b": ["007", "x"]})
    both = append(main, read({"b": [5, None], "a": [0.5, None]}))
    assert both.frame.to_dict(as_series=False) == {"a": [1.0, 2.0, 0.5, None], "b": ["007", "x", "5", None]}
    assert append(main, read({"a": ["3"], "b": [None]})).frame["a"].to_list() == [1.0, 2.0, 3.0]


def test_append_refuses_other_columns_and_types() -> None:
    main = read({"age": [1, 2], "b": ["u", "v"]})
    with pytest.raises(InputError, match="without age and with agee") as caught:
        append(main, read({"agee": [1], "b": ["u"]}))
    assert caught.value.code == "different_columns"
    with pytest.raises(InputError) as caught:
        append(main, read({"age": ["7", "old"], "b": ["u", "v"]}))
    assert (caught.value.code, caught.value.where["row"]) == ("different_types", 2)  # type: ignore[index,call-overload]


cells = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, width=32),
    st.text("ab ,\"\n;'", max_size=5),
)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=20))
def test_csv_written_by_polars_reads_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, object]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    texts = [[None if cell is None else str(cell) for cell in row] for row in rows]
    frame = pl.DataFrame(texts, schema={"a": pl.String, "b": pl.String}, orient="row")
    frame.write_csv(path, quote_style="non_numeric")
    expected = read(frame).frame
    found = read(path).frame
    assert found.null_count().row(0) == expected.null_count().row(0)
    for name in "ab":
        if found[name].dtype == pl.String:
            assert found[name].to_list() == expected[name].to_list()
        else:
            assert found[name].to_list() == [None if c is None else float(c) for c in expected[name]]


def test_numbers_that_no_column_type_of_python_holds_are_not_lost() -> None:
    cells = {
        "large": [2**70, 1, None],
        "mixed": [2**70, 0.5, None],
        "whole": [2**63 - 1, -(2**63), None],
        "money": [Decimal("1e50"), Decimal("0.1"), Decimal("NaN")],
        "fees": [Decimal("0.5"), 2, None],
    }
    frame = read(cells).frame
    assert frame["large"].to_list() == [float(2**70), 1.0, None]
    assert frame["mixed"].to_list() == [float(2**70), 0.5, None]
    assert frame["whole"].dtype == pl.Int64 and frame["whole"].to_list() == cells["whole"]
    assert frame["money"].to_list() == [1e50, 0.1, None]
    assert frame["fees"].to_list() == [0.5, 2.0, None]
    assert read({"a": [10**400, -(10**400)]}).frame["a"].to_list() == [float("inf"), -float("inf")]
    assert read(pd.DataFrame({"a": pd.Series([2**70, 1], dtype=object)})).frame["a"][0] == float(2**70)


@pytest.mark.parametrize("y", [pd.DataFrame({"label": ["a", "b"]}), pl.DataFrame({"label": ["a", "b"]})])
def test_the_target_of_a_pair_may_be_a_frame_of_one_column(y: pd.DataFrame | pl.DataFrame) -> None:
    assert read((np.eye(2), y)).frame["y"].to_list() == ["a", "b"]
