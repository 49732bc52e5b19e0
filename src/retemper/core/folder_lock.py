"""One process a folder: a lock that the operating system frees when the process ends, however it ends.

The lock is ``flock`` (``msvcrt.locking`` on Windows) on ``FOLDER/.lock``.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from pathlib import Path
from typing import IO

from retemper.core.errors import InputError

LOCK_NAME = ".lock"
TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}


class FolderLock:
    """A folder held by this process until :meth:`close`.

    Args:
        folder: an existing folder.

    Raises:
        InputError: ``run_in_use``: another process, or another lock of this one, holds it.
        OSError: the lock's file can't be opened.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> first = FolderLock(folder)
    >>> try:
    ...     FolderLock(folder)
    ... except InputError as error:
    ...     print(error.code)
    run_in_use
    >>> first.close()
    >>> FolderLock(folder).close()
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / LOCK_NAME).open("ab")
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            if error.errno not in TAKEN:
                raise
            raise _in_use(folder) from None
        # Its last holder may have deleted the file since it was opened: a lock without a name keeps nobody out.
        if not os.fstat(self._file.fileno()).st_nlink:
            self._file.close()
            raise _in_use(folder)
        self._path = folder / LOCK_NAME
        _held.add(self)

    def remove(self) -> None:
        """Free the folder, and delete the lock's file."""
        if sys.platform == "win32":  # deletes no open file
            self.close()
            self._path.unlink(missing_ok=True)
        else:  # deleted while it is held, or another process could take it in between
            self._path.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Free the folder; the lock's file stays."""
        self._file.close()


def _in_use(folder: Path) -> InputError:
    return InputError(
        "run_in_use",
        "Another process is using this run.",
        {"folder": str(folder)},
        "Wait for it, stop it, or choose another folder with --out.",
    )


_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


def _free_in_child() -> None:
    # A forked worker that outlives its parent must not hold the parent's lock.
    for lock in _held:
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
