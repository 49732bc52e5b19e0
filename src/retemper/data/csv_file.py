"""CSV text to a frame of raw text cells, with every fault found at its row."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import polars as pl

from retemper.core.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
UTF8_MARK = b"\xef\xbb\xbf"


def read_cells(path: Path) -> tuple[pl.DataFrame, str]:
    """All cells of a CSV file as text, and the delimiter (comma, semicolon, tab or bar, read off the header).

    Blank lines are skipped where there is more than one column; in a single column they are missing cells.

    Args:
        path: a ``.csv`` or ``.csv.gz`` file in UTF-8 with a header line.

    Returns:
        The frame of String columns and the delimiter.

    Raises:
        InputError: ``unreadable_file``, ``wrong_encoding``, ``empty_file``, ``no_rows``, ``duplicate_columns``,
            ``ragged_rows``, ``open_quote``.
    """
    data = _bytes(path).removeprefix(UTF8_MARK)
    _check_text(data, path)
    if not data.strip():
        raise InputError(
            "empty_file", "The file is empty.", {"file": str(path)}, "Give a file with a header and rows."
        )
    start = data[: 1 << 20].decode("utf-8", errors="ignore").lstrip("\r\n")
    delimiter = max(DELIMITERS, key=start.splitlines()[0].count)
    names = _names(next(csv.reader(io.StringIO(start), delimiter=delimiter)), path)
    frame = _parse(data.lstrip(b"\r\n"), delimiter, names, path)
    if frame.is_empty():
        raise InputError(
            "no_rows", "The file has a header but no rows.", {"file": str(path)}, "Give a file with rows."
        )
    return frame, delimiter


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "unreadable_file",
            f"The file can't be read: {error}.",
            {"file": str(path)},
            "Check that it is whole and readable, and that its ending says what it is.",
        ) from None


def _check_text(data: bytes, path: Path) -> None:
    try:
        data.decode("utf-8")
        position = data.find(b"\0")
    except UnicodeDecodeError as error:
        position = error.start
    if position >= 0:
        raise InputError(
            "wrong_encoding",
            f"The file is not UTF-8 text: byte {position + 1} is {data[position]:#04x}.",
            {"file": str(path), "row": data[:position].count(b"\n")},
            "Save it as UTF-8, for example with `iconv -f latin1 -t utf-8`.",
        )


def _names(header: list[str], path: Path) -> list[str]:
    names = [name.strip() or f"column_{position}" for position, name in enumerate(header, 1)]
    check_names(names, str(path))
    return names


def check_names(names: list[str], source: str) -> None:
    """Raise ``duplicate_columns`` when a name comes twice."""
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise InputError(
            "duplicate_columns",
            f"The column name {twice!r} comes {names.count(twice)} times.",
            {"file": source, "column": twice},
            "Give every column a name of its own.",
        )


def _parse(data: bytes, delimiter: str, names: list[str], path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(data, separator=delimiter, infer_schema=False, new_columns=names)
    except pl.exceptions.PolarsError as error:
        blank = _blank_rows(data, delimiter, len(names), path)
        raise InputError(
            "unreadable_file",
            f"The file is not valid CSV: {str(error).splitlines()[0]}.",
            {"file": str(path)},
            f"Check its quotes and line ends ({len(blank)} blank lines).",
        ) from None
    # A row that is too short looks like one whose last cell is missing: only the slower scan can tell.
    if len(names) == 1 or not frame[names[-1]].null_count():
        return frame
    blank = _blank_rows(data, delimiter, len(names), path)
    return (
        frame.with_row_index("\0row").filter(~pl.col("\0row").is_in(blank)).drop("\0row") if blank else frame
    )


def _blank_rows(data: bytes, delimiter: str, width: int, path: Path) -> list[int]:
    """Positions of blank lines among the rows; raises at the first row of another width than the header's."""
    limit = csv.field_size_limit(len(data) + 1)
    blank = []
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=delimiter, strict=True)
        next(rows)
        position = -1
        for position, row in enumerate(rows):
            if not row:
                blank.append(position)
            elif len(row) != width:
                raise _ragged(position + 1 - len(blank), len(row), width, path)
    except csv.Error:
        raise InputError(
            "open_quote",
            'A quote (") is opened and never closed, or text follows a closing quote.',
            {"file": str(path), "row": position + 2 - len(blank)},
            'Close the quote; inside quoted cells write "" for one quote.',
        ) from None
    finally:
        csv.field_size_limit(limit)
    return blank


def _ragged(row: int, cells: int, width: int, path: Path) -> InputError:
    return InputError(
        "ragged_rows",
        f"Row {row} has {cells} cells, but the header has {width}.",
        {"file": str(path), "row": row},
        "Give each row as many cells as the header, and quote cells that contain the delimiter.",
    )
