"""Faults of the machine that surface as foreign exceptions, put in a person's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retemper.core.errors import InputError
from retemper.core.run_folder import FULL


@contextmanager
def machine_faults() -> Iterator[None]:
    """Turn exhausted memory and a full disk into an InputError, wherever they come from.

    >>> with machine_faults():
    ...     raise MemoryError
    Traceback (most recent call last):
    retemper.core.errors.InputError: The machine has not enough memory for this. Use fewer rows, ...

    Raises:
        InputError: ``not_enough_memory`` or ``disk_full``.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = {"file": str(error.filename)} if error.filename else None
        raise InputError(
            "disk_full", "The disk is full.", where, "Free space, then resume the run."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        raise InputError(
            "not_enough_memory",
            "The machine has not enough memory for this.",
            None,
            "Use fewer rows, a smaller training.batch_size, fewer procedure.members or workers.",
        ) from error


def _is_memory(error: MemoryError | RuntimeError) -> bool:
    # PyTorch's allocators raise RuntimeError (on a GPU a subclass of it), told apart by their words.
    words = ("can't allocate memory", "out of memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)
