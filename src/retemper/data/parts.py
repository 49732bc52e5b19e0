"""One table from its files: in memory where that is small, else in columns on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import polars as pl

from retemper.core.errors import InputError
from retemper.core.threads import threaded
from retemper.data.cells import chosen, tidy
from retemper.data.columns import PART_ROWS, Store, content_key, find, types_of, united
from retemper.data.csv_file import delimiter_of, read_blocks, unreadable
from retemper.data.csv_types import Typing
from retemper.data.frame import Frame

LARGE_BYTES = 3 << 28
"""Tables that would take more memory than this are kept on disk."""
WINDOW_BYTES = 1 << 27
"""Parquet files up to this size are read in one go."""
GZIP_RATIO = 5
CELL_BYTES = {pl.String: 24, pl.Categorical: 24, pl.Boolean: 1}

Types = dict[str, pl.DataType]


class Sink(Protocol):
    """Takes a table's rows in order."""

    def add(self, rows: pl.DataFrame) -> None:
        """The next rows."""

    def clear(self) -> None:
        """Forget all rows: they come once more."""


class Memory:
    """Rows in memory."""

    def __init__(self) -> None:
        self.frames: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        """The next rows."""
        self.frames.append(rows)

    def clear(self) -> None:
        """Forget all rows."""
        self.frames.clear()


class _Check(Protocol):
    def __call__(self) -> None: ...


def read_files(paths: Sequence[Path]) -> Frame:
    """The rows of CSV or Parquet files, one below the other, in tidy columns.

    Args:
        paths: files of one kind with the same columns, in any order of columns.

    Returns:
        A frame in memory, or on disk where it would take more than ``LARGE_BYTES`` of memory.

    Raises:
        InputError: what is wrong with a file; ``different_columns``, ``different_types``; ``file_changed`` while it
            was read; ``disk_full``.
    """
    with _unchanged(paths) as check:
        if _bytes_needed(paths) <= LARGE_BYTES:
            memory = Memory()
            schema = _fill(memory, paths)
            return united(memory.frames, schema)
        key = content_key(paths)
        found = find(key)
        if found is not None:
            return found
        with Store(key) as store:
            schema = _fill(store, paths)
            check()
            return store.finish(schema)


@contextmanager
def _unchanged(paths: Sequence[Path]) -> Iterator[_Check]:
    marks = [_mark(path) for path in paths]

    def check() -> None:
        for path, mark in zip(paths, marks, strict=True):
            if _mark(path) != mark:
                raise InputError(
                    "file_changed",
                    "The file changed while it was read.",
                    {"file": str(path)},
                    "Wait until it is written to its end, then start again.",
                )

    try:
        yield check
    except InputError:
        check()  # half of a file that is being written looks like a broken one
        raise
    check()


def _mark(path: Path) -> tuple[int, int, int]:
    try:
        stat = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _bytes_needed(paths: Sequence[Path]) -> int:
    return sum(_parquet_bytes(path) if is_parquet(path) else _csv_bytes(path) for path in paths)


def _csv_bytes(path: Path) -> int:
    return path.stat().st_size * (GZIP_RATIO if path.suffix.lower() == ".gz" else 1)


def _parquet_bytes(path: Path) -> int:
    try:
        rows = _scan(path).select(pl.len()).collect().item()
        types = pl.read_parquet_schema(path).values()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error) from None
    return int(rows) * sum(CELL_BYTES.get(dtype.base_type(), 8) for dtype in types)


def is_parquet(path: Path) -> bool:
    """Whether the name says so."""
    return path.name.lower().endswith(".parquet")


def _fill(sink: Sink, paths: Sequence[Path]) -> Types:
    """Hand all rows over; the columns' final types."""
    return (_fill_from_parquet if is_parquet(paths[0]) else _fill_from_csv)(sink, paths)


def _fill_from_csv(sink: Sink, paths: Sequence[Path]) -> Types:
    # Types are inferred once, over all parts: one part's numbers may be another part's text.
    typing = Typing(any(delimiter_of(path) == ";" for path in paths))
    while True:
        columns = _add_blocks(sink, paths, typing)
        if not typing.again:
            return {name: typing.known.get(name, pl.String()) for name in columns}
        sink.clear()
        typing = Typing(typing.decimal_comma, typing.words | typing.again)


def _add_blocks(sink: Sink, paths: Sequence[Path], typing: Typing) -> list[str]:
    columns: list[str] = []
    for path in paths:
        rows = 0
        for block, tried in threaded(lambda block: (block, typing.ahead(block)), read_blocks(path)):
            columns = columns or list(block.names)
            check_same_columns(columns, block.names, str(path))
            frame = typing.frame(replace(block, first=rows), tried)
            rows += frame.height
            if not typing.again:
                sink.add(chosen(frame, columns))
        if not rows:
            raise InputError(
                "no_rows", "The file has a header but no rows.", {"file": str(path)}, "Give a file with rows."
            )
    return columns


def _fill_from_parquet(sink: Sink, paths: Sequence[Path]) -> Types:
    columns: list[str] = []
    types: dict[Path, Types] = {}
    empty: Types = {}
    for path in paths:
        own: Types = {}
        for frame in _parquet_windows(path):
            columns = columns or frame.columns
            check_same_columns(columns, frame.columns, str(path))
            own |= {name: _numeric(own.get(name, dtype), dtype) for name, dtype in types_of(frame).items()}
            empty = {**dict(frame.schema), **empty}
            sink.add(chosen(frame, columns))
        types[path] = own
    return {name: _common_type(name, types) or empty[name] for name in columns}


def _numeric(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    return one if one == other else pl.Float64()


def _parquet_windows(path: Path) -> Iterator[pl.DataFrame]:
    try:
        small = _parquet_bytes(path) <= WINDOW_BYTES
        height = _scan(path).select(pl.len()).collect().item()
        step = height if small else PART_ROWS
        for first in range(0, max(1, height), max(1, step)):
            yield tidy(_scan(path).slice(first, step).collect(), str(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error) from None


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _common_type(name: str, types: dict[Path, Types]) -> pl.DataType | None:
    """The one type of a column's parts; whole numbers give way to fractions, and empty parts to all."""
    own = {path: found[name] for path, found in types.items() if name in found}
    if len(set(own.values())) <= 1:
        return next(iter(own.values()), None)
    if all(dtype.is_numeric() for dtype in own.values()):
        return pl.Float64()
    one, other = next((a, b) for a, b in pairwise(own) if own[a] != own[b])
    raise InputError(
        "different_types",
        f"Column {name!r} is {own[one]} in {one.name} and {own[other]} in {other.name}.",
        {"file": str(other), "column": name},
        "Write all parts with the same types.",
    )


def check_same_columns(columns: Sequence[str], others: Sequence[str], source: str) -> None:
    """Raise ``different_columns`` where the names are not the same, in any order."""
    known, found = set(columns), set(others)
    if known == found:
        return
    absent = [name for name in columns if name not in found]
    new = [name for name in others if name not in known]
    parts = [
        f"{word} {', '.join(names[:10])}" for word, names in (("without", absent), ("with", new)) if names
    ]
    raise InputError(
        "different_columns",
        f"The columns differ from the first table's: {source} is {' and '.join(parts)}.",
        {"file": source, "column": (absent or new)[0]},
        "Give both the same columns.",
    )
