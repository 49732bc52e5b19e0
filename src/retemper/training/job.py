"""A job: one training of one stack as a folder, so that any process can do it and any resume can go on with it.

``job.json`` says what to train; ``state.safetensors`` is the checkpoint while it runs; ``done.safetensors``
holds the members' best parameters and their outputs for the validation rows. A job whose folder is done is not
trained again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from retemper.core import catalogue, device, seeds
from retemper.core.budget import Deadline
from retemper.core.recipe import TrainingOptions
from retemper.core.records import Task, to_json
from retemper.core.run_folder import disk_faults, write_whole
from retemper.models.layers.network import Network
from retemper.training import arrays, losses
from retemper.training.arrays import TaskArrays
from retemper.training.callbacks import Best, Patience, Plateau, Progress, Record, Signals, StepLosses
from retemper.training.checkpoint import Checkpoint
from retemper.training.class_losses import ClassLoss
from retemper.training.loop import Callback, Training
from retemper.training.loss import Loss
from retemper.training.plan import Fit, Plan, predict
from retemper.training.schedules import OnPlateau
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
        rows: train on that many rows, drawn once by the seed; None: on all.
        shuffle_labels, zero_inputs: the controls of ``input_blind``.
        on_train: judge by the (drawn) training rows instead of the validation rows.
        rates: learning rate of each step, one list for all members, instead of rate × schedule.
        history: stem of the history file; several jobs may share one.
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
    shuffle_labels: bool = False
    zero_inputs: bool = False
    on_train: bool = False
    rates: tuple[float, ...] = ()
    history: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for job.json."""
        return cast("dict[str, Any]", to_json(asdict(self)))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        """The way back from :meth:`to_json`."""
        return TypeAdapter(cls).validate_python(data)

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


@dataclass(frozen=True)
class JobResult:
    """What a job left.

    Args:
        fits: one a member.
        outputs: [M, Nv, C] probabilities or [M, Nv] values for the validation rows, at the best parameters.
        seconds, steps: for planning the next job.
        stopped: the step at which the deadline ended it; None when it ran to its end.
        losses: [steps, M] of every batch, where the job gives its own rates; else empty.
    """

    job: Job
    fits: list[Fit]
    outputs: NDArray[np.float32]
    seconds: float
    steps: int
    stopped: int | None
    losses: NDArray[np.float64]


def plan_of(job: Job, data: TaskArrays, validating: bool = True) -> Plan:
    """The plan that a job means for its data; ``validating`` false: there are no validation rows."""
    options = TrainingOptions.model_validate(job.training)
    task = cast(Task, data.task)
    loss = losses.resolve(options.loss, task, data.n_classes)
    network = build_network(job.model, data, loss.n_outputs(data.n_classes))
    place = device.choose(job.device)
    train = train_rows(job, data)
    weight = None
    if isinstance(loss, ClassLoss) and data.class_weight is not None:
        weight = np.asarray(data.class_weight)
    return Plan(
        network=network,
        loss=loss,
        options=options,
        members=job.members,
        seed=job.seed,
        train=train.rows(device=place),
        validation=(train if job.on_train else data.validation).rows(device=place) if validating else None,
        epochs=job.epochs,
        output_bias=output_bias(data, loss.n_outputs(data.n_classes), options),
        class_weight=weight,
        rates=np.array(job.rates)[:, None].repeat(len(job.members), 1) if job.rates else None,
        trivial_loss=plain_loss(loss).expected_initial(data.prior),
    )


def plain_loss(loss: Loss) -> Loss:
    """The loss as validation measures it: without smoothing or class weights."""
    return loss.replaced(label_smoothing=0.0, class_weights="none") if isinstance(loss, ClassLoss) else loss


def build_network(model: dict[str, Any], data: TaskArrays, outputs: int) -> Network:
    """The network of a recipe's ``model`` for the data."""
    choice = dict(model)
    module = catalogue.entry("model", choice.pop("name"))
    return cast(Network, module.build(module.Options.model_validate(choice), data.shape, outputs))


def output_bias(data: TaskArrays, outputs: int, options: TrainingOptions) -> NDArray[np.float64] | None:
    """Start of the head's bias: log class frequencies, the log odds for one output, the target's mean."""
    if options.output_bias == "zero":
        return None
    if data.task == "regression":
        return np.full(outputs, data.prior[0])
    logs = np.log(np.asarray(data.prior))
    return logs - logs.mean() if outputs > 1 else np.array([logs[1] - logs[0]])


