"""Surprising rows, and how many of them honest probabilities let expect."""

import numpy as np
import polars as pl
import pytest

from retemper.evaluation.held_out import HeldOut
from retemper.evaluation.surprising import most_surprising, spread, spread_interval, yardsticks


def coins(rows, seed, wrong=0):
    """Honest probabilities of three classes; the first rows may carry a label that they give 1 %."""
    draw = np.random.default_rng(seed)
    p = draw.dirichlet([0.3, 0.3, 0.3], rows) * 0.94 + 0.02
    y = (p.cumsum(1) < draw.random((rows, 1))).sum(1)
    p[:wrong] = [0.98, 0.01, 0.01]
    y[:wrong] = 2
    frame = pl.DataFrame({"row": np.arange(rows)})
    return HeldOut(frame, y, "classification", lambda cells, at: p[at], {"row": "number"}), p


def test_honest_probabilities_surprise_as_often_as_expected():
    inside = []
    for seed in range(60):
        held, p = coins(500, seed)
        inside += [own.low <= own.found <= own.high for own in yardsticks(held, p) if own.expected]
    assert np.mean(inside) > 0.93
    held, p = coins(500, 0, wrong=30)
    first, second, _ = yardsticks(held, p)
    assert second.found >= 30 and second.found > second.high and first.threshold == 0.1
    assert second.expected == pytest.approx(30 * 0.02)


def test_the_rows_of_highest_loss_come_first_with_what_was_said():
    held, p = coins(300, 0, wrong=2)
    members = tuple((lambda cells, at, k=k: np.roll(p, k, axis=1)[at], 0.5) for k in range(2))
    held = HeldOut(held.frame, held.y, held.task, held.predict, held.kinds, members)
    found = most_surprising(held, p, 5)
    assert {found[0].at, found[1].at} == {0, 1} and len(found) == 5
    first = found[0]
    assert (first.expected, first.predicted, first.probability, first.confidence) == (2, 0, 0.01, 0.98)
    assert first.loss == pytest.approx(-np.log(0.01)) and first.deviations is None
    assert (first.low, first.high) == (0.01, 0.01)
    assert [own.loss for own in found] == sorted((own.loss for own in found), reverse=True)
    assert most_surprising(coins(300, 0)[0], coins(300, 0)[1], 1)[0].low is None


def test_errors_are_told_in_deviations_that_wild_rows_do_not_move():
    draw = np.random.default_rng(0)
    y = draw.normal(scale=5, size=1000)
    y[17] = 400.0
    held = HeldOut(
        pl.DataFrame({"x": y}), y, "regression", lambda cells, at: np.zeros(len(at)), {"x": "number"}
    )
    first = most_surprising(held, np.zeros(1000), 1)[0]
    assert first.at == 17 and first.deviations == pytest.approx(80, rel=0.1) and first.probability is None
    low, high = spread_interval(y)
    assert low < 5 < high and low < spread(y) < high
    three, four, five = yardsticks(held, np.zeros(1000))
    assert three.expected == pytest.approx(2.7, rel=0.01) and five.found == 1 and five.high < 1
    assert four.found >= five.found
