"""One writer at a time: the next ones wait their turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retemper.core.errors import InputError
from retemper.core.folder_lock import FolderLock

TRIES, PAUSE_S = 3000, 0.01
"""Half a minute: a writer holds the lock for milliseconds, since what takes long is done before it."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A folder's lock, waited for; a holder that dies, however it dies, frees it.

    Raises:
        InputError: ``registry_in_use``: it was not free within half a minute.
        OSError: the folder can't be written.
    """
    lock = _lock(folder)
    try:
        yield
    finally:
        lock.close()


def _lock(folder: Path) -> FolderLock:
    for _ in range(TRIES):
        lock = free_or_none(folder)
        if lock is not None:
            return lock
        time.sleep(PAUSE_S)
    raise InputError(
        "registry_in_use",
        "Another process has been writing to this model of the registry for half a minute.",
        {"folder": str(folder)},
        "Wait for it, or stop it, and try again.",
    )


def free_or_none(folder: Path) -> FolderLock | None:
    """A folder's lock; None: somebody who is alive has it.

    Raises:
        OSError: the folder can't be written.
    """
    try:
        return FolderLock(folder)
    except InputError:
        return None
