"""Calls in processes of this machine, one thread each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Any, Self

from joblib.externals.loky import ProcessPoolExecutor

from retemper.search.engines.tasks import ATTEMPTS, Call, Lost


class LocalTasks:
    """Processes that take calls one at a time; whatever cloudpickle can send may be called, lambdas too.

    Args:
        workers: how many.

    >>> with LocalTasks(1) as tasks:
    ...     ticket = tasks.call(pow, 2, 10)
    ...     while (done := tasks.done(1.0)) is None:
    ...         pass
    >>> done == (ticket, 1024)
    True
    """

    def __init__(self, workers: int) -> None:
        self._tickets = count()
        # A process that dies takes its whole executor with it: each has one.
        self._free = [_executor() for _ in range(workers)]
        self._waiting: deque[Call] = deque()
        self._running: dict[Future[Any], tuple[Call, ProcessPoolExecutor]] = {}

    def places(self) -> int:
        """How many processes there are."""
        return len(self._free) + len(self._running)

    def put(self, value: Any) -> Any:
        """The value itself: it goes through a pipe with each call."""
        return value

    def call(self, function: Callable[..., Any], *args: Any) -> int:
        """Have a function called as soon as a process is free."""
        call = Call(next(self._tickets), function, args)
        self._waiting.append(call)
        self._deal()
        return call.ticket

    def done(self, timeout_s: float) -> tuple[int, Any] | None:
        """A call that came to its end; see :class:`~retemper.search.engines.tasks.Tasks`."""
        if not self._running:
            return None
        ready = wait(self._running, timeout=timeout_s, return_when=FIRST_COMPLETED).done
        if not ready:
            return None
        future = next(iter(ready))
        call, executor = self._running.pop(future)
        fault = future.exception()
        lost = isinstance(fault, BrokenProcessPool)
        if lost:
            executor.shutdown(kill_workers=True)
            executor = _executor()
        self._free.append(executor)
        again = lost and call.attempt < ATTEMPTS
        if again:
            self._waiting.append(replace(call, attempt=call.attempt + 1))
        self._deal()
        if again:
            return None
        if lost:
            return call.ticket, Lost(str(fault))
        return call.ticket, future.result() if fault is None else fault

    def _deal(self) -> None:
        while self._free and self._waiting:
            executor, call = self._free.pop(), self._waiting.popleft()
            self._running[executor.submit(call.function, *call.args)] = call, executor

    def close(self) -> None:
        """End the processes."""
        for executor in [*self._free, *(executor for _, executor in self._running.values())]:
            executor.shutdown(wait=True, kill_workers=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _executor() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max_workers=1, env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
