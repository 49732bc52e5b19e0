"""Memory that runs out: how it is recognised, and what a person is told."""

from __future__ import annotations

import ctypes
import errno
import sys
from functools import cache

from retemper.core.errors import InputError

WORDS = ("can't allocate memory", "cannot allocate memory", "out of memory", "not enough memory", "bad_alloc")
"""PyTorch's allocators raise RuntimeError (on a GPU a subclass of it), told apart by its words."""


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory ran out, whoever raised it.

    >>> is_short(MemoryError()), is_short(RuntimeError("CUDA out of memory.")), is_short(RuntimeError("shape"))
    (True, True, False)
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError):
        return any(word in str(error).lower() for word in WORDS)
    return isinstance(error, MemoryError)


def not_enough(message: str = "The machine has not enough memory for this.") -> InputError:
    """The error for a person, with what can be done."""
    return InputError(
        "not_enough_memory",
        message,
        None,
        "Use fewer rows or columns, a smaller training.batch_size or model.width, or workers=1.",
    )


@cache
def keep_freed() -> None:
    """Let memory that is freed be there for the next request, where the C library (glibc) offers that.

    A training step asks for the same arrays again and again. By itself the library gives those above 128 kB back to the
    system each time, and each time the system fills them with zeros: up to a fifth of a stack's step. It learns better
    once a process has freed an array of 32 MB; here it is told the thresholds that it has from then on (malloc(3)).

    >>> keep_freed()
    """
    tell = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tell is not None:
        trim_threshold, mmap_threshold, largest = -1, -3, 1 << 25
        tell(mmap_threshold, largest)
        tell(trim_threshold, 2 * largest)


def let_go() -> None:
    """Give memory that was freed back to the system, where the C library (glibc) offers that.

    It keeps freed memory for the next request, of each thread apart: some hundred MB after work on large arrays, that
    nobody else can have while this process waits.

    >>> let_go()
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
