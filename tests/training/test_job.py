"""A job's folder: what it holds, done once, gone on with after a kill."""

import errno
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from retemper.core.budget import Deadline
from retemper.core.errors import InputError
from retemper.core.history import append_rows, read_histories
from retemper.training import callbacks, carry_out, planning, sealed
from retemper.training import job as jobs
from retemper.training.checkpoint import Checkpoint
from retemper.training.job import Job, JobResult
from retemper.training.stack import Member


def quiet(share: float, text: str) -> None:
    return None


def do(run_folder: Path, job: Job, deadline: Deadline | None = None) -> JobResult:
    """The job, in this process."""
    folder = run_folder / "checkpoints" / "jobs" / job.name
    jobs.write_job(folder, job)
    return carry_out.run(folder, deadline or Deadline(), quiet)


def assert_same(one: JobResult, other: JobResult) -> None:
    assert one.job == other.job and one.stopped == other.stopped
    assert np.array_equal(one.outputs, other.outputs) and np.array_equal(one.losses, other.losses)
    for ours, theirs in zip(one.fits, other.fits, strict=True):
        assert torch.equal(ours.row, theirs.row)
        assert replace(ours, row=theirs.row) == theirs


def test_a_job_is_plain_data(job_for: Any) -> None:
    job = job_for("data", rows=20, rates=(0.1, 0.2), name="plain")
    assert Job.from_json(job.to_json()) == job


def test_parts_deal_the_members_out(job_for: Any) -> None:
    job = job_for("data", members=tuple(Member(k, 1e-3) for k in range(5)))
    parts = job.parts(2)
    assert [[member.id for member in part.members] for part in parts] == [[0, 2, 4], [1, 3]]
    assert [part.name for part in parts] == ["test.0", "test.1"] and {p.history for p in parts} == {"test"}
    assert job.parts(1) == [job] and len(job.parts(9)) == 5


