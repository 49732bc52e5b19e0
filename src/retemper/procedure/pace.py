"""How long a training will take, from how long the ones before took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from retemper.training.job import Job, JobResult

VALIDATION_SHARE = 1 / 3
"""A validation row costs about a third of a training row: forward only."""
FIXED_ROW_COST = 30_000
"""What a row costs besides its products, in parameters: gathering, activations, masks."""


@dataclass
class Pace:
    """Seconds for a row of a member, by the network's size.

    A row costs about (parameters + a constant) multiply-adds; the factor is learnt from finished jobs and is
    the median of the last few.
    """

    n_train: int
    n_validation: int
    inputs: int
    outputs: int
    rates: list[float] = field(default_factory=list)

    def parameters(self, model: dict[str, Any]) -> float:
        """About how many parameters a model of the recipe has."""
        width = float(model.get("width", self.outputs))
        depth = int(model.get("depth", 0))
        inside = width * width * (2 * float(model["expansion"]) if "expansion" in model else 1)
        blocks = depth if "expansion" in model else max(0, depth - 1)
        return self.inputs * width + blocks * inside + width * self.outputs

    def work(self, job: Job) -> float:
        """A job's multiply-adds, all members."""
        rows = min(job.rows or self.n_train, self.n_train) + VALIDATION_SHARE * self.n_validation
        return len(job.members) * job.epochs * rows * (self.parameters(job.model) + FIXED_ROW_COST)

    def learn(self, result: JobResult) -> None:
        """Take in a finished job."""
        epochs = sum(fit.epochs for fit in result.fits)
        per_epoch = self.work(result.job) / max(1, len(result.job.members) * result.job.epochs)
        if result.seconds > 0.2 and epochs:
            self.rates.append(result.seconds / (per_epoch * epochs))

    def seconds(self, job: Job, workers: int) -> float:
        """How long a job will take on so many workers; 0 when nothing is known yet."""
        if not self.rates:
            return 0.0
        recent = sorted(self.rates[-6:])
        return self.work(job) * recent[len(recent) // 2] / min(workers, len(job.members))
