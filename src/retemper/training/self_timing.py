"""How long a stack's step takes on this machine: it decides how networks are stacked, never what they learn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retemper.core.budget import Deadline
from retemper.training.arrays import TaskArrays
from retemper.training.callbacks import Best, Record, Silent
from retemper.training.job import Job
from retemper.training.loop import Training
from retemper.training.planning import plan_of
from retemper.training.stack import Member

STEPS, WARM_UP = 20, 3
"""Steps that are timed, after some that are not."""


class _Times(Silent):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, training: Training) -> None:
        self.ends.append(time.perf_counter())


def seconds_a_step(
    job: Job, members: Sequence[Member], data: TaskArrays, folds: NDArray[np.uint8] | None = None
) -> float:
    """The median time of a step of these members as one stack; what they learn is thrown away.

    Args:
        job: what to train.
        members: of the job, or some of them.
        data: the prepared rows.
        folds: [repeats, rows] of a job with folds.
    """
    alone = replace(job, members=tuple(members), goes_on=(), until=0)
    plan = replace(plan_of(alone, data, folds=folds), validation=None)
    times = _Times()
    while len(times.ends) < STEPS + WARM_UP:
        before = len(times.ends)
        # An epoch of few rows may have fewer steps.
        Training(plan, [Best(Record(None)), times], Deadline("", None, STEPS + WARM_UP - before)).run()
    gaps = np.diff(times.ends)[WARM_UP - 1 :]
    return float(statistics.median(gaps))
