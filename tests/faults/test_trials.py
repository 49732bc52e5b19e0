"""One network of a stack can't be trained: it is given up alone, and the others have the bits they would have had."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from retemper.core.budget import Deadline
from retemper.core.errors import InputError
from retemper.procedure.trial_faults import DIVERGED, none_left
from retemper.search.trials import Evaluation, Order, Trial
from retemper.training.job import Job, JobResult, joined
from retemper.training.pool import Pool

from .test_memory import WIDTH, assert_same, little_memory, quiet


def with_a_broken_member(job: Job) -> Job:
    """Its third member has a schedule that no recipe could have: the training crashes."""
    broken = replace(job.members[2], schedule={"name": "no such schedule"})
    return replace(job, members=(*job.members[:2], broken, *job.members[3:]))


def test_a_crash_costs_its_own_network_alone(
    pool: Pool, job_for: Any, train: Callable[[Job], list[JobResult]]
) -> None:
    job = with_a_broken_member(job_for("broken", members=4))
    lost: list[tuple[list[int], InputError]] = []

    def give_up(own: Job, fault: InputError) -> None:
        lost.append(([member.id for member in own.members], fault))

    pieces = pool.run([job], [Deadline()], quiet, give_up=give_up)
    ((ids, fault),) = lost
    assert ids == [job.members[2].id] and fault.exit_code == 2 and fault.hint
    sound = replace(job, name="sound", members=(*job.members[:2], job.members[3]))
    assert_same(joined(sound, pieces), joined(sound, train(sound)))


def test_without_giving_up_a_crash_ends_all(pool: Pool, job_for: Any) -> None:
    with pytest.raises((RuntimeError, InputError)):
        pool.run([with_a_broken_member(job_for("broken", members=4))], [Deadline()], quiet)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_networks_too_large_for_the_memory_are_given_up(pool: Pool, job_for: Any) -> None:
    lost: list[InputError] = []
    large, small = job_for("large", 2 * WIDTH, members=2), job_for("small", 16, members=2)
    with little_memory(pool, 20):
        results = pool.run(
            [large, small], [Deadline()] * 2, quiet, give_up=lambda job, fault: lost.append(fault)
        )
    assert [fault.code for fault in lost] == ["not_enough_memory"] * 2
    assert [result.job.name for result in results] == ["small"]


def test_all_failing_names_what_failed_most() -> None:
    other = {"code": "cannot_build", "message": "It has no layers.", "advice": "Give it some."}
    errors = [DIVERGED, other, DIVERGED]
    trials = [
        Trial(k, {}, (Evaluation(Order(k, {}, 3, (0,)), error=error),)) for k, error in enumerate(errors)
    ]
    error = none_left(trials, "runs/a")
    assert error.code == "all_trials_failed" and error.exit_code == 2
    assert error.message.startswith("None of 3 trials trained. 2 ×: The network diverged")
    assert "It has no layers." in error.message and error.hint == DIVERGED["advice"]
