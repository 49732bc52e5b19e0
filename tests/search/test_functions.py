"""A function of one's own: what is found, what fails, and where it is called."""

import math
import os
import signal

import pytest

import retemper.search.engines.local as local
from retemper.api import minimize as minimize_module
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
    assert epochs[0] == 9 and epochs[-1] == 2
    other = minimize(loss, SPACE, trials=24, epochs=9, fidelity="halving", batch=9, seed=4, workers=1)
    assert other.best != one.best


class OneWaits:
    """Calls that come back at once, but for the first one, which comes last of all that are there."""

    def __init__(self, workers):
        self.calls, self.held, self.others, self.before_it = {}, None, [], 0

    def places(self):
        return 2

    def put(self, value):
        return value

    def call(self, function, *args):
        ticket = len(self.others) + len(self.calls) + (self.held is not None)
        if self.held is None:
            self.held = ticket, function, args
        else:
            self.calls[ticket] = function, args
        return ticket

    def done(self, timeout_s):
        if not self.calls:
            self.before_it = len(self.others)
            (ticket, function, args), self.held = self.held, (-1, None, ())
            return ticket, function(*args)
        ticket = min(self.calls)
        function, args = self.calls.pop(ticket)
        self.others.append(ticket)
        return ticket, function(*args)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


@pytest.mark.parametrize("asynchronous", [False, True])
def test_without_waves_nobody_waits_for_the_slowest(monkeypatch, asynchronous):
    made = []
    monkeypatch.setattr(
        minimize_module, "LocalTasks", lambda workers: made.append(OneWaits(workers)) or made[0]
    )
    fidelity = {"name": "asha", "asynchronous": asynchronous, "first_epochs": 1, "reduction": 2}
    found = minimize(
        lambda s, epochs: s["rate"] + 1 / epochs, SPACE, trials=12, epochs=4, batch=4, fidelity=fidelity
    )
    assert len(found.trials) == 12 and all(trial.evaluations for trial in found.trials)
    assert made[0].before_it >= 12 if asynchronous else made[0].before_it == 3


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
        ({"x": [1]}, {"fidelity": "racing"}, "bad_option"),
        ({"x": [1]}, {"fidelity": "extrapolated"}, "bad_option"),
    ],
)
def test_mistakes_are_said(space, options, code):
    with pytest.raises(InputError) as caught:
        minimize(lambda setting, epochs: 0.0, space, **options)
    assert caught.value.code == code
