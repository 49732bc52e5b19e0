"""A Ray cluster as retemper needs it: calls that are made once, made again where a node dies, and counted places."""

from __future__ import annotations

import logging
import math
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Any, Self

from retemper.core.errors import InputError
from retemper.search.engines.tasks import ATTEMPTS, Call, Lost

INSTALL = "pip install 'retemper[ray]'"
CONNECT_S, GOODBYE_S = 5.0, 5.0


class Cluster:
    """A connection to a running Ray cluster; each task has one processor and, where asked for, a share of a GPU.

    Args:
        address: ``host:6379`` of a cluster that this machine is a node of, ``ray://host:10001`` from outside; empty:
            the cluster that runs on this machine or that ``RAY_ADDRESS`` names. A program that is connected
            already stays so.
        gpus: of each task; a fraction lets several tasks share one.

    Raises:
        InputError: ``missing_extra``, ``cluster_unreachable``, or ``no_gpus``.
    """

    def __init__(self, address: str = "", gpus: float = 0.0) -> None:
        self.gpus = gpus
        self._ray, self._own = _connected(address)
        self._stdout = sys.stdout
        sys.stdout = self._quiet = _WithoutRay(sys.stdout)
        self._remote: dict[Callable[..., Any], Any] = {}
        self._calls: dict[Any, Call] = {}
        self._tickets = count()
        if not self.places():
            self.close()
            raise InputError(
                "no_gpus",
                f"No node of the cluster has {gpus:g} of a GPU to give.",
                {"option": "tune.gpus_per_job"},
                "Set tune.gpus_per_job=0 to train on processors.",
            )

    def places(self) -> int:
        """How many tasks run at a time, on the nodes that are up now."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(places_of(node.get("CPU", 0.0), node.get("GPU", 0.0), self.gpus) for node in nodes)

    def put(self, value: Any) -> Any:
        """Store a value once for all tasks; they get its reference."""
        return self._ray.put(value)

    def call(self, function: Callable[..., Any], *args: Any) -> int:
        """Have a function of a module called on some node."""
        call = Call(next(self._tickets), function, args)
        self._submit(call)
        return call.ticket

    def done(self, timeout_s: float) -> tuple[int, Any] | None:
        """A call that came to its end; see :class:`~retemper.search.engines.tasks.Tasks`."""
        refs = list(self._calls)
        ready, _ = self._ray.wait(refs, num_returns=1, timeout=timeout_s) if refs else ([], [])
        if not ready:
            return None
        call = self._calls.pop(ready[0])
        faults = self._ray.exceptions
        try:
            return call.ticket, self._ray.get(ready[0])
        except faults.RayTaskError as error:
            return call.ticket, error
        except faults.RayError as error:
            short = isinstance(error, faults.OutOfMemoryError)
            if short or call.attempt == ATTEMPTS:
                return call.ticket, Lost(str(error), short)
            self._submit(replace(call, attempt=call.attempt + 1))
            return None

    def drop(self) -> None:
        """End the calls that are under way, and wait some seconds for their ends: what they leave is then all there."""
        refs = list(self._calls)
        self._calls.clear()
        for ref in refs:
            self._ray.cancel(ref, force=True)
        if refs:
            self._ray.wait(refs, num_returns=len(refs), timeout=GOODBYE_S)

    def each_node(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function once on every node that is up, as far as they answer within some seconds."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as at  # noqa: N813

        remote = self._ray.remote(function)
        calls = [
            remote.options(num_cpus=0, scheduling_strategy=at(node["NodeID"], soft=False)).remote(*args)
            for node in self._ray.nodes()
            if node["Alive"]
        ]
        self._ray.wait(calls, num_returns=len(calls), timeout=GOODBYE_S)

    def _submit(self, call: Call) -> None:
        if call.function not in self._remote:
            # Ray's own retries would hide from us that a task ends its processes.
            options = {"num_cpus": 1, "num_gpus": self.gpus, "max_retries": 0}
            self._remote[call.function] = self._ray.remote(call.function).options(**options)
        self._calls[self._remote[call.function].remote(*call.args)] = call

    def close(self) -> None:
        """Let go of the cluster; what still runs for this search is ended there."""
        self._calls.clear()
        if self._own:
            self._quiet.closing = True
            with _own_signals():
                self._ray.shutdown()
        sys.stdout = self._stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _WithoutRay:
    """Standard output without what Ray's own threads say of dead nodes: with ``--json`` it is one document."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.closing = False  # then Ray says what it has held back, on whatever thread

    def write(self, text: str) -> int:
        if self.closing or threading.current_thread().name.startswith("ray_"):
            return len(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def places_of(processors: float, gpus: float, share: float) -> int:
    """Tasks that a node has room for; a task of less than a GPU stays on one.

    >>> places_of(8, 0, 0), places_of(8, 2, 0.4), places_of(8, 4, 2), places_of(8, 0, 0.5)
    (8, 4, 2, 0)
    """
    if not share:
        return int(processors)
    room = gpus // share if share >= 1 else gpus * math.floor(1 / share + 1e-9)
    return int(min(processors, room))


def _connected(address: str) -> tuple[Any, bool]:
    """Ray, and whether the connection is ours to end: a person's program may have one already."""
    try:
        import ray
    except ImportError:
        raise InputError(
            "missing_extra",
            "The engine ray needs Ray, which is not installed.",
            {"option": "tune.engine"},
            f"Install it: {INSTALL}, here and on every node.",
        ) from None
    if ray.is_initialized():
        return ray, False
    if address:
        _check_reachable(address)
    try:
        with _own_signals():
            ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _unreachable(address or "auto", str(error).strip().partition("\n")[0]) from None
    return ray, True


def _check_reachable(address: str) -> None:
    """Ray waits for most of a minute for a machine that is not there, and then ends the process."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        raise InputError(
            "bad_address",
            f"{address!r} is no address of a cluster.",
            {"option": "tune.address"},
            "Write host:6379, or ray://host:10001 from a machine that is no node.",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from None


def _unreachable(address: str, why: str) -> InputError:
    return InputError(
        "cluster_unreachable",
        f"No Ray cluster answers at {address}: {why or 'no answer'}.",
        {"option": "tune.address"},
        "Start one (ray start --head here, ray start --address=HOST:6379 on other machines), or mend the address.",
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray puts a handler of its own in the place of ours for SIGTERM, which would end the run unsaved."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            with suppress(TypeError):  # a handler that was not set from Python
                signal.signal(signal.SIGTERM, before)
