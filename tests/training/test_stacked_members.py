"""Members of a stack may differ in nearly everything, and each has the bits it has alone; paused ones go on to them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from retemper.core.budget import Deadline
from retemper.training import carry_out
from retemper.training import job as jobs
from retemper.training.callbacks import Lost
from retemper.training.carry_out import PAUSED
from retemper.training.job import Job, JobResult
from retemper.training.planning import Alone, stacked_plan
from retemper.training.stack import Layout, Member

WIDE = {"name": "mlp", "width": 30}
STEP = {"name": "step", "every_epochs": 1, "gamma": 0.5}
PLATEAU = {"name": "on_plateau", "patience_epochs": 0, "threshold": 0.5}
MEMBERS = (
    Member(3, 1e-2, weight_decay=0.1, momentum=0.5, schedule=STEP),
    Member(0, 3e-3, dropout=0.3, model={"name": "mlp", "width": 17}),
    Member(7, 3e-2, momentum=0.99, schedule=PLATEAU, model={"name": "mlp", "width": 24}),
    Member(9, 3e-2, dropout=0.1, label_smoothing=0.1, key=3),
)


def do(run_folder: Path, job: Job) -> JobResult:
    folder = run_folder / "checkpoints" / "jobs" / job.name
    jobs.write_job(folder, job)
    return carry_out.run(folder, Deadline(), lambda share, text: None)


@pytest.fixture
def fits_of(train: Any) -> Any:
    return lambda plan: train(plan)[1]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam"])
def test_whatever_they_differ_in_the_bits_are_their_own(plan_for: Any, fits_of: Any, optimizer: str) -> None:
    training = {"optimizer": optimizer}
    together = fits_of(plan_for(members=MEMBERS, model=WIDE, training=training))
    for member, fit in zip(MEMBERS, together, strict=True):
        (alone,) = fits_of(plan_for(members=(member,), model=WIDE, training=training))
        assert torch.equal(fit.row, alone.row) and fit.val_loss == alone.val_loss
        assert [row["learning_rate"] for row in fit.history] == [
            row["learning_rate"] for row in alone.history
        ]


def test_their_own_options_have_an_effect(plan_for: Any, fits_of: Any) -> None:
    base = Member(3, 1e-2)
    for changes in ({"momentum": 0.1}, {"schedule": STEP}, {"key": 4}):
        members = (base, replace(base, id=5, **{"key": 3, **changes}))
        one, other = fits_of(plan_for(members=members, model=WIDE, training={"optimizer": "momentum"}))
        assert not torch.equal(one.row, other.row), changes
    twin = replace(base, id=5, key=3)
    one, other = fits_of(plan_for(members=(base, twin), model=WIDE))
    assert torch.equal(one.row, other.row)


def test_a_narrower_network_is_the_one_it_is_alone(plan_for: Any, fits_of: Any) -> None:
    """Within a wider stored size too: what it is filled up with stays zero."""
    for wide in (30, 100, 250):
        model = {"name": "mlp", "width": wide}
        narrow = Member(0, 3e-3, weight_decay=0.1, dropout=0.3, model={"name": "mlp", "width": 17})
        plan = plan_for(members=(Member(1, 1e-2), narrow), model=model)
        fit = fits_of(plan)[1]
        own = plan_for(members=(replace(narrow, model=None),), model={"name": "mlp", "width": 17})
        (alone,) = fits_of(own)
        row = Layout(plan.network).own_row(fit.row, Layout(own.network))
        assert torch.equal(row, alone.row) and fit.val_loss == alone.val_loss


def test_networks_with_rows_of_their_own_stack(job_for: Any, task_arrays: Any, fits_of: Any) -> None:
    task = task_arrays()
    few = replace(
        task.train, **{name: getattr(task.train, name)[:-3] for name in ("dense", "codes", "y", "weight")}
    )
    tables = [task, replace(task, train=few, prior=(0.2, 0.3, 0.5))]
    alone = [
        Alone(job_for(members=(replace(member, key=member.draws),)), tables[k % 2])
        for k, member in enumerate(MEMBERS[:1] + MEMBERS[3:])
    ]
    together = fits_of(stacked_plan(alone, validating=True))
    for own, fit in zip(alone, together, strict=True):
        (single,) = fits_of(stacked_plan([own], validating=True))
        assert torch.equal(fit.row, single.row) and fit.val_loss == single.val_loss


def test_paused_members_go_on_to_the_same_bits_beside_others(
    run_folder: Path, job_for: Any, data_folder: Path
) -> None:
    whole = do(run_folder, job_for(data_folder, members=MEMBERS, model=WIDE, epochs=6, name="whole"))
    first = job_for(data_folder, members=MEMBERS[:2], model=WIDE, epochs=6, until=2, name="first")
    second = job_for(data_folder, members=MEMBERS[2:], model=WIDE, epochs=6, until=2, name="second")
    for job in (first, second):
        assert {fit.epochs for fit in do(run_folder, job).fits} == {2}
    left = (MEMBERS[3], MEMBERS[0])
    last = job_for(
        data_folder, members=left, model=WIDE, epochs=6, name="last", goes_on=("first", "second"), since=2
    )
    result = do(run_folder, last)
    by_id = {fit.member.id: fit for fit in whole.fits}
    for fit, outputs in zip(result.fits, result.outputs, strict=True):
        own = by_id[fit.member.id]
        assert torch.equal(fit.row, own.row) and fit.epochs == 6 and fit.best_epoch == own.best_epoch
        assert (outputs == whole.outputs[whole.fits.index(own)]).all()
        assert [row["val_loss"] for row in fit.history] == [row["val_loss"] for row in own.history]
    assert result.places == ("last", "last")


def test_a_damaged_pause_is_said(run_folder: Path, job_for: Any, data_folder: Path) -> None:
    first = job_for(data_folder, members=MEMBERS[:2], model=WIDE, epochs=6, until=2, name="first")
    do(run_folder, first)
    place = run_folder / "checkpoints" / "jobs" / "first" / PAUSED
    place.write_bytes(place.read_bytes()[:-1] + b"!")
    last = job_for(
        data_folder, members=MEMBERS[:1], model=WIDE, epochs=6, name="last", goes_on=("first",), since=2
    )
    with pytest.raises(Exception, match=r"damaged|not as"):
        do(run_folder, last)


def test_a_member_that_diverges_is_dropped_and_touches_nobody(plan_for: Any, train: Any) -> None:
    lost = Member(5, 1e30)
    members = (MEMBERS[0], lost, MEMBERS[3])
    options = {"training": {"optimizer": "sgd"}, "model": WIDE}
    training, fits = train(plan_for(members=members, **options))
    assert [member.id for member in training.stack.members] == [3, 9]
    assert fits[1].epochs == 1 and not math.isfinite(fits[1].val_loss)
    for member, fit in zip(members, fits, strict=True):
        (alone,) = train(plan_for(members=(member,), **options))[1]
        assert fit.epochs == alone.epochs and len(fit.history) == len(alone.history)
        if member is not lost:
            assert fit.epochs > 1 and torch.equal(fit.row, alone.row)


def test_a_large_network_is_not_taken_for_a_lost_one(plan_for: Any, train: Any) -> None:
    training, _ = train(plan_for(members=MEMBERS[:2], model=WIDE))
    training.stack.buffers["parameters"][0, :2] = torch.finfo(torch.float32).max
    Lost().on_epoch_end(training)
    assert len(training.stack) == 2
    training.stack.buffers["parameters"][0, 0] = math.inf
    Lost().on_epoch_end(training)
    assert [member.id for member in training.stack.members] == [0]
