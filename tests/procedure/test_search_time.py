"""A search with a time limit: it ends, what it was cut short to is in the log, and a replay makes the same of it."""

import json
from dataclasses import replace

import pytest

from retemper.core.budget import Budget, decisions, now
from retemper.core.crowding import Crowding
from retemper.procedure import search
from retemper.procedure.cross_fitting import dealt
from retemper.procedure.pace import Finished
from retemper.procedure.prepared_trials import PreparedTrials
from retemper.procedure.search import in_full
from retemper.procedure.stacked_trials import StackedTrials
from retemper.procedure.trial_time import LEAST_S
from retemper.search.fidelities import Extent
from retemper.search.journal import Journal
from retemper.search.study import OutOfTime, Study
from retemper.search.trials import Order, Trial

SPACE = {
    "training.optimizer.learning_rate": {"low": 1e-4, "high": 0.3, "log": True},
    "model.width": [8, 16, 32],
}
TUNE = {
    "tune.space": SPACE,
    "tune.folds": 3,
    "tune.epochs": 400,
    "tune.trials": 200,
    "tune.batch": 20,
    "training.patience_epochs": 0,
}
FIDELITIES = {
    "full": "full",
    "halving": {"name": "halving", "first_epochs": 20},
    "asha": {"name": "asha", "first_epochs": 20, "asynchronous": True},
    "racing": {"name": "racing", "first_folds": 2},
}


def begun(bench, tables, fidelity):
    frame = tables.numbers_only(150, 0, lambda x, draw: x[:, 0] + 0.1 * draw.normal(size=len(x)))
    # Three seconds are not enough for a batch in full, however fast the machine.
    epochs = 10_000 if fidelity == "full" else TUNE["tune.epochs"]
    return bench(frame, changes=TUNE | {"tune.fidelity": FIDELITIES[fidelity], "tune.epochs": epochs})


def with_three_seconds(desk):
    """Three seconds of a limit are left until the ending begins, on a machine that is told to be calm."""
    calm = Crowding(before=None)
    budget = Budget(100.0, now() - 89.5, log=desk.book.folder.log, crowding=calm)
    desk.book = replace(desk.book, budget=budget)
    return budget


def journal(desk):
    """What every order led to, but for the seconds."""
    lines = (desk.book.folder.checkpoints / "trials.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def rows(state):
    return [network.fit.row.numpy().tobytes() for network in state.chosen[0][0].networks]


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_a_replay_makes_the_same_trials_and_the_same_bits(bench, tables, fidelity):
    desk, state = begun(bench, tables, fidelity)
    budget = with_three_seconds(desk)
    limited, step = desk.do(search, state)
    assert step.message.endswith("The time limit ended the search.") and budget.elapsed_s() < 105
    made = decisions(desk.book.folder.log_path)
    if fidelity == "full":
        assert any(name.endswith(".stopped") for name in made), "the deadline falls into a training"
    other, state = begun(bench, tables, fidelity)
    again = other.replaying(made)
    replayed, told = again.do(search, state)
    assert journal(again) == journal(desk)
    assert rows(replayed) == rows(limited)
    assert told.message == step.message


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_a_search_that_has_no_time_left_still_trains_one_trial(bench, tables, fidelity):
    desk, state = begun(bench, tables, fidelity)
    began = now()
    state, _ = desk.limited(60.0, used=80.0).do(search, state)
    assert now() - began < LEAST_S + 10
    assert [own["order"]["trial"] for own in journal(desk)] == [0] * len(journal(desk))
    networks = state.chosen[0][0].networks
    assert len(networks) == 3 and all(network.fit.epochs for network in networks)


def test_by_a_slow_pace_nobody_begins(bench, tables):
    desk, state = begun(bench, tables, "full")
    desk = desk.limited(1000.0)
    desk.book.pace.finished[:] = [Finished("any", 1e9, 1.0)]
    trials = StackedTrials(desk.book, dealt(state, 3), 40, 3)
    with pytest.raises(OutOfTime):
        next(trials.evaluate([Order(1, {"model.width": 16}, 40, (0, 1, 2))]))


@pytest.mark.parametrize("left", [30.0, -30.0])
def test_the_best_trial_goes_on_for_what_is_left_and_for_a_while_in_any_case(bench, tables, left):
    study, found, _ = out_of_time(bench, tables, Order(0, VALUES, 20, (0, 1, 2)), left)
    assert [own.order.epochs for own in study.journal] == [20, 40] and found[0].last.order.epochs == 40
    assert found[0].last.trained_epochs == 3 * 20 if left > 0 else found[0].last.trained_epochs > 0


def test_folds_that_the_best_trial_has_not_seen_are_trained_in_any_case(bench, tables):
    study, found, evaluator = out_of_time(bench, tables, Order(0, VALUES, 40, (0, 1)), -30.0)
    assert [own.order.folds for own in study.journal] == [(0, 1), (2,)]
    assert len(evaluator.networks(found[0].last)) == 3
    (last,) = [own for own in study.journal if own.order.folds == (2,)]
    assert 0 < last.trained_epochs <= 40


VALUES = {"model.width": 16}


def out_of_time(bench, tables, order, left):
    """A study of one trial that the time ended after this order, with so many seconds left; what came of it."""
    desk, state = begun(bench, tables, "full")
    evaluator = PreparedTrials(desk.book, dealt(state, 3), 40, 3)
    study = Study(None, evaluator, Journal(None))
    study.trials = {0: Trial(0, VALUES)}
    for batch in evaluator.evaluate([order]):
        study.journal.add(batch)
        study.take(batch)
    calm = Crowding(before=None)
    budget = Budget(100.0, now() - 92.5 + left, log=desk.book.folder.log, crowding=calm)
    book = replace(desk.book, budget=budget)
    later = PreparedTrials(book, dealt(state, 3), 40, 3)
    later.recall(list(study.journal))
    study.out_of_time = True
    found = in_full(study, later, list(study.trials.values()), Extent(40, (0, 1, 2), 1))
    return study, found, later
