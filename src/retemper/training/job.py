"""A job: one training of one stack as a folder, so that any process can do it and any resume can go on with it.

``job.json`` says what to train; ``state.safetensors`` is the checkpoint while it runs; ``done.safetensors``
holds the members' best parameters and their outputs for the validation rows. A job whose folder is done is not
trained again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor

from retemper.core.records import to_json
from retemper.core.run_folder import disk_faults, write_whole
from retemper.training import sealed
from retemper.training.plan import Fit
from retemper.training.stack import Member

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Job:
    """What to train, as plain data.

    Args:
        name: unique in a run; also the stem of its history file unless ``history`` says otherwise.
        data: folder of the prepared arrays.
        model: the recipe's ``model`` as plain data.
        training: the recipe's ``training`` as plain data.
        members: who trains.
        seed: the run's seed.
        epochs: passes over the rows.
        device: cpu, cuda or mps.
        rows: train on that many rows, drawn once by the seed, with folds for each member by its id; None: on all.
        judges: be judged by that many of the validation rows, drawn once by the seed; None: by all.
        shuffle_labels, zero_inputs: the controls of ``input_blind``.
        on_train: judge by the (drawn) training rows instead of the validation rows.
        enough: a member whose validation loss is this low is done; 0: all go on to the end.
        rates: learning rate of each step, one list for all members, instead of rate × schedule.
        history: stem of the history file; several jobs may share one.
        until: stop after so many of the epochs and keep the state, for a later job to go on from; 0: train to the end.
        goes_on: names of the jobs whose paused members go on here, with the steps they have made.
        since: the epoch they paused after.
        folds: with k above 0, training and validation rows together are dealt out to k folds as the data folder's
            ``folds.safetensors`` says; a member's ``held_out`` h means fold h mod k of repeat h // k.
    """

    name: str
    data: str
    model: dict[str, Any]
    training: dict[str, Any]
    members: tuple[Member, ...]
    seed: int
    epochs: int
    device: str = "cpu"
    rows: int | None = None
    judges: int | None = None
    shuffle_labels: bool = False
    zero_inputs: bool = False
    on_train: bool = False
    enough: float = 0.0
    rates: tuple[float, ...] = ()
    history: str = ""
    folds: int = 0
    until: int = 0
    goes_on: tuple[str, ...] = ()
    since: int = 0

    @property
    def last_epoch(self) -> int:
        """The epoch it ends at."""
        return self.until or self.epochs

    def to_json(self) -> dict[str, Any]:
        """Plain data for job.json."""
        return cast("dict[str, Any]", to_json(asdict(self)))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        """The way back from :meth:`to_json`."""
        return _reader().validate_python(data)

    def parts(self, count: int) -> list[Job]:
        """The members dealt out to ``count`` jobs; the members' bits don't depend on it."""
        count = min(count, len(self.members))
        if count <= 1:
            return [self]
        history = self.history or self.name
        return [
            replace(self, name=f"{self.name}.{k}", members=self.members[k::count], history=history)
            for k in range(count)
        ]


@cache
def _reader() -> TypeAdapter[Job]:
    """Made once: it takes as long as some steps of a small stack."""
    return TypeAdapter(Job)


@dataclass(frozen=True)
class JobResult:
    """What a job left.

    Args:
        fits: one a member.
        outputs: for each member [Nv, C] probabilities or [Nv] values for the rows that judge, at the best parameters:
            the validation rows, or the member's own fold in order (filled up to the largest fold's size).
        seconds, steps: of the training's steps alone, for planning the next job.
        stopped: the step at which the deadline ended it; None when it ran to its end.
        losses: [steps, M] of every batch, where the job gives its own rates; else empty.
        places: for each fit the name of the job, or the part of it, whose folder has the network.
    """

    job: Job
    fits: list[Fit]
    outputs: NDArray[np.float32] | Sequence[NDArray[np.float32]]
    seconds: float
    steps: int
    stopped: int | None
    losses: NDArray[np.float64]
    places: tuple[str, ...] = ()


def joined(job: Job, parts: Sequence[JobResult]) -> JobResult:
    """The result of a job from those of its parts, the members in the job's order."""
    if len(parts) == 1:
        return replace(parts[0], job=job)
    order = {member.id: slot for slot, member in enumerate(job.members)}
    fits = [
        (order[fit.member.id], fit, part.outputs[k], part.places[k])
        for part in parts
        for k, fit in enumerate(part.fits)
    ]
    places = np.argsort([entry[0] for entry in fits])
    # Parts that a deadline stopped may have made different numbers of steps.
    steps = min(len(part.losses) for part in parts)
    losses = np.concatenate([part.losses[:steps] for part in parts], 1)
    losses = losses[:, places] if losses.size else losses
    fits.sort(key=lambda entry: entry[0])
    stopped = [part.stopped for part in parts if part.stopped is not None]
    return JobResult(
        job,
        [entry[1] for entry in fits],
        [entry[2] for entry in fits],  # they lie in the parts' files: joined they would fill memory
        max(part.seconds for part in parts),
        max(part.steps for part in parts),
        min(stopped, default=None),
        losses,
        tuple(entry[3] for entry in fits),
    )


def write_result(folder: Path, result: JobResult) -> None:
    """Write what a job left; its checkpoint goes."""
    facts = {
        "seconds": result.seconds,
        "steps": result.steps,
        "stopped": result.stopped,
        "fits": [[f.member.id, f.best_epoch, f.epochs, f.val_loss, f.history] for f in result.fits],
    }
    tensors: dict[str, Tensor] = {
        "rows": torch.stack([fit.row.cpu() for fit in result.fits]),
        "outputs": torch.from_numpy(np.asarray(result.outputs)),
        "losses": torch.from_numpy(np.ascontiguousarray(result.losses)),
    }
    sealed.write(folder / "done.safetensors", tensors, facts)
    (folder / "state.safetensors").unlink(missing_ok=True)


def read(folder: Path, job: Job) -> JobResult | None:
    """What a finished job left; None while it isn't finished (or its file is damaged: do it again)."""
    saved = sealed.read(folder / "done.safetensors")
    if saved is None:
        return None
    facts, tensors = saved
    rows, outputs, batch_losses = (tensors[name] for name in ("rows", "outputs", "losses"))
    by_id = {member.id: member for member in job.members}
    fits = [
        Fit(by_id[id_], rows[k], best, epochs, float("nan") if loss is None else loss, history)
        for k, (id_, best, epochs, loss, history) in enumerate(facts["fits"])
    ]
    return JobResult(
        job,
        fits,
        outputs.numpy(),
        facts["seconds"],
        facts["steps"],
        facts["stopped"],
        batch_losses.numpy(),
        (job.name,) * len(fits),
    )


def write_job(folder: Path, job: Job) -> None:
    """Make a job's folder; a folder of another job by that name is emptied.

    Raises:
        InputError: ``disk_full`` or ``cannot_write``.
    """
    content = json.dumps(job.to_json()).encode()
    place = folder / "job.json"
    if place.is_file() and place.read_bytes() == content:
        return
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        write_whole(place, content)
