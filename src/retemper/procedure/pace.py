"""How long a training will take, from how long the ones before took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from retemper.training.job import Job, JobResult

VALIDATION_SHARE = 1 / 3
"""A validation row costs about a third of a training row: forward only."""
FIXED_ROW_COST = 30_000
"""What a row costs besides its products, in parameters: gathering, activations, masks."""


RECENT = 4
"""Jobs that the pace is taken from."""


@dataclass
class Pace:
    """Seconds for a row of a member, by the network's size.

    A row costs about (parameters + a constant) multiply-adds; the factor is that of the last few jobs together,
    ``finished`` with their seconds and their work.
    """

    n_train: int
    n_validation: int
    inputs: int
    outputs: int
    finished: list[tuple[float, float]] = field(default_factory=list)

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
        if epochs and not result.job.on_train:
            self.finished.append((result.seconds, per_epoch * epochs))

    def seconds(self, job: Job, workers: int) -> float:
        """How long a job will take on so many workers; 0 when nothing is known yet."""
        if not self.finished:
            return 0.0
        recent = self.finished[-RECENT:]
        rate = sum(seconds for seconds, _ in recent) / sum(work for _, work in recent)
        return self.work(job) * rate / min(workers, len(job.members))
