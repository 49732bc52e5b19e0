"""Where workers come from: forks of one process that has loaded, and what becomes of them when one of these dies."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retemper.core.budget import Deadline
from retemper.training.job import joined
from retemper.training.pool import Pool
from retemper.training.processes import Source, source, started_ahead

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


def children(pid: int) -> list[int]:
    return [int(own) for own in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(true: Callable[[], Any]) -> Any:
    """What it gives, as soon as that is anything."""
    for _ in range(600):
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("waited for 30 s")


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def loader_of(own: Source) -> int:
    return own._loaders[-1]._process.pid


@pytest.fixture
def two() -> Iterator[tuple[Source, list[Any]]]:
    """Two workers, which are there, and their source."""
    own = Source(workers=2, ahead=2)
    workers = [own.take(), own.take()]
    until(lambda: len(children(loader_of(own))) == 2)
    yield own, workers
    own.end()
    for worker in workers:
        worker.close()


def test_workers_are_forked_from_a_process_of_one_thread_that_knows_no_other_workers_pipes(
    two: tuple[Source, list[Any]],
) -> None:
    own, workers = two
    loader = loader_of(own)
    assert os.listdir(f"/proc/{loader}/task") == [str(loader)]
    assert "libtorch" in Path(f"/proc/{loader}/maps").read_text()
    first, second = children(loader)
    workers[0].close()
    # The last end of its input is closed: another process that held it would keep it alive.
    assert workers[0].wait() == 0
    assert not lives(first) and lives(second)
    assert not any("pipe" in os.readlink(f"/proc/{loader}/fd/{number}") for number in ("0", "3"))


def test_a_killed_worker_is_told_from_one_that_ended(two: tuple[Source, list[Any]]) -> None:
    own, workers = two
    first, second = children(loader_of(own))
    os.kill(first, signal.SIGKILL)
    assert workers[0].stdout.read() == "" and workers[0].wait() == -signal.SIGKILL
    workers[1].kill()
    assert workers[1].wait() == -signal.SIGKILL == workers[1].wait()
    assert not lives(first) and not lives(second), "no zombie is left"
    with pytest.raises(BrokenPipeError):
        workers[1].stdin.write("{}\n")
        workers[1].stdin.flush()


def test_workers_outlive_the_process_they_were_forked_from(two: tuple[Source, list[Any]]) -> None:
    own, workers = two
    loader = loader_of(own)
    forks = children(loader)
    os.kill(loader, signal.SIGKILL)
    assert workers[0].wait() == -signal.SIGKILL
    assert all(lives(fork) for fork in forks)
    workers[0].kill()
    until(lambda: not lives(forks[0]))
    replaced = own.take()
    assert loader_of(own) != loader
    until(lambda: children(loader_of(own)))
    replaced.kill()
    assert replaced.wait() == -signal.SIGKILL
    replaced.close()


def test_what_loads_is_ended_at_once() -> None:
    own = Source(workers=2, ahead=2)
    loader, began = loader_of(own), time.process_time()
    own.end()
    assert not lives(loader) and time.process_time() - began < 0.5
    assert own._loaders[-1]._process.returncode == -signal.SIGTERM, "it had not loaded yet"


def test_started_ahead_is_for_whoever_asks_first() -> None:
    before = children(os.getpid())  # of other tests
    with started_ahead(2):
        own = source(2)
        loader = loader_of(own)
        other = source(1)
        assert other is not own
    assert lives(loader), "who asked for it ends it"
    own.end()
    other.end()
    with started_ahead(2):
        pass
    assert set(children(os.getpid())) <= set(before)


def test_a_fork_that_the_system_ends_is_replaced(run_folder: Path, job_for: Any, data_folder: Path) -> None:
    job = job_for(data_folder, epochs=300)
    with Pool(run_folder / "checkpoints" / "jobs", 2) as pool:
        whole = pool.run([job], [Deadline()], lambda share, text: None)[0]
        kills = iter([True])

        def out_of_memory(share: float, text: str) -> None:
            if next(kills, False):
                pool._processes[0].kill()

        job = job_for(data_folder, epochs=300, name="killed")
        pieces = pool.run([job], [Deadline()], out_of_memory)
    assert len(pieces) > 1
    assert np.array_equal(joined(job, pieces).outputs, whole.outputs)
