"""CSV text in blocks of whole rows, and each block as a frame of text cells, every fault found at its row."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from retemper.core.errors import InputError
from retemper.data.delimiter import delimiter_in
from retemper.data.long_cells import long_cells

UTF8_MARK = b"\xef\xbb\xbf"
BLOCK_BYTES = 1 << 24
FIRST_BYTES = 1 << 19
"""Of the first block, whose cells are all read as text: ten times as slow as the others."""
HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Block:
    """Whole rows of a CSV file.

    Args:
        data: UTF-8 text; its first line is a header of the columns' :attr:`places`.
        names: the columns' names, stripped; an empty one is ``column_<position>``.
        delimiter: comma, semicolon, tab or bar, read off the header.
        path: the file, for messages.
        first: how many rows of the file come before.
    """

    data: bytes
    names: tuple[str, ...]
    delimiter: str
    path: Path
    first: int = 0

    @property
    def places(self) -> list[str]:
        """The columns as the header of ``data`` calls them: names of any letters would have to be quoted."""
        return [f"c{position}" for position in range(len(self.names))]


def read_blocks(path: Path, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """A CSV file's rows, block by block; a quoted line end never ends a row. Lines end in LF, CR LF or CR alone.

    Args:
        path: a ``.csv`` or ``.csv.gz`` file in UTF-8 with a header line.
        size: bytes of a block, more or less.

    Raises:
        InputError: ``unreadable_file``, ``wrong_encoding``, ``empty_file``, ``duplicate_columns``.
    """
    with _opened(path) as file:
        chunk = _read(file, min(size, FIRST_BYTES), path)
        last = len(chunk) < min(size, FIRST_BYTES)
        returns = b"\r" in chunk and b"\n" not in chunk
        if returns:
            chunk = chunk.replace(b"\r", b"\n")
        mark = len(UTF8_MARK) if chunk.startswith(UTF8_MARK) else 0
        text = chunk[mark:].lstrip(b"\r\n")
        place = len(chunk) - len(text)
        if not text.strip():
            raise InputError(
                "empty_file", "The file is empty.", {"file": str(path)}, "Give a file with a header and rows."
            )
        names, delimiter, start = _header(text, path)
        _check_text(text[:start], place, path)
        check_names(list(names), str(path))
        header = delimiter.join(f"c{position}" for position in range(len(names))).encode() + b"\n"
        tail, chunk = b"", text[start:]
        place += start
        while True:
            end = len(chunk) if last else _last_row_end(tail, chunk)
            rows = b"".join((header, tail, memoryview(chunk)[:end]))
            tail = chunk[end:] if end else tail + chunk
            if end or last:
                _check_text(rows, place - len(header), path)
                place += len(rows) - len(header)
                yield Block(rows, names, delimiter, path)
            if last:
                return
            chunk = _read(file, size, path)
            last = len(chunk) < size
            if returns:
                chunk = chunk.replace(b"\r", b"\n")


def delimiter_of(path: Path) -> str:
    """The delimiter that comes most often in the header, quoted names aside; the comma where there is no header."""
    with _opened(path) as file:
        head = _read(file, HEAD_BYTES, path).removeprefix(UTF8_MARK).lstrip(b"\r\n")
    return delimiter_in(head.decode("utf-8", errors="ignore"))


def cells_of(block: Block) -> pl.DataFrame:
    """All cells of a block as text.

    Blank lines are skipped where there is more than one column; in a single column they are missing cells.

    Raises:
        InputError: ``unreadable_file``, ``ragged_rows``, ``open_quote``.
    """
    try:
        frame = pl.read_csv(block.data, separator=block.delimiter, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        blank = _blank_rows(block)
        raise InputError(
            "unreadable_file",
            f"The file is not valid CSV: {str(error).splitlines()[0]}.",
            {"file": str(block.path)},
            f"Check its quotes and line ends ({len(blank)} blank lines).",
        ) from None
    return without_blank_lines(frame, block).rename(dict(zip(block.places, block.names, strict=True)))


def without_blank_lines(frame: pl.DataFrame, block: Block) -> pl.DataFrame:
    """A block's frame less its blank lines, which look like rows of missing cells.

    Raises:
        InputError: ``ragged_rows``: a row that is too short looks like one whose last cells are missing.
    """
    width = len(block.names)
    if width == 1 or not frame[:, -1].null_count():
        return frame
    quoted = b'"' in block.data
    if not quoted and block.data.count(block.delimiter.encode()) == (width - 1) * (frame.height + 1):
        return frame  # every line has its delimiters: none is short or blank
    blank = _blank_rows(block)
    if not blank:
        return frame
    return frame.with_row_index("\0row").filter(~pl.col("\0row").is_in(blank)).drop("\0row")


def unreadable(path: Path, error: Exception) -> InputError:
    """The error for a file that can't be opened or decoded."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return InputError(
        "unreadable_file",
        f"The file can't be read: {reason}.",
        {"file": str(path)},
        "Check that it is whole and readable, and that its ending says what it is.",
    )