def train_rows(job: Job, data: TaskArrays) -> arrays.SplitArrays:
    """The training rows a job sees: all or a draw, with the controls that it asks for."""
    part = data.train
    if job.rows is not None and job.rows < len(part.y):
        drawn = np.sort(seeds.generator(job.seed, "sample of rows").permutation(len(part.y))[: job.rows])
        part = arrays.SplitArrays(part.dense[drawn], part.codes[drawn], part.y[drawn], part.weight[drawn])
    if job.shuffle_labels:
        part = replace(part, y=seeds.generator(job.seed, "shuffled labels").permutation(part.y))
    if job.zero_inputs:
        part = replace(part, dense=np.zeros_like(part.dense), codes=np.zeros_like(part.codes))
    return part


def callbacks_of(plan: Plan, tell: Tell, history: Path | None, state: Path | None) -> list[Callback]:
    """The callbacks a plan asks for, in the fixed order."""
    options = plan.options
    signals = Signals() if options.signals else None
    record = Record(signals, history)
    schedule = options.schedule.options
    plateau = Plateau(schedule) if isinstance(schedule, OnPlateau) else None
    wanted: list[Callback | None] = [
        signals,
        record,
        Best(record),
        plateau,
        Patience(options.patience_epochs) if options.patience_epochs and plan.validation else None,
        Checkpoint(state, record, plateau) if state else None,
        Progress(tell),
    ]
    return [callback for callback in wanted if callback]


def run(folder: Path, deadline: Deadline, tell: Tell) -> JobResult:
    """Do the job of a folder, or go on with it, or read what it left when it is done.

    Raises:
        InputError: the disk is full or can't be written.
    """
    job = Job.from_json(json.loads((folder / "job.json").read_text()))
    finished = read(folder, job)
    if finished:
        return finished
    data = _load(job.data)
    plan = plan_of(job, data)
    run_folder = folder.parents[2]
    history = run_folder / "history" / f"{job.history or job.name}.jsonl"
    # A run over given rates is short and keeps every step's loss: it begins anew after a kill.
    state = None if job.rates else folder / "state.safetensors"
    steps = StepLosses()
    callbacks = (
        [steps, *callbacks_of(plan, tell, history, state)]
        if job.rates
        else callbacks_of(plan, tell, history, state)
    )
    training = Training(plan, callbacks, deadline)
    for callback in callbacks:
        if isinstance(callback, Checkpoint):
            callback.restore(training)
    began, first = time.perf_counter(), training.step
    with disk_faults(folder):
        fits = training.run()
        outputs = _outputs(plan, fits)
        stopped = training.step if training.over else None
        result = JobResult(
            job,
            fits,
            outputs,
            time.perf_counter() - began,
            training.step - first,
            stopped,
            steps.values.numpy() if job.rates else np.zeros((0, 0)),
        )
        _write(folder, result)
    return result


@lru_cache(maxsize=2)
def _load(folder: str) -> TaskArrays:
    return arrays.load(Path(folder))


def _outputs(plan: Plan, fits: list[Fit]) -> NDArray[np.float32]:
    assert plan.validation is not None
    rows = torch.stack([fit.row for fit in fits])
    return np.ascontiguousarray(predict(plan.network, rows, plan.validation, plan.loss).float().cpu().numpy())


def _write(folder: Path, result: JobResult) -> None:
    facts = {
        "seconds": result.seconds,
        "steps": result.steps,
        "stopped": result.stopped,
        "fits": [[f.member.id, f.best_epoch, f.epochs, f.val_loss, f.history] for f in result.fits],
    }
    tensors: dict[str, Tensor] = {
        "rows": torch.stack([fit.row.cpu() for fit in result.fits]),
        "outputs": torch.from_numpy(result.outputs),
        "losses": torch.from_numpy(np.ascontiguousarray(result.losses)),
    }
    write_whole(folder / "done.safetensors", save_tensors(tensors, {"facts": json.dumps(to_json(facts))}))
    (folder / "state.safetensors").unlink(missing_ok=True)


def read(folder: Path, job: Job) -> JobResult | None:
    """What a finished job left; None while it isn't finished (or its file can't be read: do it again)."""
    try:
        with safe_open(folder / "done.safetensors", framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            rows, outputs, batch_losses = (file.get_tensor(name) for name in ("rows", "outputs", "losses"))
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError):
        return None
    by_id = {member.id: member for member in job.members}
    fits = [
        Fit(by_id[id_], rows[k], best, epochs, float("nan") if loss is None else loss, history)
        for k, (id_, best, epochs, loss, history) in enumerate(facts["fits"])
    ]
    return JobResult(
        job, fits, outputs.numpy(), facts["seconds"], facts["steps"], facts["stopped"], batch_losses.numpy()
    )


def write_job(folder: Path, job: Job) -> None:
    """Make a job's folder; a folder of another job by that name is emptied."""
    text = json.dumps(job.to_json())
    place = folder / "job.json"
    if place.is_file() and place.read_text() == text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    write_whole(place, text.encode())
