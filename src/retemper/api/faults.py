"""Faults of the machine that surface as foreign exceptions, put in a person's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retemper.core.errors import InputError
from retemper.core.memory import is_short, not_enough
from retemper.core.run_folder import FULL


@contextmanager
def machine_faults() -> Iterator[None]:
    """Turn exhausted memory and a full disk into an InputError, wherever they come from.

    >>> with machine_faults():
    ...     raise MemoryError
    Traceback (most recent call last):
    retemper.core.errors.InputError: The machine has not enough memory for this. Use fewer rows ...

    Raises:
        InputError: ``not_enough_memory`` or ``disk_full``.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if is_short(error):
            raise not_enough() from error
        if not isinstance(error, OSError) or error.errno not in FULL:
            raise
        where = {"file": str(error.filename)} if error.filename else None
        raise InputError(
            "disk_full",
            "The disk is full.",
            where,
            "Free space, then resume the run; where nothing was trained yet, start it again.",
        ) from error
