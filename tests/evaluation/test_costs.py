"""Costs of mistakes: the cheapest call, and an interval that holds where dear mistakes are rare."""

import numpy as np
import pytest

from retemper.core.seeds import generator
from retemper.evaluation.costs import Costs
from retemper.evaluation.decision import Decision
from retemper.evaluation.intervals import units_of
from retemper.evaluation.threshold import Threshold

THREE = Costs(((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (20.0, 2.0, 0.0)))


def test_the_cheapest_call_is_least_of_all_calls_in_expectation():
    p = generator(0, "p").dirichlet(np.ones(3), 500)
    called = THREE.least(p)
    expected = np.einsum("nt,tc->nc", p, THREE.table)
    assert (expected[np.arange(500), called] <= expected.min(1) + 1e-12).all()
    assert (called != p.argmax(1)).mean() > 0.1


def test_equal_costs_leave_the_likeliest_class():
    p = generator(1, "p").dirichlet(np.ones(4), 500)
    assert (Costs(tuple(tuple(row) for row in 1 - np.eye(4))).least(p) == p.argmax(1)).all()


@pytest.mark.parametrize(("rows", "shares"), [(200, (0.05, 0.02)), (200, (0.01, 0.005)), (1000, (0.2, 0.01))])
def test_the_interval_holds_where_dear_mistakes_are_rare(rows, shares):
    costs, truth = Costs(((0.0, 1.0), (10.0, 0.0))), shares[0] + 10 * shares[1]
    held = 0
    for i in range(200):
        kind = generator(i, "rows").choice(3, size=rows, p=(1 - sum(shares), *shares))
        y, called = (kind == 2).astype(int), (kind == 1).astype(int)
        found = costs.mean(y, called)
        assert found.value == pytest.approx((kind == 1).mean() + 10 * (kind == 2).mean())
        held += found.low <= truth <= found.high
    assert held >= 186


def test_copies_of_a_row_in_one_group_tell_no_more_than_the_row():
    y = generator(2, "y").integers(3, size=300)
    called = np.where(generator(3, "c").random(300) < 0.8, y, 0)
    once = THREE.mean(y, called)
    again = np.repeat(np.arange(300), 4)
    grouped = THREE.mean(y[again], called[again], units=units_of(again, 1200))
    alone = THREE.mean(y[again], called[again])
    assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high), rel=1e-6)
    assert alone.high - alone.low < 0.6 * (once.high - once.low)


def test_a_decision_scores_by_its_own_calls_and_survives_json():
    p = generator(4, "p").dirichlet(np.ones(3), 400)
    y = (p.cumsum(1) < generator(5, "y").random((400, 1))).sum(1)
    by_cost, plain = Decision(costs=THREE), Decision()
    found, other = (own.scores("classification", y, p, 100) for own in (by_cost, plain))
    assert found["cost"].value < THREE.mean(y, p.argmax(1)).value and "cost" not in other
    assert found["accuracy"].value < other["accuracy"].value and found["log_loss"] == other["log_loss"]
    assert Decision.from_json(by_cost.to_json()) == by_cost
    assert [own.said("abc")["by"] for own in (plain, by_cost)] == ["likeliest", "costs"]


def test_a_threshold_decides_before_costs():
    two = Decision(Threshold(1, 0.9), costs=Costs(((0.0, 1.0), (9.0, 0.0))))
    assert two.codes(np.array([[0.5, 0.5]])).tolist() == [0]
