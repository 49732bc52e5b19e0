"""Loading large packages sooner."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """No search for garbage while modules load.

    Python looks through all objects again and again while their number grows, and nothing of a module is garbage:
    without, PyTorch and scikit-learn load in four fifths of the time. An outer ``loading`` stays in force.

    >>> with loading():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
