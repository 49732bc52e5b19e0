"""What the steps of the procedure share: tools in the :class:`Book`, results in the :class:`State`.

A step is a function ``run(book, state) → (state, step)``: it reads the state, and gives a new one with what it
found out. The book holds what is not a result: where things are written, who trains, who keeps the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.budget import Budget
from retemper.core.progress import Reporter
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, Task
from retemper.core.run_folder import RunFolder
from retemper.data.prepare import Preparer
from retemper.data.read import Table
from retemper.data.schema import Schema
from retemper.data.split import Splits
from retemper.data.target import Target
from retemper.evaluation.baselines import Baseline
from retemper.evaluation.metrics import row_losses
from retemper.procedure.pace import Pace
from retemper.training.arrays import TaskArrays
from retemper.training.job import Job, JobResult
from retemper.training.plan import Fit
from retemper.training.pool import Pool
from retemper.training.stack import Member


@dataclass(frozen=True)
class Contender:
    """A recipe to train: a model as plain data, and a member's hyperparameters."""

    model: dict[str, Any]
    member: Member


@dataclass(frozen=True)
class Candidate:
    """A trained network that may join the ensemble.

    Args:
        id: unique in the run; the member's id.
        model: the recipe's ``model`` as plain data.
        fit: its best parameters and history.
        outputs: on the validation rows, [Nv, C] probabilities or [Nv] scaled values.
        origin: name of the training it comes from.
        epochs: planned passes over the rows.
    """

    id: int
    model: dict[str, Any]
    fit: Fit
    outputs: NDArray[np.float32]
    origin: str
    epochs: int

    @property
    def member(self) -> Member:
        """Its hyperparameters."""
        return self.fit.member

    def contender(self, id_: int) -> Contender:
        """Its recipe, for a fresh training under another id."""
        return Contender(self.model, replace(self.member, id=id_))


@dataclass(frozen=True)
class State:
    """What is known so far."""

    recipe: Recipe
    table: Table
    schema: Schema
    splits: Splits
    own_test_rows: int = 0
    preparer: Preparer | None = None
    target: Target | None = None
    arrays: TaskArrays | None = None
    data_folder: Path = Path()
    baselines: dict[str, Baseline] = field(default_factory=dict)
    baseline_losses: dict[str, float] = field(default_factory=dict)
    rate_range: tuple[float, float] | None = None
    trials: tuple[Candidate, ...] = ()
    survivors: tuple[Candidate, ...] = ()
    epochs: int = 0
    long: tuple[Candidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: tuple[tuple[Candidate, float], ...] = ()
    temperature: float = 1.0
    findings: tuple[Finding, ...] = ()
    test: dict[str, Any] = field(default_factory=dict)

    def with_(self, **changes: Any) -> State:
        """A copy with some results added."""
        return replace(self, **changes)

    @property
    def ready(self) -> tuple[Preparer, Target, TaskArrays]:
        """What preparing left; every step after ``data_check`` may count on it."""
        assert self.preparer is not None
        assert self.target is not None
        assert self.arrays is not None
        return self.preparer, self.target, self.arrays

    @property
    def task(self) -> Task:
        """Classification or regression."""
        assert self.schema.task is not None
        return self.schema.task


@dataclass(frozen=True)
class Book:
    """Tools of a run: its folder, its clock, who is told, who trains, and how fast that goes."""

    folder: RunFolder
    budget: Budget
    reporter: Reporter
    pool: Pool
    workers: int
    pace: Pace

    def train(self, jobs: Sequence[Job], seconds: float, tell: bool = True) -> list[JobResult]:
        """Do jobs, each dealt out over the workers; the members come back in the order of each job.

        Args:
            jobs: what to train; names unique in the run.
            seconds: each training stops where it is after so long (only with a time limit).
            tell: show the progress.
        """
        parts = [job.parts(self.workers) for job in jobs]
        flat = [part for own in parts for part in own]
        deadlines = [self.budget.deadline(f"{part.name}.stopped", seconds) for part in flat]
        results = self.pool.run(flat, deadlines, self.reporter.progress if tell else _silent)
        for result in results:
            self.pace.learn(result)
            if result.stopped is not None:
                self.budget.record_stop(f"{result.job.name}.stopped", result.stopped)
        return [
            _joined(job, [r for r in results if r.job in own]) for job, own in zip(jobs, parts, strict=True)
        ]


def _silent(fraction: float, text: str) -> None:
    return None


def _joined(job: Job, parts: Sequence[JobResult]) -> JobResult:
    if len(parts) == 1:
        return replace(parts[0], job=job)
    order = {member.id: slot for slot, member in enumerate(job.members)}
    fits = [(order[fit.member.id], fit, part.outputs[k]) for part in parts for k, fit in enumerate(part.fits)]
    places = np.argsort([place for place, _, _ in fits])
    # Parts that a deadline stopped may have made different numbers of steps.
    steps = min(len(part.losses) for part in parts)
    losses = np.concatenate([part.losses[:steps] for part in parts], 1)
    losses = losses[:, places] if losses.size else losses
    fits.sort(key=lambda entry: entry[0])
    stopped = [part.stopped for part in parts if part.stopped is not None]
    return JobResult(
        job,
        [fit for _, fit, _ in fits],
        np.stack([outputs for _, _, outputs in fits]),
        max(part.seconds for part in parts),
        max(part.steps for part in parts),
        min(stopped, default=None),
        losses,
    )


def candidates_of(result: JobResult) -> tuple[Candidate, ...]:
    """A job's members as candidates."""
    return tuple(
        Candidate(fit.member.id, result.job.model, fit, outputs, result.job.name, result.job.epochs)
        for fit, outputs in zip(result.fits, result.outputs, strict=True)
    )


def validation_rows(state: State, outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Each validation row's loss in the main metric's terms: log loss, or squared error in the target's units."""
    _, target, arrays = state.ready
    if state.task == "classification":
        return np.asarray(row_losses("classification", arrays.validation.y, outputs))
    y = target.unscale(arrays.validation.y.astype(np.float64))
    return np.asarray(row_losses("regression", y, target.unscale(outputs.astype(np.float64))))


def main_loss(state: State, outputs: NDArray[Any]) -> float:
    """The main metric on the validation rows: log loss, or RMSE in the target's units; NaN of a lost network."""
    if not np.isfinite(outputs).all():
        return float("nan")
    mean = float(np.average(validation_rows(state, outputs), weights=state.ready[2].validation.weight))
    return mean if state.task == "classification" else float(np.sqrt(mean))
