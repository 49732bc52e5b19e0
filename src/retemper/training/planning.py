"""From a job and its data to a plan: what exactly is trained, and what joins in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from retemper.core import device, seeds
from retemper.core.recipe_sections import TrainingOptions
from retemper.core.records import Task
from retemper.models.layers.build import network_of
from retemper.models.layers.network import Network
from retemper.training import losses
from retemper.training.arrays import SplitArrays, TaskArrays, joined, pooled
from retemper.training.callback import Callback
from retemper.training.callbacks import Best, Enough, Lost, Patience, Plateau, Progress, Record, Signals
from retemper.training.checkpoint import Checkpoint
from retemper.training.class_losses import ClassLoss
from retemper.training.job import Job, Tell
from retemper.training.loss import Loss
from retemper.training.pages import gathered
from retemper.training.plan import Plan
from retemper.training.schedules import OnPlateau
from retemper.training.stack import Layout, Member


def plan_of(
    job: Job,
    data: TaskArrays,
    validating: bool = True,
    folds: NDArray[np.uint8] | None = None,
    versions: SplitArrays | None = None,
) -> Plan:
    """The plan that a job means for its data.

    Args:
        job: what to train.
        data: the prepared arrays.
        validating: false: there are no validation rows.
        folds: [repeats, rows] of a job with folds.
        versions: its rows once for each fold, where what may be seen of them depends on the fold.
    """
    options = TrainingOptions.model_validate(job.training)
    task = cast(Task, data.task)
    loss = losses.resolve(options.loss, task, data.n_classes)
    outputs = loss.n_outputs(data.n_classes)
    network = network_of(job.model, data.shape, outputs)
    place = device.choose(job.device)
    train = train_rows(job, data) if folds is None else versions or pooled(data)
    judges = train if job.on_train or folds is not None else judge_rows(data, job.judges, job.seed)
    rows = train.rows(device=place)
    validation = None
    if validating:
        validation = rows if judges is train else judges.rows(device=place)
    weight = None
    if isinstance(loss, ClassLoss) and data.class_weight is not None:
        weight = np.asarray(data.class_weight)
    return Plan(
        network=network,
        loss=loss,
        options=options,
        members=job.members,
        seed=job.seed,
        train=rows,
        validation=validation,
        epochs=job.epochs,
        until=job.until,
        own=_own_networks(job, data, outputs),
        **({} if folds is None else _held_out(job, folds, versions is not None)),
        output_bias=output_bias(data, loss.n_outputs(data.n_classes), options),
        class_weight=weight,
        rates=np.array(job.rates)[:, None].repeat(len(job.members), 1) if job.rates else None,
        trivial_loss=plain_loss(loss).expected_initial(data.prior),
    )


def _own_networks(job: Job, data: TaskArrays, outputs: int) -> tuple[Network, ...]:
    if all(member.model is None for member in job.members):
        return ()
    models = [dict(member.model or job.model) for member in job.members]
    known: dict[str, Network] = {}
    for model in models:
        known.setdefault(repr(model), network_of(model, data.shape, outputs))
    return tuple(known[repr(model)] for model in models)


@dataclass(frozen=True)
class Alone:
    """A network that could train alone: its job of one member, and the prepared rows."""

    job: Job
    data: TaskArrays

    @cached_property
    def loss(self) -> Loss:
        """Resolved for the task."""
        options = TrainingOptions.model_validate(self.job.training)
        return losses.resolve(options.loss, cast(Task, self.data.task), self.data.n_classes)

    @cached_property
    def network(self) -> Network:
        """Built for its rows."""
        return network_of(self.job.model, self.data.shape, self.loss.n_outputs(self.data.n_classes))


def stacked_plan(alone: Sequence[Alone], validating: bool) -> Plan:
    """One plan for networks that could train alone, each on rows of its own.

    Args:
        alone: jobs alike but for their members and for widths; prepared rows of one stored shape, as many validation
            rows for each.
        validating: false: there are no validation rows.
    """
    tables: dict[int, TaskArrays] = {}
    for each in alone:
        tables.setdefault(id(each.data), each.data)
    place = {key: number for number, key in enumerate(tables)}
    table_of = [place[id(each.data)] for each in alone]
    data = list(tables.values())
    job, first = alone[0].job, data[0]
    options = TrainingOptions.model_validate(job.training)
    networks = [each.network for each in alone]
    loss, where = alone[0].loss, device.choose(job.device)
    biases = [output_bias(table, loss.n_outputs(first.n_classes), options) for table in data]
    own = _places([len(table.train.y) for table in data])
    judges = _places([len(table.validation.y) for table in data])
    weighs = isinstance(loss, ClassLoss) and first.class_weight is not None
    return Plan(
        network=max(networks, key=lambda network: Layout(network).size),
        loss=loss,
        options=options,
        members=tuple(each.job.members[0] for each in alone),
        seed=job.seed,
        train=_below([table.train for table in data]).rows(device=where),
        validation=_below([table.validation for table in data]).rows(device=where) if validating else None,
        epochs=job.epochs,
        subsets=tuple(own[table] for table in table_of),
        own=tuple(networks),
        meets=tuple(len(own[table]) for table in table_of),
        held_out=np.stack([judges[table] for table in table_of]) if validating else None,
        output_bias=None
        if biases[0] is None
        else np.stack([np.asarray(biases[table]) for table in table_of]),
        class_weight=np.asarray(first.class_weight) if weighs else None,
    )


def _below(parts: Sequence[SplitArrays]) -> SplitArrays:
    """Rows below each other, narrower ones filled up with zeros."""
    width = max(part.dense.shape[1] for part in parts)
    return joined(
        [
            replace(part, dense=np.pad(part.dense, ((0, 0), (0, width - part.dense.shape[1]))))
            if part.dense.shape[1] < width
            else part
            for part in parts
        ]
    )


def _places(counts: Sequence[int]) -> list[NDArray[np.int64]]:
    """Row numbers of tables that lie below each other."""
    ends = np.cumsum(counts)
    return [np.arange(end - count, end) for count, end in zip(counts, ends, strict=True)]


def _held_out(job: Job, folds: NDArray[np.uint8], versioned: bool) -> dict[str, Any]:
    """The rows each member trains on, and those [M, L] that judge it; L is the largest fold's size.

    With versions the rows of a fold's network are those of its fold's version.
    """
    most = max(int(np.bincount(own).max()) for own in folds)
    held_out = np.full((len(job.members), most), -1, dtype=np.int64)
    subsets = []
    for slot, member in enumerate(job.members):
        outside = folds[member.held_out // job.folds] == member.held_out % job.folds
        first = member.held_out % job.folds * len(outside) if versioned else 0
        judges = first + np.flatnonzero(outside)
        held_out[slot, : len(judges)] = judges
        subsets.append(first + _own(job, member, np.flatnonzero(~outside)))
    versions = job.folds if versioned else 1
    return {"subsets": tuple(subsets), "held_out": held_out, "versions": versions}


def _own(job: Job, member: Member, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """All of the rows, or as many as the job says, drawn by the member's id."""
    if job.rows is None or job.rows >= len(rows):
        return rows
    return np.sort(seeds.generator(job.seed, "sample of rows", member.draws).permutation(rows)[: job.rows])


