"""A function of one's own: what is found, what fails, and where it is called."""

import math
import os
import signal

import pytest

import retemper.search.engines.local as local
from retemper.api.minimize import minimize
from retemper.core.errors import InputError
from retemper.search.engines.local import LocalTasks
from retemper.search.engines.tasks import ATTEMPTS, Lost

SPACE = {"rate": {"low": 1e-3, "high": 1.0, "log": True}, "kind": ["a", "b"]}


def ended(tasks, count):
    """The answers of so many calls, by ticket."""
    answers = {}
    while len(answers) < count:
        if (done := tasks.done(5.0)) is not None:
            answers[done[0]] = done[1]
    return answers


def test_the_seed_fixes_the_trials_whatever_the_workers():
    def loss(setting, epochs):
        return abs(math.log10(setting["rate"]) + 2) + (setting["kind"] == "a") + 1 / epochs

    one, two = (
        minimize(loss, SPACE, trials=24, epochs=9, fidelity="halving", batch=9, seed=3, workers=workers)
        for workers in (1, 2)
    )
    assert [(t.number, t.values, t.loss) for t in one.trials] == [
        (t.number, t.values, t.loss) for t in two.trials
    ]
    assert one.best["kind"] == "b" and len(one.trials) == 24
    epochs = [trial.last.order.epochs for trial in one.trials]
    assert epochs[0] == 9 and epochs[-1] == 1
    other = minimize(loss, SPACE, trials=24, epochs=9, fidelity="halving", batch=9, seed=4, workers=1)
    assert other.best != one.best


def test_a_call_that_fails_is_a_failed_trial():
    def loss(setting, epochs):
        if setting["x"] == 1:
            raise ValueError("no such rate")
        return math.nan if setting["x"] == 2 else setting["x"]

    found = minimize(loss, {"x": [1, 2, 3, 4]}, sampler="grid", workers=1)
    assert found.best == {"x": 3} and found.loss == 3
    errors = {trial.values["x"]: trial.last.error for trial in found.trials}
    assert errors[1]["code"] == "function_failed" and "ValueError: no such rate" in errors[1]["message"]
    assert errors[2]["code"] == "diverged" and errors[3] is errors[4] is None
    with pytest.raises(InputError) as caught:
        minimize(loss, {"x": [1]}, sampler="grid", workers=1)
    assert caught.value.code == "all_trials_failed" and "no such rate" in caught.value.message


def test_a_process_that_is_killed_loses_its_own_call_alone(tmp_path):
    mark = tmp_path / "killed"

    def once(value):
        if value == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 10 * value

    def always(value):
        os.kill(os.getpid(), signal.SIGKILL)

    with LocalTasks(2) as tasks:
        tickets = [tasks.call(once, value) for value in range(5)]
        assert ended(tasks, 5) == {ticket: 10 * value for value, ticket in enumerate(tickets)}
        assert mark.exists() and tasks.places() == 2


def test_what_ends_its_process_each_time_is_lost_in_the_end(monkeypatch):
    assert ATTEMPTS == 4
    monkeypatch.setattr(local, "ATTEMPTS", 2)
    with LocalTasks(1) as tasks:
        bad, good = tasks.call(os.abort), tasks.call(abs, -3)
        answers = ended(tasks, 2)
    assert isinstance(answers[bad], Lost) and answers[good] == 3


def test_a_journal_spares_what_came_back_before(tmp_path):
    calls = tmp_path / "calls"

    def loss(setting, epochs):
        with calls.open("a") as file:
            file.write(f"{setting['x']}\n")
        return setting["x"]

    journal = tmp_path / "trials.jsonl"
    first = minimize(loss, {"x": [3, 1, 2]}, sampler="grid", workers=1, journal=journal)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:2]))
    again = minimize(loss, {"x": [3, 1, 2]}, sampler="grid", workers=1, journal=journal)
    assert again.best == first.best == {"x": 1}
    assert len(calls.read_text().split()) == 4


@pytest.mark.parametrize(
    ("space", "options", "code"),
    [
        ({"x": {"low": 2, "high": 1}}, {}, "bad_space"),
        ({"x": "abc"}, {}, "bad_space"),
        ({"x": [1]}, {"trails": 3}, "bad_option"),
        ({"x": [1]}, {"engine": "stack"}, "bad_option"),
        ({"x": [1]}, {"trials": 0}, "bad_recipe"),
    ],
)
def test_mistakes_are_said(space, options, code):
    with pytest.raises(InputError) as caught:
        minimize(lambda setting, epochs: 0.0, space, **options)
    assert caught.value.code == code
