"""Doing a job: train what its folder says, go on with what was begun, never do what is done."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from retemper.core.budget import Deadline
from retemper.core.run_folder import disk_faults
from retemper.training import arrays, fold_files
from retemper.training.arrays import TaskArrays, damaged
from retemper.training.callbacks import Record, StepLosses, StepTimes
from retemper.training.checkpoint import Checkpoint
from retemper.training.job import Job, JobResult, Tell, read, write_result
from retemper.training.loop import Training
from retemper.training.plan import Fit, Plan, predict
from retemper.training.planning import callbacks_of, plan_of

PAUSED = "paused.safetensors"
"""Beside what a job left: its members' state, where it ended before the last epoch."""


def run(folder: Path, deadline: Deadline, tell: Tell) -> JobResult:
    """Do the job of a folder, or go on with it, or read what it left when it is done.

    Raises:
        InputError: the disk is full or can't be written, or the prepared rows are damaged.
    """
    job = Job.from_json(json.loads((folder / "job.json").read_text()))
    finished = read(folder, job)
    if finished:
        return finished
    data = _load(job.data)
    folds = fold_files.load_folds(Path(job.data)) if job.folds else None
    versions = fold_files.load_versions(Path(job.data)) if job.folds else None
    plan = plan_of(job, data, folds=folds, versions=versions)
    run_folder = folder.parents[2]
    history = run_folder / "history" / f"{job.history or job.name}.jsonl"
    # A run over given rates is short and keeps every step's loss: it begins anew after a kill.
    state = None if job.rates else folder / "state.safetensors"
    losses, times = StepLosses(), StepTimes()
    callbacks = [times, *callbacks_of(plan, tell, history, state, job.enough)]
    if job.rates:
        callbacks.insert(0, losses)
    training = Training(plan, callbacks, deadline)
    record = next(own for own in callbacks if isinstance(own, Record))
    checkpoint = next((own for own in callbacks if isinstance(own, Checkpoint)), None)
    if checkpoint and not checkpoint.restore(training) and job.goes_on:
        _go_on(checkpoint, training, [folder.parent / name / PAUSED for name in job.goes_on])
    first = training.step
    with disk_faults(folder):
        try:
            fits = training.run()
        finally:
            record.save()
        if job.until and checkpoint:
            checkpoint.save(training, folder / PAUSED)
        outputs = _outputs(plan, fits)
        stopped = training.step if training.over else None
        result = JobResult(
            job,
            fits,
            outputs,
            times.seconds,
            training.step - first,
            stopped,
            losses.values.numpy() if job.rates else np.zeros((0, 0)),
            (job.name,) * len(fits),
        )
        write_result(folder, result)
    return result


def _go_on(checkpoint: Checkpoint, training: Training, states: list[Path]) -> None:
    if not checkpoint.restore(training, states):
        raise damaged(next((path for path in states if not path.is_file()), states[0]))


@lru_cache(maxsize=2)
def _load(folder: str) -> TaskArrays:
    return arrays.load(Path(folder), verify=True)


def _outputs(plan: Plan, fits: list[Fit]) -> NDArray[np.float32]:
    assert plan.validation is not None
    rows = torch.stack([fit.row for fit in fits])
    return np.ascontiguousarray(
        predict(plan.network, rows, plan.validation, plan.loss, plan.held_out).float().cpu().numpy()
    )
