"""The time limit: decisions are written down, repeated by a replay, and kept to."""

import math
from dataclasses import replace

import numpy as np
import pytest

from retemper.core.budget import Budget, decisions, now
from retemper.models.layers.inputs import InputShape
from retemper.procedure.jobs import job_of, members_of
from retemper.procedure.pace import RECENT, SAFETY, Pace
from retemper.training.job import JobResult
from retemper.training.plan import Fit

MODEL = {"name": "mlp", "width": 16, "depth": 2}


def line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * draw.normal(size=len(x))


def fit_of(member, epochs):
    return Fit(member, None, 1, epochs, 0.5)


def test_the_pace_is_that_of_the_last_jobs(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line))
    pace = Pace(1000, 300, 1, InputShape(10, 10))
    job = job_of(state, desk.book, "a", members_of(state.recipe, range(3)), 10)
    assert pace.seconds([job], 1) == 0.0, "nothing is known yet"

    def learn(seconds, epochs=10, **changes):
        own = replace(job, **changes)
        fits = [fit_of(member, epochs) for member in own.members]
        pace.learn(JobResult(own, fits, np.zeros(0), seconds, 1, None, np.zeros(0)))

    # Steps are timed without validation: 300 rows at a third of a training row's cost beside 1000.
    whole = SAFETY * 1.1
    learn(4.0)
    assert pace.seconds([job], 1) == pytest.approx(4.0 * whole)
    assert pace.seconds([job], 2) == pytest.approx(4.0 * whole * 2 / 3), (
        "two networks on one worker, one on the other"
    )
    assert pace.seconds([job, job], 3) == pytest.approx(8.0 * whole / 3)
    assert pace.seconds([replace(job, epochs=20)], 1) == pytest.approx(8.0 * whole)
    learn(100.0, on_train=True)
    assert pace.seconds([job], 1) == pytest.approx(4.0 * whole), "the sample's steps are not like others"
    learn(100.0, epochs=1)
    assert pace.seconds([job], 1) == pytest.approx(4.0 * whole), "a small job says less than a large one"
    for _ in range(RECENT):
        learn(1.0, epochs=5)
    assert pace.seconds([job], 1) == pytest.approx(2.0 * whole), "half of the epochs in a second"


def test_what_was_trained_before_goes_by_its_own_pace(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line))
    pace = Pace(1000, 300, 1, InputShape(10, 10))
    job = job_of(state, desk.book, "a", members_of(state.recipe, range(3)), 10)
    other = replace(job, model={**MODEL, "width": 64})

    def learn(own, seconds):
        fits = [fit_of(member, own.epochs) for member in own.members]
        pace.learn(JobResult(own, fits, np.zeros(0), seconds, 1, None, np.zeros(0)))

    learn(job, 2.0)
    guess = pace.seconds([other], 1)
    learn(other, 40.0)
    assert pace.seconds([other], 1) == pytest.approx(40.0 * SAFETY * 1.1) != guess
    assert pace.seconds([job], 1) == pytest.approx(2.0 * SAFETY * 1.1), "not the slower one's"
    dropped = replace(job, model={**job.model, "dropout": 0.3})
    assert pace.seconds([dropped], 1) == pace.seconds([job], 1), "dropout is the members' own"


def test_while_nothing_has_finished_the_pace_is_that_of_what_was_cut_short(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line))
    pace = Pace(1000, 300, 1, InputShape(10, 10))
    job = job_of(state, desk.book, "a", members_of(state.recipe, range(3)), 10)
    steps = 1000 / state.recipe.training.batch_size
    fits = [fit_of(member, 1) for member in job.members]
    pace.learn(JobResult(job, fits, np.zeros(0), 2.0, 4, 4, np.zeros(0)))
    whole = SAFETY * 1.1 * 10 * math.ceil(steps)
    assert pace.seconds([job], 1) == pytest.approx(2.0 / 4 * whole), "half a second a step"
    full = [fit_of(member, 10) for member in job.members]
    pace.learn(JobResult(job, full, np.zeros(0), 3.0, 160, None, np.zeros(0)))
    assert pace.seconds([job], 1) == pytest.approx(3.0 * SAFETY * 1.1)
    pace.learn(JobResult(job, fits, np.zeros(0), 99.0, 4, 4, np.zeros(0)))
    assert pace.seconds([job], 1) == pytest.approx(3.0 * SAFETY * 1.1), "what has finished says more"


def test_larger_networks_are_expected_to_take_longer():
    pace = Pace(1000, 300, 1, InputShape(10, 10))
    sizes = [pace.products({**MODEL, "width": width}) for width in (16, 64, 256)]
    assert sizes == sorted(sizes)
    copies = pace.products({"name": "tabm", "width": 64, "depth": 2, "copies": 8})
    assert copies > 4 * sizes[1], "copies are computed as often as there are"


LIMITED = {
    "search.trials": 64,
    "search.coarse_epochs": 50,
    "training.epochs": 500,
    "procedure.members": 8,
    "procedure.remedy_rounds": 2,
}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory, run_all, tables):
    """A run that wants minutes and gets 3 seconds; with the seconds it took."""
    place, started = tmp_path_factory.mktemp("time") / "run", now()
    run = run_all(
        place,
        tables.two_classes(),
        "y",
        LIMITED,
        budget=lambda folder: Budget(3.0, started, log=folder.log),
    )
    return run, now() - started


def test_a_limit_that_is_far_too_short_still_ends_in_a_model(hurried, tables):
    run, seconds = hurried
    assert seconds < 3 + 5
    assert run.result["seconds"] == pytest.approx(seconds, abs=1)
    assert run.model.predict(tables.two_classes()).shape == (300,)
    assert (run.path / "report.html").exists()
    assert run.step("test_once")["verdict"] in ("pass", "warn")


def test_what_was_cut_short_is_in_the_log(hurried):
    run, _ = hurried
    names = [event["name"] for event in run.log() if event["event"] == "decision"]
    assert {"workers", "search_coarse.amount", "train_long.amount"} <= set(names)
    assert any(name.endswith(".stopped") for name in names)


def test_a_replay_repeats_it_without_a_clock(hurried, tmp_path, run_all, tables):
    run, _ = hurried
    made = decisions(run.path / "log.jsonl")
    again = run_all(
        tmp_path / "run",
        tables.two_classes(),
        "y",
        LIMITED,
        budget=lambda folder: Budget(None, 0.0, made=made, log=folder.log, strict=True),
    )
    assert again.weights == run.weights
    assert again.result["metrics"] == run.result["metrics"]
    assert again.result["baselines"] == run.result["baselines"]
