"""Every bad source gets a code, a place and a hint."""

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from retemper.core.errors import InputError
from retemper.data.read import read

FILES: dict[str, tuple[str, bytes, str, int | None]] = {
    "empty": ("t.csv", b"", "empty_file", None),
    "blank lines": ("t.csv", b"\n \n", "empty_file", None),
    "empty gzip": ("t.csv.gz", gzip.compress(b""), "empty_file", None),
    "header only": ("t.csv", b"a,b\n", "no_rows", None),
    "row too long": ("t.csv", b"a,b\n1,2\n3,4\n5,6,7\n", "ragged_rows", 3),
    "row too short": ("t.csv", b"a,b\n1,2\n3\n5,6\n", "ragged_rows", 2),
    "row too short after a quoted line end": ("t.csv", b'a,b\n"1\n1",2\n3\n', "ragged_rows", 2),
    "latin1": ("t.csv", "a,b\n1,2\n3,caf\xe9\n".encode("latin1"), "wrong_encoding", 2),
    "utf-16": ("t.csv", "a,b\n1,2\n".encode("utf-16"), "wrong_encoding", None),
    "utf-16 without mark": ("t.csv", "a,b\n1,2\n".encode("utf-16-le"), "wrong_encoding", None),
    "duplicate names": ("t.csv", b"a,b,a\n1,2,3\n", "duplicate_columns", None),
    "duplicate names with spaces": ("t.csv", b"a,b, a\n1,2,3\n", "duplicate_columns", None),
    "open quote": ("t.csv", b'a,b\n1,2\n"3,4\n5,6\n', "open_quote", 2),
    "truncated gzip": ("t.csv.gz", gzip.compress(b"a,b\n" + os.urandom(99))[:60], "unreadable_file", None),
    "no gzip": ("t.csv.gz", b"a,b\n1,2\n", "unreadable_file", None),
    "truncated parquet": ("t.parquet", b"PAR1abc", "unreadable_file", None),
    "empty parquet": ("t.parquet", b"", "unreadable_file", None),
    "truncated npz": ("t.npz", b"PK\x03\x04abc", "unreadable_file", None),
    "unknown ending": ("t.xlsx", b"PK", "unknown_extension", None),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_file(tmp_path: Path, name: str) -> None:
    file, data, code, row = FILES[name]
    (tmp_path / file).write_bytes(data)
    error = _caught(tmp_path / file)
    assert error.code == code
    assert isinstance(error.where, dict) and error.where["file"] == str(tmp_path / file)
    assert row is None or error.where["row"] == row
    assert len(error.message) >= 10 and error.hint.endswith(".")


def _caught(source: Any, target: str | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(source, target)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16le", "utf-16be"])
def test_two_bytes_a_letter_are_recognised(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\n1,2\n".encode(encoding))
    error = _caught(tmp_path / "t.csv")
    assert f"looks like {encoding.upper()}" in error.message and f"iconv -f {encoding} " in error.hint
    assert error.where == {"file": str(tmp_path / "t.csv")}


def test_a_bad_byte_among_the_names_is_in_no_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,caf\xe9\n1,2\n")
    error = _caught(tmp_path / "t.csv")
    assert error.where == {"file": str(tmp_path / "t.csv")} and "byte 6 is 0xe9" in error.message


def test_duplicate_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,a\n1,2,3\n")
    assert _caught(tmp_path / "t.csv").where["column"] == "a"  # type: ignore[index,call-overload]


def test_no_such_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a\n1\n")
    error = _caught(tmp_path / "trian.csv")
    assert error.code == "no_such_file" and "did you mean train.csv?" in error.hint
    assert _caught(tmp_path / "no" / "train.csv").code == "no_such_file"


def test_truncated_archives(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "t.npz", x=np.random.default_rng(0).normal(size=(50, 4)))
    whole = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(whole[: len(whole) // 2])
    assert _caught(tmp_path / "t.npz").code == "unreadable_file"
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    (tmp_path / "t.npz").write_bytes(bytes(damaged))
    assert _caught(tmp_path / "t.npz").code == "unreadable_file"


def test_npz_contents(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, features=np.zeros((3, 2)))
    error = _caught(path)
    assert error.code == "npz_without_x" and "features" in error.message
    np.savez(path, x=np.zeros((3, 2, 2)))
    assert _caught(path).code == "bad_shape"
    np.savez(path, x=np.zeros((3, 2)), y=np.zeros(2))
    assert _caught(path).code == "different_lengths"
    np.savez(path, x=np.array([{}, []], dtype=object))
    assert _caught(path).code == "unreadable_file"
    np.savez(path, x=np.zeros((0, 2)))
    assert _caught(path).code == "no_rows"


def test_folders(tmp_path: Path) -> None:
    assert _caught(tmp_path).code == "no_parts"
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("a,c\n1,2\n")
    error = _caught(tmp_path)
    assert error.code == "different_columns" and "without b and with c" in error.message
    (tmp_path / "b.csv").unlink()
    pl.DataFrame({"a": [1], "b": [1]}).write_parquet(tmp_path / "c.parquet")
    assert _caught(tmp_path).code == "mixed_parts"


def test_parquet_parts_of_different_types(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "0.parquet")
    pl.DataFrame({"a": ["x"]}).write_parquet(tmp_path / "1.parquet")
    assert _caught(tmp_path).code == "different_types"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (5, "unsupported_source"),
        ([1, 2], "unsupported_source"),
        ({"a": 5}, "unsupported_source"),
        ({"a": "text"}, "unsupported_source"),
        (np.zeros(3), "bad_shape"),
        (np.zeros((2, 2, 2)), "bad_shape"),
        (([[1], [1, 2]], [0, 1]), "bad_shape"),
        ((np.zeros((2, 2)), [1]), "different_lengths"),
        ({"a": [1], "b": [1, 2]}, "different_lengths"),
        ((pl.DataFrame({"y": [1]}), [1]), "duplicate_columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "duplicate_columns"),
        ({1: [1], "1": [2]}, "duplicate_columns"),
        ({"a": [[1], ["x"]]}, "unsupported_type"),
        ({"a": ["\ud83d", "half a character"]}, "unsupported_type"),
        ((np.zeros((2, 2)), pd.DataFrame({"a": [1, 2], "b": [1, 2]})), "bad_shape"),
        (pl.DataFrame({"a": [[1, 2]]}), "unsupported_type"),
        (pl.DataFrame({"a": []}), "no_rows"),
        (pl.DataFrame(), "no_rows"),
    ],
)
def test_bad_values_in_memory(source: Any, code: str) -> None:
    assert _caught(source).code == code


def test_missing_target_names_the_nearest() -> None:
    error = _caught({"income": [1], "age": [2]}, target="incme")
    assert error.code == "missing_target" and "did you mean income?" in error.message
