"""Anything that holds a table becomes a :class:`Table`: one typed frame with its name and its source."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from retemper.core.errors import InputError, nearest
from retemper.data.cells import as_numbers, as_words, first_row, place, tidy
from retemper.data.csv_file import unreadable
from retemper.data.frame import Frame, FrameOnDisk
from retemper.data.in_memory import TARGET, from_array, from_pair, to_frame
from retemper.data.parts import check_same_columns, is_parquet, read_files

ENDINGS = (".csv", ".csv.gz", ".parquet", ".npz")
CSV = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Table:
    """A frame of Int64, Float64, Boolean, Datetime and String columns; a large file's stays on disk
    (:class:`retemper.data.frame.FrameOnDisk`), where a column or some rows are read at a time.

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
    return Table(table.frame, table.name, table.source, table.target if target is None else target)


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
        table: the main table; a large one stays on disk.
        other: rows with the same columns, in any order.

    Returns:
        One table; its last ``other.frame.height`` rows are the other's.

    Raises:
        InputError: ``different_columns``, or ``different_types`` with the first cell that does not fit.

    >>> append(read({"a": [1]}), read({"a": [2.5]})).frame["a"].to_list()
    [1.0, 2.5]
    """
    check_same_columns(table.frame.columns, other.frame.columns, other.source)
    main: Frame = table.frame
    types = dict(main.schema)
    below = pl.DataFrame(
        {name: _fit_type(other.frame[name], dtype, other.source) for name, dtype in types.items()}
    )
    if isinstance(main, FrameOnDisk):
        frame: Frame = main.above(below)
    else:
        frame = pl.concat([main, below], how="vertical_relaxed")
    return Table(frame, table.name, table.source, table.target)  # type: ignore[arg-type]


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


def _read_path(path: Path) -> Table:
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = f"Check the path; {nearest(path.name, beside)}" if beside else "Check the path."
        raise InputError("no_such_file", f"There is no file {path.name!r}.", {"file": str(path)}, hint)
    if path.is_dir():
        return Table(_read_folder(path), path.resolve().name, str(path))  # type: ignore[arg-type]
    ending = ending_of(path)
    name = path.name[: -len(ending)]
    if ending == ".npz":
        return _read_npz(path, name)
    return Table(read_files([path]), name, str(path))  # type: ignore[arg-type]


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


def _read_folder(path: Path) -> Frame:
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
    if len({is_parquet(part) for part in tables}) > 1:
        raise InputError(
            "mixed_parts",
            "The folder mixes CSV and Parquet parts.",
            {"file": str(path)},
            "Keep one kind in the folder.",
        )
    return read_files(tables)


def _read_npz(path: Path, name: str) -> Table:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key in ("x", "y")}
            found = archive.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise unreadable(path, error) from None
    if "x" not in arrays:
        raise InputError(
            "npz_without_x",
            f"The archive has no array 'x'; it holds {', '.join(found) or 'nothing'}.",
            {"file": str(path)},
            "Save it with numpy.savez(path, x=features, y=target), x of sample × feature.",
        )
    source = str(path)
    features = from_array(arrays["x"], source)
    if "y" not in arrays:
        return Table(tidy(features, source), name, source)
    return Table(tidy(from_pair(features, arrays["y"], source), source), name, source, TARGET)
