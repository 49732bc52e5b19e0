"""Work that nobody waits for yet."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")


class Aside:
    """One thread for what this process can do while it waits for its workers: one thing after the other.

    Leaving it waits for all that is under way, and raises the first error that came of it (unless another error is
    the reason for leaving).

    >>> with Aside() as aside:
    ...     answer = aside.do(lambda: 6 * 7)
    >>> answer.result()
    42
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._under_way: list[Future[Any]] = []

    def do(self, work: Callable[[], Result]) -> Future[Result]:
        """Begin with it as soon as the thread is free; ``result()`` of what comes back waits for it."""
        future = self._thread.submit(work)
        self._under_way.append(future)
        return future

    def wait(self) -> None:
        """Wait for all that is under way; the first error that came of it is raised."""
        for future in self._under_way:
            future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if error is None:
            self.wait()
