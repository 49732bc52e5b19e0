"""What a database of trials refuses, in a person's words."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from retemper.core.errors import InputError
from retemper.core.run_folder import disk_faults
from retemper.search.study_file import BUSY_S

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def database_faults(url: str) -> Iterator[None]:
    """Says what the database at a URL refuses.

    Args:
        url: where it is.

    Raises:
        InputError: ``storage_damaged``, ``storage_busy``, ``storage_refused``, ``disk_full`` or ``cannot_write``.
    """
    try:
        with disk_faults(url):
            try:
                yield
            except Exception as error:
                _raise_of_disk(error, url)
                raise
    except Exception as error:
        fault = _beneath(error, sqlite3.Error)
        if isinstance(error, InputError) or not (fault or _of_database(error)):
            raise
        kind = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        code, message, hint = SAID.get(kind, REFUSED)
        said = str(fault or _of_database(error)).splitlines()[0]
        raise InputError(code, f"{message}: {said}", {"storage": url}, hint) from error


REFUSED = (
    "storage_refused",
    "The database of the trials can't be used",
    "Check the URL and the server; a search that had begun goes on with `retemper tune --resume RUN`.",
)
SAID = {
    **dict.fromkeys(
        DAMAGED,
        (
            "storage_damaged",
            "This file is no database of trials, or it is damaged",
            "Name another file in the URL.",
        ),
    ),
    sqlite3.SQLITE_BUSY: (
        "storage_busy",
        f"Another program has held the database of the trials for {BUSY_S:.0f} s",
        "End it, then go on with `retemper tune --resume RUN`.",
    ),
}
"""SQLite's error → code, message and hint."""


def _raise_of_disk(error: Exception, url: str) -> None:
    """SQLite's refusals that are the disk's, as the system would have raised them."""
    fault = _beneath(error, sqlite3.Error)
    kind = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    if kind in OF_DISK:
        number = OF_DISK[kind]
        raise OSError(number, os.strerror(number), url.removeprefix("sqlite:///")) from error


OF_DISK = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
}
"""SQLite's error → the system's."""


def _of_database(error: BaseException) -> Any:
    """The database's own words beneath those of SQLAlchemy and Optuna."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    found = _beneath(error, DBAPIError)
    return getattr(found, "orig", None) or _beneath(error, SQLAlchemyError)


def _beneath(error: BaseException | None, kind: type[Any]) -> Any:
    """The first error of a kind in a chain of causes."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
