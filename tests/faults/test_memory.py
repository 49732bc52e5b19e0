"""Memory runs short: the stack is halved, again and again, to the same bits; one network that is too large is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core.budget import Budget, Deadline, decisions
from retemper.core.errors import InputError
from retemper.core.progress import SilentReporter
from retemper.core.run_folder import RunFolder
from retemper.procedure.book import Book
from retemper.procedure.pace import Pace
from retemper.training.job import Job, JobResult, joined
from retemper.training.pool import Pool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")

WIDTH = 1024
"""Of two layers: about a million parameters, hence 4 MB for each buffer of a member."""


def quiet(share: float, text: str) -> None:
    return None


@contextmanager
def little_memory(pool: Pool, megabytes: int) -> Iterator[None]:
    """The worker may take so much more than it has."""
    import resource

    pid = pool._processes[0].pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    limit = pages * os.sysconf("SC_PAGE_SIZE") + megabytes * 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        assert pool._processes[0].pid == pid, "the worker died instead of saying that memory is short"
        resource.prlimit(pid, resource.RLIMIT_AS, before)


def assert_same(ours: JobResult, theirs: JobResult) -> None:
    assert [fit.member for fit in ours.fits] == [fit.member for fit in theirs.fits]
    assert np.array_equal(ours.outputs, theirs.outputs)
    for one, other in zip(ours.fits, theirs.fits, strict=True):
        assert torch.equal(one.row, other.row) and one.history == other.history


def test_a_stack_is_halved_to_the_same_bits(pool: Pool, job_for: Any, train: Any) -> None:
    whole = train(job_for("whole", WIDTH))[0]
    told: list[tuple[int, list[int]]] = []

    def halved(job: Job, halves: Sequence[Job]) -> None:
        told.append((len(job.members), [len(half.members) for half in halves]))

    job = job_for("short", WIDTH)
    with little_memory(pool, 150):
        pieces = pool.run([job], [Deadline()], quiet, halved)
    assert told[0] == (8, [4, 4]) and len(pieces) > 1
    assert_same(joined(job, pieces), joined(job, [whole]))


def test_a_single_network_that_is_too_large_is_told(pool: Pool, job_for: Any) -> None:
    with little_memory(pool, 20), pytest.raises(InputError) as caught:
        pool.run([job_for("large", 4 * WIDTH, members=2)], [Deadline()], quiet)
    assert caught.value.code == "not_enough_memory" and caught.value.exit_code == 2
    assert "batch_size" in caught.value.hint


def test_a_worker_that_the_system_ends_is_replaced(pool: Pool, job_for: Any, train: Any) -> None:
    whole = train(job_for("whole", epochs=200))[0]
    kills = iter([True])

    def out_of_memory(share: float, text: str) -> None:
        if next(kills, False):
            pool._processes[0].kill()

    job = job_for("killed", epochs=200)
    pieces = pool.run([job], [Deadline()], out_of_memory)
    assert [len(piece.fits) for piece in pieces] == [4, 4]
    assert_same(joined(job, pieces), joined(job, [whole]))


def book_of(folder: RunFolder, pool: Pool, budget: Budget, job: Job) -> Book:
    return Book(folder, budget, SilentReporter(), pool, 1, Pace(128, 64, 2))


@pytest.fixture
def run(pool: Pool, tmp_path: Path) -> Iterator[Callable[..., tuple[RunFolder, Path]]]:
    """``run(name)``: a run's folder and its log, the pool working for it."""
    opened = []

    def make(name: str) -> tuple[RunFolder, Path]:
        folder = RunFolder.create(tmp_path / name, "x")
        opened.append(folder)
        pool.folder = folder.checkpoints / "jobs"
        return folder, folder.log_path

    yield make
    for folder in opened:
        folder.close()


def test_a_halved_training_is_repeated_by_its_log(pool: Pool, job_for: Any, run: Any) -> None:
    """Halves that a deadline stops at steps of their own come out again from the log, with memory enough."""
    job = job_for("long", WIDTH, epochs=3)
    folder, log = run("first")
    first = book_of(folder, pool, Budget(None, 0.0, log=folder.log), job)
    with little_memory(pool, 150):
        (halved,) = first.train([job], 0.0)
    stops = {f"{name}.stopped": 2 + k for k, name in enumerate(["long.0", "long.1"])}
    made = {"long.halved": 8, **stops}
    assert decisions(log)["long.halved"] == 8
    assert_same(halved, _trained(run, pool, job, {}, "whole")[0])
    (again,) = _trained(run, pool, job, made, "again")
    assert sorted({fit.history[-1]["step"] for fit in again.fits}) == [2, 3]


def _trained(run: Any, pool: Pool, job: Job, made: dict[str, Any], name: str) -> list[JobResult]:
    folder, _ = run(name)
    return book_of(folder, pool, Budget(None, 0.0, made=made, log=folder.log, strict=True), job).train(
        [job], 0.0
    )
