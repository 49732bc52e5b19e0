"""Faults of the machine that surface as foreign exceptions, put in a person's words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from retemper.core.memory import is_short, not_enough
from retemper.core.run_folder import FULL, disk_faults

REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EIO}
"""What the system says of places that can't be written."""


@contextmanager
def machine_faults() -> Iterator[None]:
    """Turn exhausted memory and a disk that is full or refuses into an InputError, wherever they come from.

    >>> with machine_faults():
    ...     raise MemoryError
    Traceback (most recent call last):
    retemper.core.errors.InputError: The machine has not enough memory for this. Use fewer rows ...

    Raises:
        InputError: ``not_enough_memory``, ``disk_full`` or ``cannot_write``.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if is_short(error):
            raise not_enough() from error
        if not isinstance(error, OSError) or error.errno not in FULL | REFUSED:
            raise
        with disk_faults(error.filename or "a file of the run"):
            raise
