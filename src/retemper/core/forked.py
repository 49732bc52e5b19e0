"""The same work on several cores, in copies of this very process: nothing is loaded anew, nothing is sent to them.

A worker that is started loads PyTorch for seconds; a forked one is there at once, with all that this process knows.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")
PR_SET_PDEATHSIG = 1
"""prctl(2): which signal a process gets when its parent ends."""


def each(do: Callable[[int], T], count: int, workers: int) -> list[T]:
    """``[do(0), …, do(count − 1)]``, dealt out to this process and to forked copies of it as they come free.

    Where the system can't fork safely, and with one worker, all is done here. What a copy that died had not done is
    done here too.

    Args:
        do: gives plain data or NumPy arrays; it must not depend on what was done before.
        count: how often.
        workers: processes, this one included.

    Raises:
        Exception: what ``do`` raised, wherever that was.

    >>> each(lambda number: number**2, 4, workers=2)
    [0, 1, 4, 9]
    """
    if min(workers, count) < 2 or sys.platform != "linux":
        return [do(number) for number in range(count)]
    context = multiprocessing.get_context("fork")
    turn = context.Value("i", 0)

    def work() -> dict[int, T]:
        done: dict[int, T] = {}
        while True:
            with turn.get_lock():
                number = turn.value
                turn.value += 1
            if number >= count:
                return done
            done[number] = do(number)

    copies, parent = [], os.getpid()
    for _ in range(min(workers, count) - 1):
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(work, theirs, parent), daemon=True)
        with warnings.catch_warnings():
            # The copies use no thread that this process has started.
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            process.start()
        theirs.close()
        copies.append((process, mine))
    try:
        found = work()
        for _, pipe in copies:
            found |= _received(pipe)
    finally:
        for process, pipe in copies:
            process.kill()
            process.join()
            pipe.close()
    return [found[number] if number in found else do(number) for number in range(count)]


def _serve(work: Callable[[], dict[int, Any]], pipe: Connection, parent: int) -> None:
    """In a copy: do what comes, send it, and end without this process's own endings."""
    _end_with(parent)
    try:
        answer: Any = work()
    except BaseException as error:
        answer = error
    try:
        pipe.send(answer)
    finally:
        pipe.close()
        os._exit(0)


def _end_with(parent: int) -> None:
    """Killed when the parent is: nobody would read the answer, and a copy holds the other end of its own pipe."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be asked for
        os._exit(1)


def _received(pipe: Connection) -> dict[int, Any]:
    try:
        answer = pipe.recv()
    except EOFError:
        return {}
    if isinstance(answer, BaseException):
        raise answer
    found: dict[int, Any] = answer
    return found
