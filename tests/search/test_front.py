"""The front of accuracy against cost, and the course of a search."""

import numpy as np
import pytest

from retemper.search.course import incumbents, rungs, standard_error
from retemper.search.front import Priced, front
from retemper.search.trials import Evaluation, Order, Trial


def test_nobody_beats_the_front_in_both():
    rng = np.random.default_rng(0)
    trials = [Priced(k, float(rng.random()), 0.01, float(rng.integers(1, 50))) for k in range(200)]
    found = front(trials)
    members = [trials[number] for number in found.members]
    for own in trials:
        beaten = any(
            other.loss <= own.loss
            and other.cost <= own.cost
            and (other.loss, other.cost) != (own.loss, own.cost)
            for other in trials
        )
        assert beaten != (own in members)
    assert [own.cost for own in members] == sorted(own.cost for own in members)
    assert trials[found.best].loss == min(own.loss for own in trials)


def test_enough_is_within_one_standard_error():
    trials = [Priced(0, 0.30, 0.02, 9.0), Priced(1, 0.319, None, 5.0), Priced(2, 0.33, 0.5, 1.0)]
    assert front(trials).enough == 1
    assert front([Priced(0, 0.3, None, 9.0), Priced(1, 0.31, None, 1.0)]).enough == 0
    assert front([]) is None


def evaluation(trial, epochs, losses, trained=1, error=None):
    order = Order(trial, {"a": trial}, epochs, tuple(range(len(losses))))
    return Evaluation(order, dict(enumerate(losses)), trained_epochs=trained, error=error)


def test_the_best_so_far_against_epochs():
    came = [
        evaluation(0, 1, [0.9], 1),
        evaluation(1, 1, [float("nan")], 1),
        evaluation(2, 1, [0.8], 1),
        evaluation(2, 3, [0.85], 2),
        evaluation(0, 3, [0.6, 0.7], 4),
        evaluation(3, 3, [0.1], 2),
        evaluation(4, 3, [0.5, 0.7], 6),
    ]
    found = [(own.spent_epochs, own.trial, own.loss) for own in incumbents(came)]
    assert found == [(1, 0, 0.9), (3, 2, 0.8), (9, 0, pytest.approx(0.65)), (17, 4, pytest.approx(0.6))]
    assert incumbents([]) == []


def test_folds_of_several_rounds_make_one_best():
    def raced(trial, fold, loss):
        return Evaluation(Order(trial, {}, 3, (fold,)), {fold: loss}, trained_epochs=3)

    came = [raced(0, 0, 0.2), raced(1, 0, 0.4), raced(0, 1, 0.9), raced(1, 1, 0.5), raced(1, 2, 0.6)]
    found = [(own.spent_epochs, own.trial, round(own.loss, 3)) for own in incumbents(came)]
    assert found == [(3, 0, 0.2), (9, 0, 0.55), (12, 1, 0.45), (15, 1, 0.5)]


def test_rungs_count_who_reached_them():
    trials = [Trial(0, {}, (evaluation(0, 1, [1.0]), evaluation(0, 9, [1.0])))]
    trials += [
        Trial(1, {}, (evaluation(1, 1, [1.0]),)),
        Trial(2, {}, (evaluation(2, 3, [1.0]),)),
        Trial(3, {}),
    ]
    assert [(own.epochs, own.trials) for own in rungs(trials)] == [(1, 3), (3, 2), (9, 1)]


def test_the_standard_error_is_that_of_a_mean():
    losses = [0.1, 0.4, 0.2, 0.9]
    assert standard_error(losses) == pytest.approx(np.std(losses, ddof=1) / 2)
