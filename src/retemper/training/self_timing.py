"""What a stack's step takes on this machine, and leaves: it decides how networks are stacked, never what they learn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retemper.core.budget import Deadline
from retemper.training.arrays import TaskArrays
from retemper.training.callback import Callback
from retemper.training.callbacks import Best, Record
from retemper.training.job import Job
from retemper.training.loop import Training
from retemper.training.plan import Plan, predict
from retemper.training.planning import plan_of
from retemper.training.stack import Layout, Member

STEPS, WARM_UP = 20, 3
"""Steps that are timed, after some that are not."""
JUDGED_ROWS = 1024
"""Rows that the networks predict after these steps, to compare them."""


@dataclass(frozen=True)
class Timed:
    """Some steps of a stack.

    Args:
        seconds: the median time of one.
        left: member's id → the bits of its parameters after these steps, as it has them alone, and of its predictions.
    """

    seconds: float
    left: dict[int, bytes]


class _Times(Callback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, training: Training) -> None:
        self.ends.append(time.perf_counter())


def timed(
    job: Job, members: Sequence[Member], data: TaskArrays, folds: NDArray[np.uint8] | None = None
) -> Timed:
    """Time some steps of these members as one stack.

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
        training = Training(plan, [Best(Record(None)), times], Deadline("", None, STEPS + WARM_UP - before))
        training.run()
    gaps = np.diff(times.ends)[WARM_UP - 1 :]
    return Timed(float(statistics.median(gaps)), _left(plan, training))


def _left(plan: Plan, training: Training) -> dict[int, bytes]:
    rows, layout = training.stack.buffers["parameters"], Layout(plan.network)
    judging = np.arange(min(plan.train.count, JUDGED_ROWS))[None].repeat(len(rows), 0)
    said = predict(plan.network, rows, plan.train, plan.loss, judging)
    found = {}
    for slot, member in enumerate(training.stack.members):
        own = layout.own_row(rows[slot], Layout(training.stack.network_of(member)))
        found[member.id] = b"".join(part.cpu().numpy().tobytes() for part in (own, said[slot]))
    return found
