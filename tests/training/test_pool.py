"""Worker processes: the same bits as in this process, and what becomes of errors, kills and orphans."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core.budget import Deadline, now
from retemper.core.errors import InputError
from retemper.core.history import read_histories
from retemper.training import carry_out, worker
from retemper.training import job as jobs
from retemper.training.pool import Pool
from retemper.training.stack import Member

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def quiet(share: float, text: str) -> None:
    return None


@pytest.fixture(scope="module")
def shared() -> Iterator[Pool]:
    """Two workers; a test gives them its own folder."""
    with Pool(Path(), 2) as pool:
        yield pool


@pytest.fixture
def pool(shared: Pool, run_folder: Path) -> Pool:
    shared.folder = run_folder / "checkpoints" / "jobs"
    return shared


def test_two_workers_leave_the_bits_of_one_process(
    pool: Pool, run_folder: Path, job_for: Any, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alone = tmp_path_factory.mktemp("alone")
    (alone / "history").mkdir()
    wanted = [
        *job_for(data_folder, training={"patience_epochs": 3}, epochs=15).parts(2),
        job_for(data_folder, model={"name": "linear"}, name="linear"),
    ]
    shares: list[float] = []
    results = pool.run(wanted, [Deadline()] * 3, lambda share, text: shares.append(share))
    assert [result.job for result in results] == wanted
    assert shares == sorted(shares)
    for result in results:
        folder = alone / "checkpoints" / "jobs" / result.job.name
        jobs.write_job(folder, result.job)
        own = carry_out.run(folder, Deadline(), quiet)
        assert np.array_equal(own.outputs, result.outputs)
        for ours, theirs in zip(own.fits, result.fits, strict=True):
            assert torch.equal(ours.row, theirs.row) and replace(ours, row=theirs.row) == theirs
    for name in ("test", "linear"):
        both = [read_histories(place / "history" / f"{name}.jsonl") for place in (alone, run_folder)]
        for ours, theirs in zip(*both, strict=True):
            assert ours.member == theirs.member and np.array_equal(ours["val_loss"], theirs["val_loss"])

    done = [pool.folder / job.name / "done.safetensors" for job in wanted]
    before = [path.stat().st_mtime_ns for path in done]
    again = pool.run(wanted, [Deadline()] * 3, quiet)
    assert [path.stat().st_mtime_ns for path in done] == before
    assert all(np.array_equal(a.outputs, r.outputs) for a, r in zip(again, results, strict=True))


def test_weighted_jobs_share_the_time_until_their_deadline(
    pool: Pool, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [job_for(data_folder, name=name) for name in ("one", "other", "last")]
    whole = [Deadline(f"{job.name}.stopped", now() + 1000) for job in wanted]
    seconds: dict[str, float] = {}
    send = pool._send

    def noted(worker: int, folder: Path, deadline: Deadline) -> None:
        seconds[folder.name] = (deadline.at or 0.0) - now()
        send(worker, folder, deadline)

    monkeypatch.setattr(pool, "_send", noted)
    results = pool.run(wanted, whole, quiet, weights=[1.0, 1.0, 2.0])
    assert [result.stopped for result in results] == [None] * 3
    assert seconds["one"] == pytest.approx(500, abs=100) and seconds["other"] == pytest.approx(500, abs=100)
    assert seconds["last"] > 900, "what the first ones did not need is left to the last"


def test_a_deadline_of_units(pool: Pool, job_for: Any, data_folder: Path) -> None:
    result = pool.run([job_for(data_folder)], [Deadline("test.stopped", None, 7)], quiet)[0]
    assert (result.stopped, result.steps) == (7, 7)


def test_an_error_inside_a_worker_is_the_persons(pool: Pool, job_for: Any, data_folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        pool.run([job_for(data_folder, training={"loss": "mse"})], [Deadline()], quiet)
    assert caught.value.code == "loss_mismatch" and caught.value.where == {"option": "training.loss"}
    assert caught.value.hint


def test_a_crash_inside_a_worker_is_ours(pool: Pool, job_for: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*meta\.json"):
        pool.run([job_for(tmp_path / "nowhere")], [Deadline()], quiet)


def test_a_worker_killed_over_a_single_network(run_folder: Path, job_for: Any, data_folder: Path) -> None:
    job = job_for(data_folder, epochs=10**6, members=(Member(0, 1e-2),))
    with Pool(run_folder / "checkpoints" / "jobs", 1) as own, pytest.raises(InputError) as caught:
        own.run([job], [Deadline()], lambda share, text: own._processes[0].kill())
    assert caught.value.code == "worker_lost" and caught.value.exit_code == 2


def test_a_worker_killed_at_rest(run_folder: Path, job_for: Any, data_folder: Path) -> None:
    with Pool(run_folder / "checkpoints" / "jobs", 2) as own:
        own._processes[1].kill()
        own._processes[1].wait()
        with pytest.raises(InputError) as caught:
            own.run([job_for(data_folder, epochs=10**6)], [Deadline()], quiet)
    assert caught.value.code == "worker_lost"


ORPHAN = """
import os, signal, sys
from pathlib import Path
from retemper.core.budget import Deadline
from retemper.training.job import Job
from retemper.training.pool import Pool
from retemper.training.stack import Member
import json
folder, job = Path(sys.argv[1]), Job.from_json(json.loads(sys.argv[2]))
Pool(folder, int(sys.argv[3])).run([job], [Deadline()], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_outlive_their_parent(
    run_folder: Path, job_for: Any, data_folder: Path, workers: int
) -> None:
    import json

    job = job_for(data_folder, epochs=10**6)
    command = [
        sys.executable,
        "-c",
        ORPHAN,
        str(run_folder / "checkpoints" / "jobs"),
        json.dumps(job.to_json()),
        str(workers),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as parent:
        # All of them hold the same pipe: it is read to its end only when they are gone.
        _, err = parent.communicate(timeout=60)
    assert (parent.returncode, err) == (-signal.SIGKILL, b"")
    assert not (run_folder / "checkpoints" / "jobs" / "test" / "done.safetensors").exists()


TELLS_NOBODY = """
import os
import queue
from types import SimpleNamespace
from retemper.training import worker
read, write = os.pipe()
os.close(read)
told = SimpleNamespace(run=lambda folder, deadline, tell: tell(0.5, "half"))
worker._serve(told, {"folder": "f", "deadline": {}}, os.fdopen(write, "w"))
"""


def test_a_worker_whose_parent_was_killed_ends_without_a_word() -> None:
    """Its next progress can come before it is told that the pipe has closed."""
    ended = subprocess.run([sys.executable, "-c", TELLS_NOBODY], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_folders_are_written_while_others_train_and_jobs_dealt_out_before_results_are_read(
    run_folder: Path, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []

    def noted(owner: Any, name: str, what: str, place: int) -> None:
        own = getattr(owner, name)

        def call(*args: Any) -> Any:
            events.append((what, args[place].name))
            return own(*args)

        monkeypatch.setattr(owner, name, call)

    with Pool(run_folder / "checkpoints" / "jobs", 1) as own:
        noted(own, "_send", "dealt", 1)
        noted(jobs, "write_job", "written", 0)
        noted(jobs, "read", "read", 0)
        own.run([job_for(data_folder, name=name) for name in "abc"], [Deadline()] * 3, quiet)
    steps = "written a, dealt a, written b, dealt b, written c, read a, dealt c, read b, read c"
    assert ", ".join(f"{what} {name}" for what, name in events) == steps


def test_a_worker_keeps_its_memory_for_a_job_that_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "AT_ONCE_S", 0.02)
    let_go: list[str] = []
    monkeypatch.setattr(worker, "let_go", lambda: let_go.append("once"))
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    orders.put("first")
    assert (worker._taken(orders), let_go) == ("first", [])
    threading.Timer(0.2, orders.put, ("second",)).start()
    assert (worker._taken(orders), let_go) == ("second", ["once"])


def test_what_can_wait_is_done_once_and_after_the_first_jobs_are_dealt_out(
    run_folder: Path, job_for: Any, data_folder: Path
) -> None:
    dealt: list[int] = []
    sent: list[int] = []
    with Pool(run_folder / "checkpoints" / "jobs", 2) as own:
        own.meanwhile = lambda: dealt.append(len(sent))
        send = own._send
        own._send = lambda worker, *args: (sent.append(worker), send(worker, *args))  # type: ignore[assignment]
        own.run([job_for(data_folder, name=name) for name in "abc"], [Deadline()] * 3, quiet)
    assert (dealt, len(sent)) == ([2], 3)
