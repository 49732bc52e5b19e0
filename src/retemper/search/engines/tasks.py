"""Calls that are made somewhere else: what a cluster and this machine's processes have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

ATTEMPTS = 4
"""Calls of one task until its loss is taken for its own fault: it may be what ends the processes."""


@dataclass(frozen=True)
class Lost:
    """A call that was lost with its process each time it was made.

    Args:
        why: what is known of the reason.
        short: its machine had not enough memory.
    """

    why: str
    short: bool = False


@dataclass(frozen=True)
class Call:
    """A call on its way: its ticket, what is called with what, and how often it was made."""

    ticket: int
    function: Callable[..., Any]
    args: tuple[Any, ...]
    attempt: int = 1


class Tasks(Protocol):
    """Makes calls at several places at a time; one that is lost with its process or machine is made again."""

    def places(self) -> int:
        """How many calls run at a time now."""

    def put(self, value: Any) -> Any:
        """Something that many calls are given, sent once; what is returned stands for it as an argument."""

    def call(self, function: Callable[..., Any], *args: Any) -> int:
        """Have a function of a module called.

        Returns:
            A ticket for :meth:`done`.
        """

    def done(self, timeout_s: float) -> tuple[int, Any] | None:
        """A call that came to its end: its ticket and what it returned, raised (an exception), or :class:`Lost`.

        None: none came within the time.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