def plain_loss(loss: Loss) -> Loss:
    """The loss as validation measures it: without smoothing or class weights."""
    return loss.replaced(label_smoothing=0.0, class_weights="none") if isinstance(loss, ClassLoss) else loss


def output_bias(data: TaskArrays, outputs: int, options: TrainingOptions) -> NDArray[np.float64] | None:
    """Start of the head's bias: log class frequencies, the log odds for one output, the target's mean."""
    if options.output_bias == "zero":
        return None
    if data.task == "regression":
        return np.full(outputs, data.prior[0])
    logs = np.log(np.asarray(data.prior))
    return logs - logs.mean() if outputs > 1 else np.array([logs[1] - logs[0]])


def train_rows(job: Job, data: TaskArrays) -> SplitArrays:
    """The training rows a job sees: all or a draw, with the controls that it asks for."""
    part = _some(data.train, job.rows, job.seed, "sample of rows")
    if job.shuffle_labels:
        part = replace(part, y=seeds.generator(job.seed, "shuffled labels").permutation(part.y))
    if job.zero_inputs:
        part = replace(part, dense=np.zeros_like(part.dense), codes=np.zeros_like(part.codes))
    return part


def judge_rows(data: TaskArrays, count: int | None, seed: int) -> SplitArrays:
    """The validation rows that judge a job: all, or so many, the same for every job of the run."""
    return _some(data.validation, count, seed, "sample of judges")


def _some(part: SplitArrays, count: int | None, seed: int, purpose: str) -> SplitArrays:
    if count is None or count >= len(part.y):
        return part
    drawn = np.sort(seeds.generator(seed, purpose).permutation(len(part.y))[:count])
    dense, codes, y, weight = (gathered(own, drawn) for own in (part.dense, part.codes, part.y, part.weight))
    return SplitArrays(dense, codes, y, weight)


def callbacks_of(
    plan: Plan, tell: Tell, history: Path | None, state: Path | None, enough: float = 0.0
) -> list[Callback]:
    """The callbacks a plan asks for, in the fixed order."""
    options = plan.options
    signals = Signals() if options.signals else None
    record = Record(signals, history)
    schedules = {member.id: member.schedule_of(options.schedule).options for member in plan.members}
    waiting = {id_: own for id_, own in schedules.items() if isinstance(own, OnPlateau)}
    plateau = Plateau(waiting) if waiting else None
    wanted: list[Callback | None] = [
        signals,
        record,
        Best(record),
        plateau,
        Lost() if plan.rates is None else None,  # a run over given rates keeps every step's loss
        Patience(options.patience_epochs) if options.patience_epochs and plan.validation else None,
        Enough(enough) if enough else None,
        Checkpoint(state, record, plateau) if state else None,
        Progress(tell),
    ]
    return [callback for callback in wanted if callback]