def check_names(names: list[str], source: str) -> None:
    """Raise ``duplicate_columns`` when a name comes twice."""
    seen: set[str] = set()
    twice = next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
    if twice is not None:
        raise InputError(
            "duplicate_columns",
            f"The column name {twice!r} comes {names.count(twice)} times.",
            {"file": source, "column": twice},
            "Give every column a name of its own.",
        )


def _opened(path: Path) -> IO[bytes]:
    try:
        return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise unreadable(path, error) from None


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from None


def _check_text(data: bytes, start: int, path: Path) -> None:
    """Raise at the first byte that is no text; ``start`` is where in the file the data begin."""
    position = data.find(b"\0")
    if position < 0 and not data.isascii():
        position = _first_bad(data)
    if position < 0:
        return
    with _opened(path) as file:
        before = file.read(start + position)
    row = before.count(b"\n")
    found = _sixteen_bits((before + data[position : position + 2])[:2])
    bad = f"byte {len(before) + 1} is {data[position]:#04x}"
    raise InputError(
        "wrong_encoding",
        f"The file is not UTF-8 text: {f'it looks like {found.upper()}' if found else bad}.",
        {"file": str(path), **({"row": row} if row and not found else {})},  # the names' line is no row
        f"Save it as UTF-8, for example with `iconv -f {found or 'latin1'} -t utf-8`.",
    )


def _sixteen_bits(start: bytes) -> str:
    """The name of the encoding in which a file of two bytes a letter begins; empty for any other.

    >>> _sixteen_bits("a".encode("utf-16")[:2]), _sixteen_bits(b"a\\0"), _sixteen_bits(b"a,")
    ('utf-16', 'utf-16le', '')
    """
    if start in (BOM_UTF16_LE, BOM_UTF16_BE):
        return "utf-16"
    if len(start) < 2 or (start[0] == 0) == (start[1] == 0):
        return ""
    return "utf-16be" if start[0] == 0 else "utf-16le"


def _first_bad(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return -1


def _header(data: bytes, path: Path) -> tuple[tuple[str, ...], str, int]:
    """Names, delimiter, and where the rows begin."""
    head = data[:HEAD_BYTES].decode("utf-8", errors="ignore")
    delimiter = delimiter_in(head)
    lines = io.StringIO(head, newline="")
    try:
        with long_cells(len(head)):
            header = next(csv.reader(lines, delimiter=delimiter), [""])
    except csv.Error:
        raise _open_quote(path, 0) from None
    names = [name.strip() or f"column_{position}" for position, name in enumerate(header, 1)]
    text = head[: lines.tell()]
    if len(text.splitlines()) > 1 and text.count('"') % 2:
        raise _open_quote(path, 0)
    return tuple(names), delimiter, len(text.encode())


def _last_row_end(tail: bytes, chunk: bytes) -> int:
    """Where in the chunk the last whole row ends: after a line end with an even number of quotes before it; or 0.

    ``tail`` is what the rows before left.
    """
    end = chunk.rfind(b"\n") + 1
    if b'"' not in chunk and b'"' not in tail:
        return end  # to count them takes twenty times as long as to find one
    odd = (tail.count(b'"') + chunk.count(b'"', 0, end)) % 2
    while end and odd:
        before = chunk.rfind(b"\n", 0, end - 1) + 1
        odd ^= chunk.count(b'"', before, end) % 2
        end = before
    return end


def _blank_rows(block: Block) -> list[int]:
    """Positions of blank lines among the rows; raises at the first row of another width than the header's."""
    with long_cells(len(block.data)):
        return _blank_among(block)


def _blank_among(block: Block) -> list[int]:
    width, blank = len(block.names), []
    position = -1
    try:
        # Polars ends a line at LF alone; where a CR stands for a line, the reader says so.
        text = io.StringIO(block.data.decode("utf-8"), newline="\n")
        rows = csv.reader(text, delimiter=block.delimiter, strict=True)
        next(rows)
        for position, row in enumerate(rows):
            if not row:
                blank.append(position)
            elif len(row) != width:
                raise _ragged(block, position + 1 - len(blank), len(row))
    except csv.Error:
        raise _open_quote(block.path, block.first + position + 2 - len(blank)) from None
    return blank


def _ragged(block: Block, row: int, cells: int) -> InputError:
    row += block.first
    return InputError(
        "ragged_rows",
        f"Row {row} has {cells} cells, but the header has {len(block.names)}.",
        {"file": str(block.path), "row": row},
        "Give each row as many cells as the header, and quote cells that contain the delimiter.",
    )


def _open_quote(path: Path, row: int) -> InputError:
    return InputError(
        "open_quote",
        'A quote (") is opened and never closed, text follows a closing quote, or a CR stands within a line.',
        {"file": str(path), "row": row},
        'Close the quote (inside quoted cells write "" for one quote), and end every line alike.',
    )
