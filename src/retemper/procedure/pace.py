"""How long a training will take, from how long the ones before took."""

from __future__ import annotations

import json
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


@dataclass
class Pace:
    """Seconds for a row of a member, by the network's size.

    A row costs about (its products + a constant) multiply-adds; the factor is that of the largest of the last few jobs,
    ``finished`` with their seconds and their work.
    """

    n_train: int
    n_validation: int
    outputs: int
    shape: InputShape = field(default_factory=lambda: InputShape(1, 1))
    finished: list[tuple[float, float]] = field(default_factory=list)
    _known: dict[str, float] = field(default_factory=dict)

    def products(self, model: dict[str, Any]) -> float:
        """Multiply-adds of a row through a model of the recipe."""
        key = json.dumps([model, vars(self.shape)], sort_keys=True)
        if key not in self._known:
            network = network_of(model, self.shape, self.outputs)
            self._known[key] = multiply_adds(network, self.shape.width, self.shape.n_codes)
        return self._known[key]

    def work(self, job: Job) -> float:
        """A job's multiply-adds, all members."""
        training, validation = self._rows(job)
        rows = training + VALIDATION_SHARE * validation
        return len(job.members) * job.epochs * rows * self._row(job)

    def _rows(self, job: Job) -> tuple[float, float]:
        """Rows of an epoch that train and that validate."""
        if job.folds:
            every = self.n_train + self.n_validation
            return every * (1 - 1 / job.folds), every / job.folds
        judges = min(job.judges or self.n_validation, self.n_validation)
        return min(job.rows or self.n_train, self.n_train), judges

    def _row(self, job: Job) -> float:
        return self.products(job.model) + FIXED_ROW_COST

    def learn(self, result: JobResult) -> None:
        """Take in a finished job (one that the deadline cut short says little)."""
        epochs = sum(fit.epochs for fit in result.fits)
        rows, _ = self._rows(result.job)
        if result.seconds and not result.job.on_train and result.stopped is None:
            self.finished.append((result.seconds, epochs * rows * self._row(result.job)))

    def seconds(self, job: Job, workers: int) -> float:
        """How long a job will take on so many workers; 0 when nothing is known yet."""
        if not self.finished:
            return 0.0
        # The largest of the last few: what small jobs take is mostly their start.
        took, work = max(self.finished[-RECENT:], key=lambda entry: entry[1])
        rate = took / work
        return SAFETY * self.work(job) * rate / min(workers, len(job.members))
