"""Starting worker processes, if need be before anyone knows what they are for.

A process takes seconds to load PyTorch, and so does its parent: started first, it is ready when the parent is. Where
the system can fork safely, several workers load it once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Protocol

from retemper.training.loader import Loader


class Process(Protocol):
    """A worker process: a line in for each job, lines out."""

    @property
    def stdin(self) -> IO[str]: ...

    @property
    def stdout(self) -> IO[str]: ...

    def kill(self) -> None:
        """End it at once."""

    def wait(self) -> int:
        """Wait until it has ended; its exit code, below 0 that of a signal."""

    def close(self) -> None:
        """Close the pipes."""


class Source:
    """Where a pool's worker processes come from.

    Args:
        workers: how many there will be at a time; several are forked from one that has loaded.
        ahead: so many start at once.

    >>> source = Source(workers=1)
    >>> worker = source.take()
    >>> source.end()
    >>> worker.wait()
    -9
    >>> worker.close()
    """

    def __init__(self, workers: int, ahead: int = 0) -> None:
        self._forks = workers > 1 and sys.platform == "linux"
        self._loaders: list[Loader] = []
        self._alone: list[_Alone] = []
        self._ahead = [self._start() for _ in range(ahead)]

    def take(self) -> Process:
        """A worker process: one that was started ahead, or a new one."""
        return self._ahead.pop(0) if self._ahead else self._start()

    def end(self) -> None:
        """End all processes; whoever took one closes its pipes."""
        for worker in self._alone:
            worker.kill()
        for loader in self._loaders:
            loader.end()
        for worker in self._alone:
            worker.wait()
        for process in self._ahead:
            process.close()

    def _start(self) -> Process:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        if not self._forks:
            self._alone.append(_Alone(environment))
            return self._alone[-1]
        if not (self._loaders and self._loaders[-1].lives):
            self._loaders.append(Loader(environment))
        return self._loaders[-1].fork()


_ready: list[Source] = []
"""Started ahead, and taken by nobody yet."""


@contextmanager
def started_ahead(workers: int) -> Iterator[None]:
    """Start so many processes for the next :func:`source`; those that nobody has asked for by the end are ended.

    >>> with started_ahead(1):
    ...     own = source(1)
    >>> worker = own.take()
    >>> own.end()
    >>> worker.close()
    """
    ahead = Source(workers, ahead=workers)
    _ready.append(ahead)
    try:
        yield
    finally:
        if ahead in _ready:
            _ready.remove(ahead)
            ahead.end()


def source(workers: int) -> Source:
    """The processes of a pool: those that were started ahead, or new ones. Whoever asked ends them."""
    return _ready.pop(0) if _ready else Source(workers)


class _Alone:
    """A process that loads for itself."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from retemper.training.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin, self.stdout = self._process.stdin, self._process.stdout
        self.pid, self.kill, self.wait = self._process.pid, self._process.kill, self._process.wait

    def close(self) -> None:
        self.stdout.close()
        with suppress(BrokenPipeError):  # an order that nobody took
            self.stdin.close()
