"""The files of a watched folder: in which order, whether whole, and which content."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from retemper.core.errors import InputError
from retemper.data.read import ENDINGS
from retemper.report.life_course import natural

PAUSE_S = 1.0
"""Between two looks at a file: who writes it is expected to write something meanwhile."""


class Mark(NamedTuple):
    """What the file system says of a file's content without reading it."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Mark | None:
        """None: the file is gone."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return cls(found.st_size, found.st_mtime_ns)


def tables_in(folder: Path) -> list[Path]:
    """The tables of a folder in the order of their names, numbers in them by their value: may-10 comes after may-9.

    Hidden files, folders and files of other kinds (``.tmp``, ``.part``) are passed over.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b10.csv", "b9.parquet", ".b1.csv", "b2.csv.tmp"):
    ...     (folder / name).touch()
    >>> [path.name for path in tables_in(folder)]
    ['b9.parquet', 'b10.csv']

    Raises:
        InputError: ``no_such_file``: there is no such folder, or it can't be read.
    """
    try:
        found = [path for path in folder.iterdir() if _is_table(path)]
    except OSError as error:
        raise InputError(
            "no_such_file",
            f"The folder to watch can't be read: {error.strerror}.",
            {"folder": str(folder)},
            "Name a folder that is there, where new files arrive.",
        ) from None
    return sorted(found, key=lambda path: (natural(path.name), path.name))


def _is_table(path: Path) -> bool:
    return not path.name.startswith(".") and path.name.lower().endswith(ENDINGS) and path.is_file()


def unfinished(paths: Sequence[Path], wait: Callable[[float], object] = time.sleep) -> Path | None:
    """The first file that changes, or goes, between two looks; None: all are whole, as far as one can see.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.csv"
    >>> file.write_text("a")
    1
    >>> unfinished([file], lambda s: None), unfinished([file], lambda s: file.write_text("a,b")).name
    (None, 'a.csv')
    """
    before = [Mark.of(path) for path in paths]
    if paths:
        wait(PAUSE_S)
    changed = (
        path for path, mark in zip(paths, before, strict=True) if mark is None or Mark.of(path) != mark
    )
    return next(changed, None)


def digest(path: Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        InputError: ``cannot_read``.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            "cannot_read",
            f"The file can't be read: {error.strerror}.",
            {"file": str(path)},
            "See that you may read it, and that nobody takes it away meanwhile.",
        ) from None
