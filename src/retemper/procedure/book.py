"""What the steps of the procedure share: tools in the :class:`Book`, results in the :class:`State`.

A step is a function ``run(book, state) → (state, step)``: it reads the state, and gives a new one with what it
found out. The book holds what is not a result: where things are written, who trains, who keeps the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.aside import Aside
from retemper.core.budget import Budget
from retemper.core.errors import InputError
from retemper.core.memory import let_go
from retemper.core.progress import Reporter
from retemper.core.recipe import Recipe
from retemper.core.records import Finding, Task
from retemper.core.run_folder import RunFolder
from retemper.data.prepare import Preparer
from retemper.data.read import Table
from retemper.data.schema import Schema
from retemper.data.split import Splits
from retemper.data.target import Target
from retemper.evaluation.baseline_rows import Baseline
from retemper.evaluation.decision import Decision
from retemper.evaluation.metrics import row_losses
from retemper.procedure.contenders import EVERY, VALIDATION, Bag, Candidate
from retemper.procedure.pace import Pace
from retemper.training.arrays import TaskArrays
from retemper.training.job import Job, JobResult, joined
from retemper.training.pool import Pool


@dataclass(frozen=True)
class State:
    """What is known so far.

    ``tested``: once the seal is broken, the test rows that were read (numbers in the table, ascending), and what the
    model says of them: probabilities [N, C] or values [N].
    """

    recipe: Recipe
    table: Table
    schema: Schema
    splits: Splits
    own_test_rows: int = 0
    preparer: Preparer | None = None
    target: Target | None = None
    arrays: TaskArrays | None = None
    data_folder: Path = Path()
    folds: NDArray[np.uint8] | None = None
    baselines: dict[str, Baseline] = field(default_factory=dict)
    baseline_preparer: Preparer | None = None
    baseline_losses: dict[str, float] = field(default_factory=dict)
    rate_range: tuple[float, float] | None = None
    trials: tuple[Candidate, ...] = ()
    survivors: tuple[Candidate, ...] = ()
    epochs: int = 0
    long: tuple[Candidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: tuple[tuple[Bag, float], ...] = ()
    temperature: float = 1.0
    decision: Decision = field(default_factory=Decision)
    findings: tuple[Finding, ...] = ()
    test: dict[str, Any] = field(default_factory=dict)
    tested: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None
    search: dict[str, Any] = field(default_factory=dict)

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

    def judges(self, held_out: int = VALIDATION) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Targets and weights of the rows that judge: the validation rows, those of a fold, or all of them."""
        _, _, arrays = self.ready
        if self.folds is None or held_out == VALIDATION:
            return arrays.validation.y, arrays.validation.weight
        y = np.concatenate([arrays.train.y, arrays.validation.y])
        weight = np.concatenate([arrays.train.weight, arrays.validation.weight])
        rows = slice(None) if held_out == EVERY else self.fold_rows(held_out)
        return y[rows], weight[rows]

    def fold_rows(self, held_out: int) -> NDArray[np.int64]:
        """The rows of a fold, numbered through training and validation rows."""
        assert self.folds is not None
        count = int(self.folds.max()) + 1
        return np.flatnonzero(self.folds[held_out // count] == held_out % count)

    @property
    def task(self) -> Task:
        """Classification or regression."""
        assert self.schema.task is not None
        return self.schema.task


@dataclass(frozen=True)
class Book:
    """Tools of a run: its folder, its clock, who is told, who trains, how fast that goes, and what is done aside."""

    folder: RunFolder
    budget: Budget
    reporter: Reporter
    pool: Pool
    workers: int
    pace: Pace
    aside: Aside = field(default_factory=Aside)

    def train(
        self,
        jobs: Sequence[Job],
        seconds: float,
        tell: bool = True,
        alike: bool = False,
        deal: bool = True,
        give_up: Callable[[Job, InputError], None] | None = None,
    ) -> list[JobResult]:
        """Do jobs, each dealt out over the workers; the members come back in the order of each job.

        Args:
            jobs: what to train; names unique in the run.
            seconds: each training stops where it is after so long (only with a time limit).
            tell: show the progress.
            alike: the jobs are compared: where time runs out, all are cut short by the same part.
            deal: false: each job is one stack already, for one worker.
            give_up: called with each single network that can't be trained, and why; it is left out, and a job that
                loses all of its members has no result. None: the first failure ends all.
        """
        count = self.workers if deal else 1
        parts = [[piece for part in job.parts(count) for piece in self._pieces(part)] for job in jobs]
        flat = [part for own in parts for part in own]
        owner = {part.name: number for number, own in enumerate(parts) for part in own}
        deadlines = [self.budget.deadline(f"{part.name}.stopped", seconds) for part in flat]

        def halved(job: Job, halves: Sequence[Job]) -> None:
            owner.update((half.name, owner[job.name]) for half in halves)
            self.budget.record(f"{job.name}.halved", len(job.members))
            self.reporter.note(f"{len(job.members)} networks do not train together: they do in two halves.")

        let_go()  # to the workers, who need it now
        weights = [self.pace.seconds([part], 1) or self.pace.work(part) for part in flat] if alike else []
        told = self.reporter.progress if tell else _silent
        results = self.pool.run(flat, deadlines, told, halved, weights, give_up)
        for result in results:
            self.pace.learn(result)
            if result.stopped is not None:
                self.budget.record_stop(f"{result.job.name}.stopped", result.stopped)
        left: list[list[JobResult]] = [[] for _ in jobs]
        for result in results:
            left[owner[result.job.name]].append(result)
        return [joined(job, own) for job, own in zip(jobs, left, strict=True) if own]

    def _pieces(self, job: Job) -> list[Job]:
        """The job, or the halves that it was trained in where memory was short before (see the log)."""
        if f"{job.name}.halved" not in self.budget.made:
            return [job]
        return [piece for half in job.parts(2) for piece in self._pieces(half)]


def _silent(fraction: float, text: str) -> None:
    return None


def candidates_of(state: State, result: JobResult) -> tuple[Candidate, ...]:
    """A job's members as candidates."""
    found = []
    for fit, outputs in zip(result.fits, result.outputs, strict=True):
        # Outputs are filled up to the largest fold's size.
        rows = len(state.judges(fit.member.held_out)[0])
        job = result.job
        found.append(Candidate(fit.member.id, job.model, fit, outputs[:rows], job.name, job.epochs))
    return tuple(found)


def validation_rows(state: State, outputs: NDArray[Any], held_out: int = VALIDATION) -> NDArray[np.float64]:
    """The loss of each row that judges, in the main metric's terms: log loss, or squared error in the target's units.

    Args:
        state: its data and folds.
        outputs: for these rows.
        held_out: which rows, see :meth:`State.judges`.
    """
    target, (y, _) = state.ready[1], state.judges(held_out)
    if state.task == "classification":
        return np.asarray(row_losses("classification", y, outputs))
    true = target.unscale(y.astype(np.float64))
    return np.asarray(row_losses("regression", true, target.unscale(outputs.astype(np.float64))))


def main_loss(state: State, outputs: NDArray[Any], held_out: int = VALIDATION) -> float:
    """The main metric on the rows that judge: log loss, or RMSE in the target's units; NaN of a lost network."""
    if not np.isfinite(outputs).all():
        return float("nan")
    mean = float(np.average(validation_rows(state, outputs, held_out), weights=state.judges(held_out)[1]))
    return mean if state.task == "classification" else float(np.sqrt(mean))


def bags_of(state: State, candidates: Sequence[Candidate]) -> list[Bag]:
    """The candidates in bags, the best first, lost ones last.

    With folds only whole bags count: what was judged by the validation rows alone was seen by the others.
    """
    groups: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        if (candidate.member.held_out != VALIDATION) == (state.folds is not None):
            groups.setdefault(candidate.bag, []).append(candidate)
    bags = [bag for own in groups.values() if (bag := _bag(state, own))]
    return sorted(bags, key=lambda bag: (math.isnan(bag.loss), bag.loss, bag.number))


def _bag(state: State, networks: list[Candidate]) -> Bag | None:
    if state.folds is None:
        outputs = networks[0].outputs
    elif len(networks) <= int(state.folds.max()):
        return None
    else:
        outputs = np.zeros((state.folds.shape[1], *networks[0].outputs.shape[1:]), dtype=np.float32)
        for network in networks:
            outputs[state.fold_rows(network.member.held_out)] = network.outputs
    return Bag(tuple(networks), outputs, main_loss(state, outputs, EVERY))
