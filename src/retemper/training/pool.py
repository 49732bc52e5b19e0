"""Worker processes, one thread each, that train a run's jobs.

Two processes of one thread beat one of two threads for small networks, and a member's bits don't depend on
who trains beside it, so jobs are dealt out as processors come free.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from retemper.core import interrupt
from retemper.core.budget import Deadline
from retemper.core.errors import InputError

if TYPE_CHECKING:
    from retemper.training.job import Job, JobResult

Tell = Callable[[float, str], None]


class Pool:
    """Processes for jobs; they start at once, and load PyTorch while the caller does other things.

    Args:
        folder: where job folders go (``RUN/checkpoints/jobs``).
        workers: how many processes.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.workers = workers
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        command = [sys.executable, "-c", "from retemper.training.worker import main; main()"]
        self._processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=environment,
                start_new_session=True,
            )
            for _ in range(workers)
        ]
        self._answers: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._listeners = [
            threading.Thread(target=self._listen, args=(number, process), daemon=True)
            for number, process in enumerate(self._processes)
        ]
        for listener in self._listeners:
            listener.start()

    def run(self, jobs: Sequence[Job], deadlines: Sequence[Deadline], tell: Tell) -> list[JobResult]:
        """Do the jobs; their results in the same order.

        Raises:
            InputError: a job met a full disk or the like.
            Interrupted: Ctrl-C or SIGTERM; the jobs' checkpoints are on disk.
            RuntimeError: a worker crashed.
        """
        from retemper.training import job as jobs_module

        folders = [self.folder / job.name for job in jobs]
        results: dict[int, JobResult] = {}
        waiting = []
        for number, (folder, job) in enumerate(zip(folders, jobs, strict=True)):
            jobs_module.write_job(folder, job)
            done = jobs_module.read(folder, job)
            if done:
                results[number] = done
            else:
                waiting.append(number)
        busy: dict[int, int] = {}
        fractions = [float(number in results) for number in range(len(jobs))]
        while waiting or busy:
            for worker in range(self.workers):
                if waiting and worker not in busy:
                    busy[worker] = waiting.pop(0)
                    self._send(worker, folders[busy[worker]], deadlines[busy[worker]])
            answer = self._next()
            if answer is None:
                continue
            worker, said = answer
            if said is None:  # also when it had nothing to do
                raise _lost()
            number = busy[worker]
            if "progress" in said:
                fractions[number] = said["progress"]
                tell(sum(fractions) / len(jobs), said["text"])
                continue
            self._raise(said)
            fractions[number] = 1.0
            del busy[worker]
            finished = jobs_module.read(folders[number], jobs[number])
            assert finished is not None
            results[number] = finished
        return [results[number] for number in range(len(jobs))]

    def _send(self, worker: int, folder: Path, deadline: Deadline) -> None:
        pipe = self._processes[worker].stdin
        assert pipe is not None
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

    def _listen(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):  # who is killed may leave half an answer
                self._answers.put((number, json.loads(line)))
        self._answers.put((number, None))

    @staticmethod
    def _raise(said: dict[str, Any]) -> None:
        if "error" in said:
            raise InputError(**said["error"])
        if "crash" in said:
            raise RuntimeError("a training process crashed:\n" + said["crash"])

    def close(self) -> None:
        """End the processes."""
        for process, listener in zip(self._processes, self._listeners, strict=True):
            process.kill()
            process.wait()
            listener.join()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):  # an order that nobody took
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lost() -> InputError:
    return InputError(
        "worker_lost",
        "A training process was ended from outside, perhaps because memory ran out.",
        None,
        "Resume the run; with little memory, set training.batch_size lower or workers=1.",
    )
