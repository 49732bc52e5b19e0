"""Odds of rows to be met: what the plan says of rows, and the loss of classes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from retemper.training.draws import BatchOrders
from retemper.training.meetings import Meetings

NEW = np.arange(150) < 30


def met(orders: BatchOrders, slot: int) -> Any:
    """How often a member meets each of 150 rows."""
    order, inside = orders[:]
    number = orders.of_member[slot]
    return np.bincount(order[:, number][inside[:, number]].numpy(), minlength=150)


def test_half_of_what_is_met_is_replay(plan_for: Any) -> None:
    odds = np.where(NEW, 1 / NEW.sum(), 1 / (~NEW).sum())
    plan = replace(plan_for(), odds=odds, meets=(320,) * 3)
    orders = Meetings(plan).of_epoch(plan.members, 0)
    assert len(orders) == 10 == plan.steps_per_epoch
    for slot in range(3):
        times = met(orders, slot)
        assert times.sum() == 320 and times[NEW].sum() == pytest.approx(160, abs=4)
        assert set(times[NEW]) <= {5, 6} and set(times[~NEW]) <= {1, 2}
    order, inside = orders[:]
    of_batch = [
        NEW[rows[there].numpy()].mean() for rows, there in zip(order[:, 0], inside[:, 0], strict=True)
    ]
    assert np.mean(of_batch) == pytest.approx(0.5, abs=0.01) and max(of_batch) < 0.85


def test_each_member_has_its_rows_and_may_have_its_odds(plan_for: Any) -> None:
    subsets = tuple(np.flatnonzero(np.arange(150) % 3 != k) for k in range(3))
    odds = np.stack([NEW * 1.0, ~NEW * 1.0, np.ones(150)])
    plan = replace(plan_for(), odds=odds, subsets=subsets)
    orders = Meetings(plan).of_epoch(plan.members, 3)
    for slot, allowed in enumerate((NEW, ~NEW, np.ones(150, dtype=bool))):
        own = np.isin(np.arange(150), subsets[slot]) & allowed
        assert met(orders, slot)[own].min() >= 1 and not met(orders, slot)[~own].any()
    last = Meetings(replace(plan, members=plan.members[1:2], subsets=subsets[1:2], odds=odds[1]))
    alone = last.of_epoch(plan.members[1:2], 3)
    assert torch.equal(alone[:][0][:, 0], orders[:][0][:, orders.of_member[1]])


def test_those_who_draw_alike_share_an_order_only_with_the_same_odds(plan_for: Any) -> None:
    member = plan_for().members[0]
    plan = replace(plan_for(), members=(member, replace(member, id=8, key=member.id)))
    shared = Meetings(replace(plan, odds=NEW + 0.5)).of_epoch(plan.members, 0)
    assert shared.of_member == [0, 0]
    own = Meetings(replace(plan, odds=np.stack([NEW + 0.5, 1.5 - NEW]))).of_epoch(plan.members, 0)
    assert own.of_member == [0, 1] and met(own, 0)[NEW].sum() > met(own, 1)[NEW].sum()
    assert not np.array_equal(met(own, 0), met(own, 1))


def test_classes_are_resampled_by_the_odds_of_their_rows(plan_for: Any) -> None:
    resampled = {"loss": {"name": "cross_entropy", "resampling": "sqrt"}}
    plan = plan_for(training=resampled)
    y = plan.train.y[:150].numpy()
    rare = replace(
        plan, train=replace(plan.train, y=torch.from_numpy((np.arange(len(plan.train.y)) < 15) * 1))
    )
    assert y.max() == 2
    odds = np.where(np.arange(150) < 75, 1.0, 0.0)
    orders = Meetings(replace(rare, odds=odds)).of_epoch(plan.members, 0)
    share = np.sqrt(15) / (np.sqrt(15) + np.sqrt(60))  # 15 and 60 rows have odds
    times = met(orders, 0)
    assert times[75:].sum() == 0 and times[:15].sum() == pytest.approx(150 * share, abs=5)


def test_rows_without_odds_are_never_met(plan_for: Any) -> None:
    odds = np.zeros(150)
    odds[:3] = [1e-300, 1.0, 1e-9]
    plan = replace(plan_for(), odds=odds)
    for epoch in range(20):
        assert met(Meetings(plan).of_epoch(plan.members, epoch), 0)[3:].sum() == 0
