"""A process that has loaded PyTorch, and worker processes forked from it: loaded once, it is there for all of them.

It has one thread and trains nothing, so that a fork of it is a whole worker. It is told over a socket what to do:

    fork N      with the two ends of pipes that will be the worker's input and output
    kill N
    wait N      answered with the exit code (below 0: of a signal)
    the end     of the socket, because the parent is done or gone: kill all workers, wait for them, end

Workers are numbered by the parent, which so need not wait until they are there.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from typing import IO

from retemper.core import device
from retemper.core.loading import loading

MESSAGE = 64
"""Bytes of the longest message."""


class Loader:
    """The parent's side: starts the process, and has it fork workers.

    It must be asked by one thread at a time.

    >>> loader = Loader({**os.environ, "OMP_NUM_THREADS": "1"})
    >>> worker = loader.fork()
    >>> worker.kill()
    >>> worker.wait()
    -9
    >>> worker.close()
    >>> loader.end()
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._count = 0
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from retemper.training.loader import main; main()"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    @property
    def lives(self) -> bool:
        """Whether it can fork."""
        return self._process.poll() is None

    def fork(self) -> Fork:
        """A worker; it is there as soon as the process has loaded."""
        orders, stdin = os.pipe()
        stdout, answers = os.pipe()
        number, self._count = self._count, self._count + 1
        # Of a process that died, the closed pipes tell whoever waits for an answer.
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._socket, [f"fork {number}".encode()], [orders, answers])
        os.close(orders)
        os.close(answers)
        return Fork(
            self, number, os.fdopen(stdin, "w", encoding="utf-8"), os.fdopen(stdout, encoding="utf-8")
        )

    def tell(self, what: str) -> bool:
        """Send a message; whether there was anyone to take it."""
        try:
            self._socket.send(what.encode())
        except OSError:
            return False
        return True

    def wait(self, number: int) -> int:
        """The exit code of a worker that is ending; that of the process itself where it has died."""
        answer = b""
        if self.tell(f"wait {number}"):
            with suppress(ConnectionResetError):
                answer = self._socket.recv(MESSAGE)
        return int(answer) if answer else self._process.wait()

    def end(self) -> None:
        """End the process and all its workers; they have ended when this returns."""
        self._process.terminate()  # while it loads it has no workers, later it doesn't mind
        self._socket.close()
        self._process.wait()


class Fork:
    """A worker process, as far as its parent needs to know it."""

    def __init__(self, loader: Loader, number: int, stdin: IO[str], stdout: IO[str]) -> None:
        self._loader, self._number = loader, number
        self._code: int | None = None
        self.stdin, self.stdout = stdin, stdout

    def kill(self) -> None:
        """End it at once."""
        if not self._loader.tell(f"kill {self._number}"):
            with suppress(BrokenPipeError):
                self.stdin.close()  # it ends by itself

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        if self._code is None:
            self._code = self._loader.wait(self._number)
        return self._code

    def close(self) -> None:
        """Close the pipes."""
        self.stdout.close()
        with suppress(BrokenPipeError):  # an order that nobody took
            self.stdin.close()


def main() -> None:
    """Load, then do what the socket says until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with loading():
        from retemper.training import carry_out, worker  # noqa: F401  # what all forks will use
    device.one_thread()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on there are workers to be ended first
    gc.freeze()  # a search for garbage would write to every page that the forks share
    workers: dict[int, int] = {}
    with socket.socket(fileno=os.dup(0)) as parent:
        try:
            while _served(parent, workers):
                pass
        except ConnectionError:
            pass
        for pid in workers.values():
            os.kill(pid, signal.SIGKILL)
        for pid in workers.values():
            os.waitpid(pid, 0)


def _served(parent: socket.socket, workers: dict[int, int]) -> bool:
    """Do one thing that is asked for; whether to go on. ``workers``: number → process id, of those not waited for."""
    message, pipes, _, _ = socket.recv_fds(parent, MESSAGE, 2)
    if not message:
        return False
    what, number = message.decode().split()
    worker = int(number)
    if what == "fork":
        workers[worker] = _forked(parent, pipes)
    elif what == "kill" and worker in workers:
        os.kill(workers[worker], signal.SIGKILL)
    elif what == "wait":
        _, status = os.waitpid(workers.pop(worker), 0)
        parent.send(str(os.waitstatus_to_exitcode(status)).encode())
    return True


def _forked(parent: socket.socket, pipes: list[int]) -> int:
    """The process id of a new worker, whose input and output these pipes are."""
    from retemper.training import worker

    pid = os.fork()
    if pid:
        for pipe in pipes:
            os.close(pipe)
        return pid
    try:
        parent.close()
        for place, pipe in enumerate(pipes):
            os.dup2(pipe, place)
            os.close(pipe)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        worker.main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
