"""Starting worker processes, if need be before anyone knows what they are for.

A process takes seconds to load PyTorch, and so does its parent: started first, it is ready when the parent is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

Process = subprocess.Popen[str]
_ahead: list[Process] = []
"""Started, and taken by nobody yet."""


def take() -> Process:
    """A worker process: one that was started ahead, or a new one."""
    return _ahead.pop(0) if _ahead else _start()


@contextmanager
def started_ahead(count: int) -> Iterator[None]:
    """Start so many processes for whoever will :func:`take` them; those that nobody took by the end are ended.

    >>> with started_ahead(1):
    ...     process = take()
    >>> process.poll() is None
    True
    >>> process.kill()
    >>> end(process)
    """
    own = [_start() for _ in range(count)]
    _ahead.extend(own)
    try:
        yield
    finally:
        for process in own:
            if process in _ahead:
                _ahead.remove(process)
                process.kill()
                end(process)


def end(process: Process) -> None:
    """Wait for a process that was killed, and close its pipes."""
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(BrokenPipeError):  # an order that nobody took
            pipe.close()


def _start() -> Process:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", "from retemper.training.worker import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
        start_new_session=True,
    )
