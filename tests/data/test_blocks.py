"""CSV read block by block: the same table as if all of it were looked at at once."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retemper.core.errors import InputError
from retemper.data import csv_file, parts
from retemper.data.cells import tidy, typed
from retemper.data.csv_file import cells_of, read_blocks
from retemper.data.read import read

ODD = [
    "",
    "NA",
    "?",
    " 7",
    "7 ",
    "+5",
    "007",
    " 007",
    "-05",
    "1e3",
    "3,14",
    "12345678901234567890",
    "inf",
    "nan",
]
ODD += [
    "1000000000000000001",
    "2024-01-05",
    "city 00012",
    "word",
    '"a\nb"',
    '"x, ""y"""',
    '" 01"',
    "é",
    "5.0",
    "-0",
]

cells = st.one_of(
    st.integers(-(10**4), 10**4).map(str),
    st.floats(allow_nan=False, width=32).map(str),
    st.sampled_from(ODD),
)


def _whole(path: Path) -> pl.DataFrame:
    (block,) = read_blocks(path, 1 << 20)
    return typed(tidy(cells_of(block)), decimal_comma=block.delimiter == ";")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=12), st.integers(8, 60), st.sampled_from(",;"))
@example([("1", "a")] * 4 + [("x", "b")] + [("2", "c")] * 4, 12, ",")
@example([("1", "a")] * 4 + [("007", "b")] + [("2", "c")] * 4, 12, ",")
@example([("1000000000000000001", "a")] * 3 + [("1.5", "b")] * 3, 30, ",")
def test_blocks_are_typed_as_the_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], size: int, delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "t.csv"
    quoted = [[f'"{c}"' if delimiter in c and not c.startswith('"') else c for c in row] for row in rows]
    text = "\n".join(delimiter.join(row) for row in [["a", "b"], *quoted])
    path.write_text(text + "\n", newline="")
    expected = _whole(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file.read_blocks, "__defaults__", (size,))
        found = read(path).frame
    assert found.schema == expected.schema
    assert found.equals(expected)


def test_rows_of_later_blocks_are_counted_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file.read_blocks, "__defaults__", (16,))
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 20 + "3\n" + "1,2\n" * 20)
    with pytest.raises(InputError, match="Row 21 has 1 cells") as caught:
        read(path)
    assert caught.value.code == "ragged_rows"
    path.write_bytes(b"a,b\n" + b"1,u\n" * 20 + b"1,caf\xe9\n")
    with pytest.raises(InputError) as caught:
        read(path)
    assert (caught.value.code, caught.value.where["row"]) == ("wrong_encoding", 21)  # type: ignore[index,call-overload]


def test_long_cells_in_blocks_that_are_read_side_by_side() -> None:
    limit = csv.field_size_limit()
    data = b"c0,c1\n" + b"".join(b'%s,"1"\n\n' % (b"x" * size) for size in (300_000, 10, 200_000))
    blocks = [csv_file.Block(data, ("a", "b"), ",", Path("t.csv"), k) for k in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert set(map(tuple, pool.map(csv_file._blank_rows, blocks))) == {(1, 3, 5)}
    assert csv.field_size_limit() == limit


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    fill = parts._fill

    def and_write(sink: parts.Sink, paths: list[Path]) -> parts.Types:
        schema = fill(sink, paths)
        with path.open("a") as file:
            file.write("5,6\n")
        return schema

    monkeypatch.setattr(parts, "_fill", and_write)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == "file_changed"