def test_a_finished_job_is_not_done_again(
    run_folder: Path, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_for(data_folder, training={"patience_epochs": 2}, epochs=20)
    first = do(run_folder, job)
    assert first.steps == 5 * max(fit.epochs for fit in first.fits) and np.shape(first.outputs) == (3, 60, 3)
    np.testing.assert_allclose(np.sum(first.outputs, 2), 1, atol=1e-6)
    histories = read_histories(run_folder / "history" / "test.jsonl")
    assert [len(h) for h in histories] == [f.epochs for f in sorted(first.fits, key=lambda f: f.member.id)]

    with monkeypatch.context() as patch:
        patch.setattr(carry_out, "plan_of", lambda job, data: pytest.fail("trained again"))
        assert_same(do(run_folder, job), first)
    folder = run_folder / "checkpoints" / "jobs" / "test"
    assert sorted(path.name for path in folder.iterdir()) == ["done.safetensors", "job.json"]
    (folder / "done.safetensors").write_bytes(b"damaged")
    assert_same(do(run_folder, job), first)
    other = do(run_folder, replace(job, epochs=2))
    assert [fit.epochs for fit in other.fits] == [2, 2, 2], "another job by that name is another job"


def test_a_killed_job_goes_on_to_the_same_bits(
    run_folder: Path, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_for(data_folder, epochs=6)
    whole = do(run_folder, replace(job, name="whole"))
    monkeypatch.setattr(Checkpoint, "on_epoch_end", Checkpoint.save)

    def kill(share: float, text: str) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    folder = run_folder / "checkpoints" / "jobs" / "test"
    jobs.write_job(folder, job)
    with pytest.raises(KeyboardInterrupt):
        carry_out.run(folder, Deadline(), kill)
    assert (folder / "state.safetensors").exists()
    after = do(run_folder, job)
    assert after.steps == 15, "three epochs were left"
    assert_same(replace(after, job=whole.job), whole)
    curves = [read_histories(run_folder / "history" / f"{name}.jsonl") for name in ("test", "whole")]
    for ours, theirs in zip(*curves, strict=True):
        assert np.array_equal(ours["val_loss"], theirs["val_loss"])


def epochs_on_disk(run_folder: Path) -> int:
    path = run_folder / "history" / "test.jsonl"
    return len(read_histories(path)[0]) if path.is_file() else 0


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between the epochs."""
    clock = SimpleNamespace(monotonic=lambda: 0.0, perf_counter=time.perf_counter)
    monkeypatch.setattr(callbacks, "time", clock)


@pytest.mark.usefixtures("still_clock")
def test_rows_of_many_epochs_are_written_at_once(
    run_folder: Path, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def watched(path: Path, rows: list[Any]) -> None:
        written.append(len(rows))
        append_rows(path, rows)

    monkeypatch.setattr(callbacks, "append_rows", watched)
    do(run_folder, job_for(data_folder, epochs=6))
    assert written == [18] and epochs_on_disk(run_folder) == 6


@pytest.mark.usefixtures("still_clock")
def test_no_row_before_a_checkpoint_waits_in_memory(
    run_folder: Path, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process writes nothing more, and who goes on begins after the checkpoint."""
    monkeypatch.setattr(Checkpoint, "on_epoch_end", Checkpoint.save)
    seen: list[int] = []
    folder = run_folder / "checkpoints" / "jobs" / "test"
    jobs.write_job(folder, job_for(data_folder, epochs=3))
    carry_out.run(folder, Deadline(), lambda share, text: seen.append(epochs_on_disk(run_folder)))
    assert seen == [1, 2, 3]


@pytest.mark.usefixtures("still_clock")
def test_rows_are_written_where_a_training_is_interrupted(
    run_folder: Path, job_for: Any, data_folder: Path
) -> None:
    def interrupt(share: float, text: str) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    folder = run_folder / "checkpoints" / "jobs" / "test"
    jobs.write_job(folder, job_for(data_folder, epochs=6))
    with pytest.raises(KeyboardInterrupt):
        carry_out.run(folder, Deadline(), interrupt)
    assert epochs_on_disk(run_folder) == 3


def test_a_deadline_of_units_stops_at_that_step(run_folder: Path, job_for: Any, data_folder: Path) -> None:
    stopped = do(run_folder, job_for(data_folder), Deadline("test.stopped", None, 8))
    assert (stopped.stopped, stopped.steps) == (8, 8)
    assert_same(do(run_folder, job_for(data_folder)), stopped)
    assert do(run_folder, job_for(data_folder, name="free")).stopped is None
    late = Deadline("late.stopped", 0.0)
    assert do(run_folder, job_for(data_folder, name="late"), late).stopped == 1


def test_a_member_that_has_learnt_enough_is_done_whoever_trains_beside_it(
    run_folder: Path, job_for: Any, data_folder: Path
) -> None:
    enough = 0.7
    members = (Member(0, 3e-2), Member(1, 1e-2), Member(2, 1e-5))
    job = job_for(data_folder, members=members, enough=enough, epochs=12)
    whole = do(run_folder, job)
    for fit in whole.fits:
        reached = [row["val_loss"] <= enough for row in fit.history]
        assert fit.epochs == (reached.index(True) + 1 if any(reached) else 12)
    assert whole.fits[0].epochs < whole.fits[1].epochs < whole.fits[2].epochs
    parts = [do(run_folder, part) for part in job.parts(2)]
    together = jobs.joined(job, parts)
    assert_same(whole, together)
    assert np.shares_memory(together.outputs[0], parts[0].outputs), "of many classes a copy would fill memory"


def test_given_rates_leave_the_loss_of_every_step(run_folder: Path, job_for: Any, data_folder: Path) -> None:
    rates = tuple(np.geomspace(1e-5, 1.0, 10).tolist())
    result = do(run_folder, job_for(data_folder, rates=rates, epochs=2))
    assert result.losses.shape == (10, 3) and (result.losses > 0).all()
    assert_same(do(run_folder, job_for(data_folder, rates=rates, epochs=2)), result)


def test_the_rows_a_job_sees(job_for: Any, task_arrays: Any) -> None:
    data = task_arrays()
    some = planning.train_rows(job_for(rows=40), data)
    assert some.dense.shape == (40, 6) and len(some.weight) == 40
    assert {row.tobytes() for row in some.dense} < {row.tobytes() for row in data.train.dense}
    assert np.array_equal(some.y, planning.train_rows(job_for(rows=40), data).y)
    assert planning.train_rows(job_for(rows=1000), data) is data.train

    shuffled = planning.train_rows(job_for(shuffle_labels=True), data)
    assert np.array_equal(np.sort(shuffled.y), np.sort(data.train.y))
    assert not np.array_equal(shuffled.y, data.train.y) and shuffled.dense is data.train.dense
    blind = planning.train_rows(job_for(zero_inputs=True), data)
    assert not blind.dense.any() and not blind.codes.any() and blind.y is data.train.y

    judged = planning.plan_of(job_for(rows=40, on_train=True), data)
    assert judged.validation.count == 40 and torch.equal(judged.validation.x, judged.train.x)


def test_the_head_starts_at_the_prior(job_for: Any, task_arrays: Any) -> None:
    data = replace(task_arrays(), prior=(0.7, 0.2, 0.1))
    plan = planning.plan_of(job_for(), data)
    np.testing.assert_allclose(np.exp(plan.output_bias) / np.exp(plan.output_bias).sum(), data.prior)
    assert plan.trivial_loss == pytest.approx(-np.sum(np.array(data.prior) * np.log(data.prior)))
    assert planning.plan_of(job_for(training={"output_bias": "zero"}), data).output_bias is None

    two = replace(task_arrays(2), prior=(0.8, 0.2))
    one_output = planning.plan_of(job_for(training={"loss": "binary_cross_entropy"}), two)
    np.testing.assert_allclose(1 / (1 + np.exp(-one_output.output_bias)), [0.2])
    value = planning.plan_of(job_for(), replace(task_arrays(0), prior=(0.4, 2.0)))
    assert value.output_bias.tolist() == [0.4] and value.trivial_loss == pytest.approx(4.0)
    assert planning.plan_of(job_for(), task_arrays(3, (1.0, 2.0, 3.0))).class_weight.tolist() == [1, 2, 3]


@pytest.mark.parametrize("place", ["save_file", "append_rows"])
def test_a_full_disk_is_told(
    run_folder: Path, job_for: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    job = job_for(data_folder, epochs=2)
    jobs.write_job(run_folder / "checkpoints" / "jobs" / "test", job)

    def full(path: Any, *content: Any) -> None:
        if place == "save_file":
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(sealed if place == "save_file" else callbacks, place, full)
    with pytest.raises(InputError) as caught:
        do(run_folder, job)
    assert caught.value.code == "disk_full" and caught.value.exit_code == 2
    assert str(run_folder) in caught.value.where_text()
    monkeypatch.undo()
    assert do(run_folder, job).stopped is None
