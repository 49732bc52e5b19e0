"""How long a training will take, from how long the ones before took."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from retemper.models.layers.build import network_of
from retemper.models.layers.cost import multiply_adds
from retemper.models.layers.inputs import InputShape
from retemper.training.job import Job, JobResult

VALIDATION_SHARE = 1 / 3
"""A validation row costs about a third of a training row: forward only."""
FIXED_ROW_COST = 30_000
"""What a row costs besides its products, in multiply-adds: gathering, activations, masks."""

SAFETY = 1.25
"""What a training takes beside its steps: loading rows, histories, checkpoints, an uneven split."""
RECENT = 6
"""Jobs that the pace is taken from."""
LEAST_S = 0.3
"""A job that took less says nothing of its shape."""


@dataclass(frozen=True)
class Finished:
    """A job that is through: what was trained, seconds, multiply-adds."""

    kind: str
    seconds: float
    work: float


@dataclass
class Pace:
    """Seconds for a row of a member, by the network's size.

    A row costs about (its products + a constant) multiply-adds. The factor is that of the largest of the last few
    jobs of the same shape and batch size, or, where none has been trained yet, of all.
    """

    n_train: int
    n_validation: int
    outputs: int
    shape: InputShape = field(default_factory=lambda: InputShape(1, 1))
    finished: list[Finished] = field(default_factory=list)
    _known: dict[str, float] = field(default_factory=dict)

    def products(self, model: dict[str, Any]) -> float:
        """Multiply-adds of a row through a model of the recipe."""
        key = self._kind(model)
        if key not in self._known:
            network = network_of(model, self.shape, self.outputs)
            self._known[key] = multiply_adds(network, self.shape.width, self.shape.n_codes)
        return self._known[key]

    def work(self, job: Job) -> float:
        """A job's multiply-adds, all members."""
        training, validation = self._rows(job)
        rows = training + VALIDATION_SHARE * validation
        return len(job.members) * (job.last_epoch - job.since) * rows * self._row(job)

    def _rows(self, job: Job) -> tuple[float, float]:
        """Rows of an epoch that train and that validate."""
        if job.folds:
            every = self.n_train + self.n_validation
            left = every * (1 - 1 / job.folds)
            return min(job.rows or left, left), every / job.folds
        judges = min(job.judges or self.n_validation, self.n_validation)
        return min(job.rows or self.n_train, self.n_train), judges

    def _row(self, job: Job) -> float:
        return self.products(job.model) + FIXED_ROW_COST

    def _kind(self, model: dict[str, Any], batch_size: int = 0) -> str:
        shape = {name: value for name, value in model.items() if name != "dropout"}
        return json.dumps([shape, vars(self.shape), batch_size], sort_keys=True)

    def _kind_of(self, job: Job) -> str:
        return self._kind(job.model, job.training["batch_size"])

    def learn(self, result: JobResult) -> None:
        """Take in a finished job; one that the deadline cut short says little, which is more than nothing."""
        job = result.job
        epochs: float = sum(max(0, fit.epochs - job.since) for fit in result.fits)
        if result.stopped is not None:
            if self.finished:
                return
            steps = -(-self._rows(job)[0] // job.training["batch_size"])
            epochs = len(result.fits) * result.steps / steps
        # Its seconds are those of the steps alone, without validation.
        work = epochs * self._rows(job)[0] * self._row(job)
        if result.seconds and not job.on_train:
            self.finished.append(Finished(self._kind_of(job), result.seconds, work))

    def seconds(self, jobs: Sequence[Job], workers: int) -> float:
        """How long jobs will take, dealt out over so many workers; 0 when nothing is known yet."""
        if not self.finished or not jobs:
            return 0.0
        alone = [self._alone(part) for job in jobs for part in job.parts(workers)]
        return SAFETY * max(*alone, sum(alone) / workers)

    def _alone(self, job: Job) -> float:
        own = [f for f in self.finished if f.kind == self._kind_of(job) and f.seconds >= LEAST_S]
        # The largest of the last few: what small jobs take is mostly their start.
        like = max((own or self.finished)[-RECENT:], key=lambda finished: finished.work)
        return self.work(job) * like.seconds / like.work
