"""Worker processes, one thread each, that train a run's jobs.

Two processes of one thread beat one of two threads for small networks, and a member's bits don't depend on
who trains beside it, so jobs are dealt out as processors come free.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from retemper.core import interrupt
from retemper.core.budget import Deadline
from retemper.core.errors import InputError
from retemper.core.memory import not_enough
from retemper.training import processes

if TYPE_CHECKING:
    from retemper.training.job import Job, JobResult

Tell = Callable[[float, str], None]


@dataclass(eq=False)
class _Order:
    """A job on its way through the workers; with a weight above 0 its deadline is set when it is dealt out.

    Its folder is written when it is soon to be dealt out: until then other jobs train.
    """

    job: Job
    deadline: Deadline
    weight: float = 0.0
    fraction: float = 0.0
    written: bool = False
    result: JobResult | None = None
    dealt: Deadline = field(default_factory=Deadline)


class Pool:
    """Processes for jobs; they start at once, and load PyTorch while the caller does other things.

    Where memory is too short for a job, its members are trained in two halves, one after the other, and these in
    halves again; nothing else trains meanwhile. A worker that the system ends (it does so when memory runs out) is
    replaced.

    Args:
        folder: where job folders go (``RUN/checkpoints/jobs``).
        workers: how many processes.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.workers = workers
        self.meanwhile: Callable[[], object] | None = None
        """Called once, when the first jobs have been dealt out; it must return at once."""
        self._answers: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
        self._source: processes.Source | None = None
        self._processes: dict[int, processes.Process] = {}
        self._listeners: dict[int, threading.Thread] = {}
        for number in range(workers):
            self._start(number)

    def _start(self, number: int) -> None:
        self._source = self._source or processes.source(self.workers)
        process = self._source.take()
        listener = threading.Thread(target=self._listen, args=(number, process), daemon=True)
        self._processes[number], self._listeners[number] = process, listener
        listener.start()

    def run(
        self,
        jobs: Sequence[Job],
        deadlines: Sequence[Deadline],
        tell: Tell,
        told_halves: Callable[[Job, Sequence[Job]], None] = lambda job, halves: None,
        weights: Sequence[float] = (),
        give_up: Callable[[Job, InputError], None] | None = None,
    ) -> list[JobResult]:
        """Do the jobs; their results in the same order, those of halves in the place of their job.

        Args:
            jobs: what to train; names unique in the run.
            deadlines: one a job.
            tell: called with the share that is done and a few words.
            told_halves: called with a job that memory is too short for, and the halves that take its place.
            weights: with one a job (what it will take, in any unit) the time until a deadline is shared by weight, so
                that a machine slower than expected cuts all jobs short alike, and not those that come last.
            give_up: called with the job of each single network that can't be trained, and why; it has no result, and
                the others go on. A stack that fails is halved until the network at fault is alone. None: the first
                failure ends all.

        Raises:
            InputError: a job met a full disk or the like, or memory is too short for a single network.
            Interrupted: Ctrl-C or SIGTERM; the jobs' checkpoints are on disk.
            RuntimeError: a worker crashed.
        """
        orders = [
            self._order(*entry) for entry in zip(jobs, deadlines, weights or [0.0] * len(jobs), strict=True)
        ]
        waiting = [order for order in orders if order.result is None]
        busy: dict[int, _Order] = {}
        alone = False
        while waiting or busy:
            self._deal(waiting, busy, alone)
            self._spare()
            answer = self._next()
            if answer is None:
                continue
            worker, said = answer
            if said is not None and "progress" in said:
                busy[worker].fraction = said["progress"]
                tell(_share(orders), said["text"])
                continue
            order = busy.pop(worker, None)
            if order is None:  # it had nothing to do
                raise _lost()
            if said is None:
                self._replace(worker)
            fault = _fault(said)
            if fault is None:
                self._deal(waiting, busy, alone)  # what it left can wait to be read, the worker can't
            if fault is None or (give_up is None and fault.code not in OF_MEMORY) or fault.code in OF_ALL:
                self._finish(order, said or {})
                continue
            short = fault.code in OF_MEMORY
            single = len(order.job.members) == 1
            if single and (alone or not busy or not short):
                if give_up is None:
                    raise fault
                give_up(order.job, fault)
                alone = False
                continue
            pieces = [order]  # a single network once more, with the memory of the others
            if not single:
                pieces = self._halves(order)
                orders[orders.index(order) : orders.index(order) + 1] = pieces
                told_halves(order.job, [piece.job for piece in pieces])
            alone = alone or short
            waiting[:0] = [piece for piece in pieces if piece.result is None]
        return [order.result for order in orders if order.result is not None]

    def _order(self, job: Job, deadline: Deadline, weight: float) -> _Order:
        from retemper.training import job as jobs_module

        order = _Order(job, deadline, weight)
        if (self.folder / job.name).is_dir():  # of an earlier session: perhaps it is done
            self._write(order)
            order.result = jobs_module.read(self.folder / job.name, job)
            order.fraction = float(order.result is not None)
        return order

    def _write(self, order: _Order) -> None:
        from retemper.training import job as jobs_module

        if not order.written:
            jobs_module.write_job(self.folder / order.job.name, order.job)
            order.written = True

    def _halves(self, order: _Order) -> list[_Order]:
        one, other = order.job.parts(2)
        first, second = order.deadline.halves(f"{one.name}.stopped", f"{other.name}.stopped")
        return [self._order(one, first, order.weight / 2), self._order(other, second, order.weight / 2)]

    def _deal(self, waiting: list[_Order], busy: dict[int, _Order], alone: bool) -> None:
        for worker in range(self.workers):
            if waiting and worker not in busy and not (alone and busy):
                order = waiting.pop(0)
                left = order.weight + sum(other.weight for other in waiting)
                running = [other.dealt for other in busy.values()]
                order.dealt = order.deadline.share(order.weight, left, running, 1 if alone else self.workers)
                busy[worker] = order
                self._write(order)
                self._send(worker, self.folder / order.job.name, order.dealt)
        for order in waiting[: self.workers]:  # so that whoever comes free is not kept waiting for them
            self._write(order)

    def _spare(self) -> None:
        """There is time for what nobody has waited for yet."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()

    def _finish(self, order: _Order, said: dict[str, Any]) -> None:
        from retemper.training import job as jobs_module

        if "error" in said:
            raise InputError(**said["error"])
        if "crash" in said:
            raise RuntimeError("a training process crashed:\n" + said["crash"])
        order.fraction = 1.0
        order.result = jobs_module.read(self.folder / order.job.name, order.job)
        if order.result is None:
            raise InputError(
                "damaged_file",
                "What a training wrote can't be read again: the disk does not keep what it is given.",
                {"folder": str(self.folder / order.job.name)},
                "Look after the disk, then resume the run.",
            )

    def _replace(self, worker: int) -> None:
        """A new process in the place of one that a signal ended; one that ended by itself would do so again."""
        code = self._processes[worker].wait()
        self._close(worker)
        if code >= 0:
            raise _lost()
        self._start(worker)

    def _send(self, worker: int, folder: Path, deadline: Deadline) -> None:
        pipe = self._processes[worker].stdin
        try:
            pipe.write(json.dumps({"folder": str(folder.resolve()), "deadline": asdict(deadline)}) + "\n")
            pipe.flush()
        except BrokenPipeError:
            raise _lost() from None

    def _next(self) -> tuple[int, dict[str, Any] | None] | None:
        interrupt.check()
        try:
            return self._answers.get(timeout=0.1)
        except queue.Empty:
            return None

    def _listen(self, number: int, process: processes.Process) -> None:
        for line in process.stdout:
            if line.endswith("\n"):  # who is killed may leave half an answer
                self._answers.put((number, json.loads(line)))
        self._answers.put((number, None))

    def close(self) -> None:
        """End the processes."""
        if self._source:
            self._source.end()
        for number in self._processes:
            self._close(number)

    def _close(self, number: int) -> None:
        self._listeners[number].join()
        self._processes[number].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _share(orders: Sequence[_Order]) -> float:
    """How much of the work is done, counted in members."""
    done = sum(order.fraction * len(order.job.members) for order in orders)
    return done / sum(len(order.job.members) for order in orders)


def _fault(said: dict[str, Any] | None) -> InputError | None:
    """What a worker's answer says went wrong; None: the job is done."""
    if said is None:
        return _lost()
    if "short" in said:
        return not_enough("Memory is too short for a single network.")
    if "error" in said:
        return InputError(**said["error"])
    if "crash" in said:
        last = said["crash"].strip().splitlines()[-1]
        hint = "Leave out what is particular about this setting; the log has the traceback."
        fault = InputError("training_crashed", f"The training crashed: {last}", None, hint)
        fault.__cause__ = RuntimeError(said["crash"])
        return fault
    return None


OF_MEMORY = ("not_enough_memory", "worker_lost")
"""Faults that fewer networks at a time may mend."""
OF_ALL = ("disk_full", "cannot_write", "damaged_file", "damaged_arrays")
"""Faults of what all jobs need, whichever networks meet them."""


def _lost() -> InputError:
    return InputError(
        "worker_lost",
        "A training process was ended from outside, perhaps because memory ran out.",
        None,
        "Resume the run; with little memory, set training.batch_size lower or workers=1.",
    )
