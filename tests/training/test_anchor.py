"""An anchor holds at any strength, and lets a training come to rest where its pull and the loss balance."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from retemper.core import catalogue
from retemper.models.layers.inputs import InputShape
from retemper.training.anchor import Anchor
from retemper.training.plan import Plan
from retemper.training.stack import Layout, Member

RATES = {"sgd": 0.05, "momentum": 0.01, "nesterov": 0.01, "rmsprop": 0.02, "adam": 0.03, "adamw": 0.03}
every_optimizer = pytest.mark.parametrize("name", catalogue.names("optimizer"))


@pytest.fixture
def straight_line(plan_for: Any, task_arrays: Any) -> Any:
    """A linear regression on whole batches of 150 rows, in float64."""

    def plan(name: str, epochs: int) -> Plan:
        data = task_arrays(0)
        train = replace(data.train, codes=data.train.codes[:, :0])
        data = replace(data, shape=InputShape(6, 6), train=train)
        training = {"optimizer": {"name": name}, "batch_size": 150, "schedule": "cosine", "signals": False}
        members = (Member(0, RATES[name]), Member(1, RATES[name] / 2))
        made: Plan = plan_for(
            data, torch.float64, model={"name": "linear"}, training=training, members=members, epochs=epochs
        )
        return replace(made, validation=None)

    return plan


def balance(plan: Plan, anchor: Anchor, slot: int) -> dict[str, torch.Tensor]:
    """Where 2·Xᵀ·diag(w)·(X·θ − y) + strength·(θ − center) = 0."""
    rows, layout = plan.train, Layout(plan.network)
    x = torch.cat([rows.x[:150, :6], torch.ones(150, 1, dtype=torch.float64)], 1)
    share = rows.weight[:150] / rows.weight[:150].sum()
    center, strength = (
        torch.cat([layout.unpadded(own[slot])[name].flatten() for name in ("head.weight", "head.bias")])
        for own in (anchor.center, anchor.strength)
    )
    product = 2 * (x * share[:, None]).T
    found = torch.linalg.solve(product @ x + strength.diag(), product @ rows.y[:150] + strength * center)
    return {"head.weight": found[None, :6], "head.bias": found[None, 6:]}


@every_optimizer
def test_it_rests_where_loss_and_anchor_balance(straight_line: Any, train: Any, name: str) -> None:
    plan = straight_line(name, 400)
    draw = torch.Generator().manual_seed(1)
    shape = (2, Layout(plan.network).size)
    strength = 10 ** (3 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1.5)
    anchor = Anchor(torch.randn(shape, generator=draw, dtype=torch.float64), strength)
    plan = replace(plan, members=tuple(replace(own, weight_decay=0.0) for own in plan.members), anchor=anchor)
    assert (balance(plan, anchor, 0)["head.weight"] - anchor.center[0, :6]).abs().max() > 0.1
    for slot, fit in enumerate(train(plan)[1]):
        for at, wanted in balance(plan, anchor, slot).items():
            found = Layout(plan.network).unpadded(fit.row)[at]
            torch.testing.assert_close(found, wanted, rtol=0, atol=2e-3)


@every_optimizer
@pytest.mark.parametrize("strength", [1e3, 1e9])
def test_a_strong_anchor_holds_and_does_not_shake(
    straight_line: Any, train: Any, name: str, strength: float
) -> None:
    """Rate times strength is far beyond 2, where steps of a gradient would diverge."""
    plan = straight_line(name, 30)
    inside = Layout(plan.network).true_places().double()
    center = torch.linspace(-1, 1, 2 * len(inside), dtype=torch.float64).view(2, -1) * inside
    anchor = Anchor(center, torch.full_like(center, strength))
    for slot, fit in enumerate(train(replace(plan, anchor=anchor))[1]):
        assert torch.allclose(fit.row, center[slot], atol=20 / strength)
        assert not torch.equal(fit.row, center[slot]) or strength > 1e6
    free = train(replace(plan, anchor=Anchor(center, torch.zeros_like(center))))[1]
    for own, other in zip(free, train(plan)[1], strict=True):
        assert torch.equal(own.row, other.row), "without strength nothing is held"


def test_anchors_are_checked() -> None:
    for center, strength in ((torch.zeros(2, 3), torch.zeros(3)), (torch.zeros(1, 3), -torch.ones(1, 3))):
        with pytest.raises(ValueError, match="strength must"):
            Anchor(center, strength)
    with pytest.raises(ValueError, match="finite"):
        Anchor(torch.zeros(1, 3), torch.full((1, 3), float(np.inf)))
