"""Anything that holds a table becomes a :class:`Table`: one typed frame with its name and its source."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from retemper.core.errors import InputError, nearest
from retemper.data.cells import as_numbers, as_words, first_row, place, tidy, typed
from retemper.data.csv_file import read_cells
from retemper.data.in_memory import TARGET, from_pair, to_frame

ENDINGS = (".csv", ".csv.gz", ".parquet", ".npz")
CSV = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Table:
    """A frame of Int64, Float64, Boolean, Datetime and String columns.

    ``name`` is short, for titles; ``source`` is the path or the kind of object, for messages. ``target`` is the
    target's name where the source itself tells (``y`` of an archive or a pair).
    """

    frame: pl.DataFrame
    name: str
    source: str
    target: str | None = None


def read(source: Any, target: str | None = None) -> Table:
    """Read a table from a file, a folder of parts, or memory.

    Types are inferred from all rows: a column of numbers with one bad cell is text, and the schema says so. In
    CSV every cell of text is looked at; elsewhere text stays text. Cells such as ``NA``, ``?`` or nothing are
    missing.

    Args:
        source: path to ``.csv``, ``.csv.gz``, ``.parquet`` or ``.npz`` (``x`` of sample × feature becomes the
            columns x0, x1, …, ``y`` the column y), a folder of CSV or Parquet parts (in order of their names, with
            the same columns), a Polars or pandas frame, a NumPy array [rows, features], a pair (x, y), or a dict
            of columns.
        target: the column to predict, if it must be there.

    Returns:
        The table; it has at least one row and one column.

    Raises:
        InputError: the source can't be read; the code, the place and the hint say why.

    >>> table = read({"a": [1, 2], "b": ["x", "NA"]})
    >>> table.frame["b"].to_list()
    ['x', None]
    """
    if isinstance(source, (str, os.PathLike)):
        table = _read_path(Path(source))
    else:
        frame, own_target = to_frame(source)
        kind = type(source).__name__
        table = Table(tidy(frame, kind), kind, f"{kind} in memory", own_target)
    if table.frame.is_empty():
        raise InputError(
            "no_rows", "The table has no rows.", {"file": table.source}, "Give a table with rows."
        )
    if target is not None and target not in table.frame.columns:
        raise missing_target(target, table.frame.columns, table.source)
    return Table(table.frame, table.name, table.source, target or table.target)


def missing_target(target: str, columns: Sequence[str], source: str) -> InputError:
    """The error for a target that is no column, with the nearest right spelling."""
    return InputError(
        "missing_target",
        f"There is no column {target!r} to predict; {nearest(target, list(columns))}",
        {"file": source, "column": target},
        "Name a column of the table with --target.",
    )


def append(table: Table, other: Table) -> Table:
    """The user's own test rows below the main rows, in the main table's columns and types.

    Args:
        table: the main table.
        other: rows with the same columns, in any order.

    Returns:
        One table; its last ``other.frame.height`` rows are the other's.

    Raises:
        InputError: ``different_columns``, or ``different_types`` with the first cell that does not fit.

    >>> append(read({"a": [1]}), read({"a": [2.5]})).frame["a"].to_list()
    [1.0, 2.5]
    """
    _same_columns(table.frame.columns, other.frame.columns, other.source)
    main, source = table.frame, other.source
    fitted = {name: _fit_type(other.frame[name], main[name].dtype, source) for name in main.columns}
    frame = pl.concat([table.frame, pl.DataFrame(fitted)], how="vertical_relaxed")
    return Table(frame, table.name, table.source, table.target)


def _fit_type(column: pl.Series, dtype: pl.DataType, source: str) -> pl.Series:
    if column.dtype == dtype or (column.dtype.is_numeric() and dtype.is_numeric()):
        return column
    if column.null_count() == len(column):
        return column.cast(pl.String).cast(dtype)
    if dtype == pl.String:
        return as_words(column)
    numbers = as_numbers(column) if dtype.is_numeric() and column.dtype == pl.String else None
    if numbers is not None and numbers.null_count() == column.null_count():
        return numbers
    row = first_row(
        (numbers.is_null() if numbers is not None else column.is_not_null()) & column.is_not_null()
    )
    raise InputError(
        "different_types",
        f"Column {column.name!r} is {dtype} in the main table, but row {row} here is {column[row - 1]!r}.",
        place(source, column.name, row),
        "Give both tables the same kind of cells.",
    )


def _same_columns(columns: Sequence[str], others: Sequence[str], source: str) -> None:
    absent = [name for name in columns if name not in others]
    new = [name for name in others if name not in columns]
    if not absent and not new:
        return
    parts = [
        f"{word} {', '.join(names[:10])}" for word, names in (("without", absent), ("with", new)) if names
    ]
    raise InputError(
        "different_columns",
        f"The columns differ from the first table's: {source} is {' and '.join(parts)}.",
        {"file": source, "column": (absent or new)[0]},
        "Give both the same columns.",
    )


def _read_path(path: Path) -> Table:
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = f"Check the path; {nearest(path.name, beside)}." if beside else "Check the path."
        raise InputError("no_such_file", f"There is no file {path.name!r}.", {"file": str(path)}, hint)
    if path.is_dir():
        return Table(_read_folder(path), path.resolve().name, str(path))
    ending = ending_of(path)
    name = path.name[: -len(ending)]
    if ending == ".npz":
        return _read_npz(path, name)
    if ending in CSV:
        return Table(_typed_csv([path]), name, str(path))
    return Table(tidy(_read_parquet(path), str(path)), name, str(path))


def ending_of(path: Path) -> str:
    """The known ending of a file's name.

    Raises:
        InputError: ``unknown_extension``.

    >>> ending_of(Path("a.b.CSV.gz"))
    '.csv.gz'
    """
    ending = next((e for e in sorted(ENDINGS, key=len)[::-1] if path.name.lower().endswith(e)), None)
    if ending is None:
        raise InputError(
            "unknown_extension",
            f"The ending of {path.name!r} is not known.",
            {"file": str(path)},
            f"Known endings: {', '.join(ENDINGS)}; or a folder of CSV or Parquet parts.",
        )
    return ending


def _read_folder(path: Path) -> pl.DataFrame:
    parts = sorted(
        entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith((".", "_"))
    )
    tables = [part for part in parts if part.name.lower().endswith((*CSV, ".parquet"))]
    if not tables:
        raise InputError(
            "no_parts",
            "The folder has no CSV or Parquet parts.",
            {"file": str(path)},
            "Give a folder with .csv, .csv.gz or .parquet files directly in it.",
        )
    kinds = {".parquet" if part.name.lower().endswith(".parquet") else ".csv" for part in tables}
    if len(kinds) > 1:
        raise InputError(
            "mixed_parts",
            "The folder mixes CSV and Parquet parts.",
            {"file": str(path)},
            "Keep one kind in the folder.",
        )
    if kinds == {".csv"}:
        return _typed_csv(tables)
    frames = [tidy(_read_parquet(part), str(part)) for part in tables]
    return _stacked(frames, tables)


def _typed_csv(parts: list[Path]) -> pl.DataFrame:
    # Types are inferred once, over all parts: one part's numbers may be another part's text.
    read_parts = [read_cells(part) for part in parts]
    frame = _stacked([tidy(cells) for cells, _ in read_parts], parts)
    return typed(frame, decimal_comma=any(delimiter == ";" for _, delimiter in read_parts))


def _stacked(frames: list[pl.DataFrame], parts: list[Path]) -> pl.DataFrame:
    columns = frames[0].columns
    for frame, part in zip(frames, parts, strict=True):
        _same_columns(columns, frame.columns, str(part))
    kinds = {name: _common_type([frame[name] for frame in frames], parts) for name in columns}
    return pl.concat(
        [pl.DataFrame({name: frame[name].cast(kinds[name]) for name in columns}) for frame in frames]
    )


def _common_type(cells: list[pl.Series], parts: list[Path]) -> pl.DataType:
    """The one type of a column's parts; whole numbers give way to fractions, and empty parts to all."""
    types = {
        part: column.dtype for part, column in zip(parts, cells, strict=True) if column.is_not_null().any()
    }
    found = set(types.values())
    if len(found) <= 1:
        return next(iter(found), cells[0].dtype)
    if all(dtype.is_numeric() for dtype in found):
        return pl.Float64()
    one, other = next((a, b) for a, b in pairwise(types) if types[a] != types[b])
    raise InputError(
        "different_types",
        f"Column {cells[0].name!r} is {types[one]} in {one.name} and {types[other]} in {other.name}.",
        {"file": str(other), "column": cells[0].name},
        "Write all parts with the same types.",
    )


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        "unreadable_file",
        f"The file can't be read: {(str(error) or type(error).__name__).splitlines()[0]}.",
        {"file": str(path)},
        "Check that it is whole and readable, and that its ending says what it is.",
    )


def _read_npz(path: Path, name: str) -> Table:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key in ("x", "y")}
            found = archive.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise _unreadable(path, error) from None
    if "x" not in arrays:
        raise InputError(
            "npz_without_x",
            f"The archive has no array 'x'; it holds {', '.join(found) or 'nothing'}.",
            {"file": str(path)},
            "Save it with numpy.savez(path, x=features, y=target), x of sample × feature.",
        )
    x, source = arrays["x"], str(path)
    if x.ndim != 2:
        raise InputError(
            "bad_shape",
            f"x must be sample × feature, but got the shape {x.shape}.",
            {"file": source},
            "Reshape it to two dimensions, for example with x.reshape(len(x), -1).",
        )
    if "y" not in arrays:
        return Table(tidy(to_frame(x)[0], source), name, source)
    return Table(tidy(from_pair(x, arrays["y"], source), source), name, source, TARGET)
