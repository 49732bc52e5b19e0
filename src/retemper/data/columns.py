"""Tables larger than memory: prepared once into column files on disk, found again by their content.

A table becomes a folder of Arrow files, some hundred thousand rows each, below the cache folder
(``RETEMPER_CACHE``, else ``XDG_CACHE_HOME/retemper``, else ``~/.cache/retemper``). Its name is the SHA-256 of the
source's content, so that the same data is never converted twice, wherever it lies. ``meta.json`` holds the parts'
checksums and is written last: a folder without it, or with a part that does not match, is built anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from retemper.core.run_folder import disk_faults, write_whole
from retemper.data.frame import FrameOnDisk, Part

VERSION = 2
PART_ROWS = 250_000
BATCH_ROWS = 65_536
"""Rows of a part that lie together, so that some can be read without the others."""
KEPT_TABLES = 8
META = "meta.json"
UNFINISHED = ".tmp"
LEFT_S = 24 * 3600.0
"""Age of unfinished work that nobody is at any more."""


def types_of(frame: pl.DataFrame) -> dict[str, pl.DataType]:
    """The type of each column that has a cell.

    >>> types_of(pl.DataFrame({"a": [1, None], "b": pl.Series([None, None], dtype=pl.String)}))
    {'a': Int64}
    """
    gaps = zip(frame.columns, frame.dtypes, frame.null_count().row(0), strict=True)
    return {name: dtype for name, dtype, count in gaps if count < frame.height}


def wider(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """The type that holds both: whole numbers give way to fractions, and all numbers to words.

    >>> wider(pl.Int64(), pl.Float64()), wider(pl.String(), pl.Int64())
    (Float64, String)
    """
    return one if one == other else pl.String() if pl.String in (one, other) else pl.Float64()


def united(frames: Sequence[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Frames of the same columns below each other, in the given types.

    >>> united([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [0.5]})], {"a": pl.Float64()})["a"].to_list()
    [1.0, 0.5]
    """
    wanted = dict(schema)
    return pl.concat([frame if dict(frame.schema) == wanted else frame.cast(wanted) for frame in frames])  # type: ignore[arg-type]


def cache_folder() -> Path:
    """Where prepared tables are kept."""
    own = os.environ.get("RETEMPER_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retemper"


def content_key(paths: Iterable[Path]) -> str:
    """SHA-256 of the files' contents, in order."""
    whole = hashlib.sha256(f"retemper columns {VERSION}".encode())
    for path in paths:
        whole.update(_digest(path).encode())
    return whole.hexdigest()[:32]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(key: str) -> FrameOnDisk | None:
    """The table of that content, if it was prepared before and is whole; a damaged one is deleted."""
    folder = cache_folder() / key
    try:
        meta = json.loads((folder / META).read_text())
        parts = [Part(folder / name, rows, mark) for name, rows, mark in meta["parts"]]
        whole = all(_digest(part.path) == part.sha256 for part in parts)
        frame = FrameOnDisk(parts, dict(pl.read_ipc_schema(parts[0].path)))
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        whole = False
    if not whole:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    os.utime(folder / META)  # the least recently used tables are the first to go
    return frame


class Store:
    """Takes a table's rows as they are read, and turns them into column files of one type each.

    Used as a context: what was not finished is deleted.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._place = cache_folder() / f"{key}.{os.getpid()}{UNFINISHED}"
        self._waiting: list[pl.DataFrame] = []
        self._parts: list[tuple[Path, dict[str, pl.DataType]]] = []

    def __enter__(self) -> Store:
        with disk_faults(self._place):
            shutil.rmtree(self._place, ignore_errors=True)
            self._place.mkdir(parents=True)
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self._place, ignore_errors=True)

    def add(self, rows: pl.DataFrame) -> None:
        """The table's next rows.

        Raises:
            InputError: ``disk_full`` or ``cannot_write``.
        """
        self._waiting.append(rows)
        if sum(frame.height for frame in self._waiting) >= PART_ROWS:
            self._write()

    def clear(self) -> None:
        """Forget all rows: they will be read once more."""
        self._waiting.clear()
        self._parts.clear()

    def _write(self) -> None:
        types: dict[str, pl.DataType] = {}
        for waiting in self._waiting:
            types |= {name: wider(types.get(name, dtype), dtype) for name, dtype in types_of(waiting).items()}
        types = dict(self._waiting[0].schema) | types
        path = self._place / f"{len(self._parts):05d}.arrow"
        _write_part(united(self._waiting, types), path)
        self._waiting.clear()
        self._parts.append((path, types))

    def finish(self, schema: dict[str, pl.DataType]) -> FrameOnDisk:
        """The whole table in its final types.

        Raises:
            InputError: ``disk_full`` or ``cannot_write``.
        """
        if self._waiting:
            self._write()
        entries = []
        for path, own in self._parts:
            if own != schema:
                _write_part(pl.read_ipc(path).cast(schema), path)  # type: ignore[arg-type]
            rows = pl.scan_ipc(path).select(pl.len()).collect().item()
            entries.append((path.name, int(rows), _digest(path)))
        with disk_faults(self._place):
            write_whole(self._place / META, json.dumps({"version": VERSION, "parts": entries}).encode())
            folder = cache_folder() / self._key
            shutil.rmtree(folder, ignore_errors=True)
            self._place.rename(folder)
        _forget_old(folder)
        return FrameOnDisk([Part(folder / name, rows, mark) for name, rows, mark in entries], schema)


def _write_part(frame: pl.DataFrame, path: Path) -> None:
    with disk_faults(path), path.open("wb") as file:
        frame.rechunk().write_ipc(file, compression="uncompressed", record_batch_size=BATCH_ROWS)


def _forget_old(newest: Path) -> None:
    """Keep the tables used last; a folder that a killed process left goes after a day without change."""
    cache = newest.parent
    found = [path for meta in cache.glob(f"*/{META}") if (path := meta.parent).suffix != UNFINISHED]
    for path in sorted(found, key=lambda path: _changed(path / META))[:-KEPT_TABLES]:
        if path != newest:
            shutil.rmtree(path, ignore_errors=True)
    now = _changed(newest / META)  # it was written a moment ago
    for path in cache.glob(f"*{UNFINISHED}"):
        if max(map(_changed, (path, *path.glob("*")))) < now - LEFT_S:
            shutil.rmtree(path, ignore_errors=True)


def _changed(path: Path) -> float:
    """When it was written last, in seconds since 1970; 0 for what another process has just taken away."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
