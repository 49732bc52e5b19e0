"""Trainings that go on from what was learnt, against PyTorch written by hand; each member's bits are its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from retemper.core import catalogue
from retemper.models.layers.inputs import InputShape
from retemper.training.anchor import Anchor
from retemper.training.lesson import Lesson
from retemper.training.meetings import Meetings
from retemper.training.plan import Plan
from retemper.training.stack import Layout, Member, Stack

MEMBERS = (Member(4, 1e-2, weight_decay=0.3), Member(1, 3e-3))
STILL = ("hidden_1.weight", "hidden_1.bias")
Parameters = dict[str, Tensor]


@pytest.fixture
def goes_on(plan_for: Any, task_arrays: Any) -> Callable[..., Plan]:
    """A plan of 50 steps whose members begin where 10 other steps ended (so does their anchor)."""

    def plan(classes: int = 3, dtype: torch.dtype = torch.float64, **options: Any) -> Plan:
        data = task_arrays(classes)
        train, validation = (replace(part, codes=part.codes[:, :0]) for part in (data.train, data.validation))
        data = replace(data, shape=InputShape(6, 6), train=train, validation=validation)
        options = {"members": MEMBERS, "epochs": 10, **options}
        made: Plan = plan_for(data, dtype, **options)
        draw = torch.Generator().manual_seed(8)
        stack = Stack(made.network, made.members, dtype=dtype)
        stack.initialise(made.options.initialiser.options, 77)
        noise = 0.1 * torch.randn(stack.buffers["parameters"].shape, generator=draw, dtype=torch.float64)
        return replace(made, start=stack.buffers["parameters"] + noise.to(dtype))

    return plan


def an_anchor(plan: Plan) -> Anchor:
    draw = torch.Generator().manual_seed(2)
    assert plan.start is not None
    strength = 10 ** (4 * torch.rand(plan.start.shape, generator=draw, dtype=torch.float64) - 2)
    return Anchor(plan.start + 0.2 * torch.randn(plan.start.shape, generator=draw), strength)


def a_lesson(plan: Plan, outputs: int, **options: Any) -> Lesson:
    draw = np.random.default_rng(3)
    count = plan.train.count
    teach = np.where(np.arange(count) % 3, draw.uniform(0.2, 2, count), 0.0)
    truth = np.where(np.arange(count) % 2, draw.uniform(0.2, 2, count), 0.0)
    said = 3 * draw.normal(size=(count, outputs))
    said[teach == 0] = np.nan
    return Lesson(said, teach, truth, **options)


def with_lesson(kind: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, lesson=a_lesson(plan, 2, kind=kind))


def with_odds(plan: Plan) -> Plan:
    return replace(plan, odds=np.arange(plan.train.count) % 4 * 1.0, meets=(150,) * len(plan.members))


GOING_ON: dict[str, Callable[[Plan], Plan]] = {
    "start": lambda plan: plan,
    "still": lambda plan: replace(plan, still=STILL),
    "anchor": lambda plan: replace(plan, anchor=an_anchor(plan)),
    "softened": with_lesson("softened"),
    "outputs": with_lesson("outputs"),
    "odds": with_odds,
    "all": lambda plan: with_odds(
        replace(with_lesson("softened")(plan), still=STILL, anchor=an_anchor(plan))
    ),
}
every_way = pytest.mark.parametrize("way", GOING_ON)


def by_hand(plan: Plan, slot: int) -> Parameters:
    """One member trained with ``torch.optim.AdamW`` and autograd."""
    assert plan.start is not None
    layout, member = Layout(plan.network), plan.members[slot]
    p = {name: nn.Parameter(value.clone()) for name, value in layout.unpadded(plan.start[slot]).items()}
    moving = {name: value for name, value in p.items() if name not in plan.still}
    groups = [
        {"params": [value], "weight_decay": member.weight_decay if name.endswith("weight") else 0.0}
        for name, value in moving.items()
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
    schedule: Any = plan.options.schedule.options
    factors = iter(schedule.factors(plan.epochs * plan.steps_per_epoch, plan.steps_per_epoch))
    for epoch in range(plan.epochs):
        order, inside = Meetings(plan).of_epoch(plan.members, epoch)[:]
        for rows, there in zip(order[:, slot], inside[:, slot], strict=True):
            rate = member.learning_rate * next(factors)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            loss_by_hand(plan, p, rows[there].long()).backward()
            optimizer.step()
            if plan.anchor:
                pull_by_hand(plan, slot, moving, optimizer, rate)
    return p


def loss_by_hand(plan: Plan, p: Parameters, rows: Tensor) -> Tensor:
    h = plan.train.x[rows][:, :6]
    for layer in ("hidden_1", "hidden_2"):
        h = functional.silu(functional.linear(h, p[f"{layer}.weight"], p[f"{layer}.bias"][0]))
    z = functional.linear(h, p["head.weight"], p["head.bias"][:, 0])
    loss = functional.cross_entropy(z, plan.train.y[rows], reduction="none")
    if plan.lesson:
        own = rows.numpy()
        said = torch.from_numpy(np.nan_to_num(plan.lesson.outputs[own]))
        if plan.lesson.kind == "softened":
            t, f = torch.softmax(said / 2.0, 1), torch.log_softmax(z[:, :2] / 2.0, 1)
            taught = 4.0 * functional.kl_div(f, t, reduction="none").sum(1)
        else:
            taught = functional.mse_loss(z[:, :2], said, reduction="none").mean(1)
        loss = (
            torch.from_numpy(plan.lesson.truth[own]) * loss
            + torch.from_numpy(plan.lesson.teach[own]) * taught
        )
    return (loss * plan.train.weight[rows]).sum() / plan.train.weight[rows].sum()


def pull_by_hand(
    plan: Plan, slot: int, moving: Parameters, optimizer: torch.optim.Optimizer, rate: float
) -> None:
    assert plan.anchor is not None
    layout = Layout(plan.network)
    center, strength = (layout.unpadded(own[slot]) for own in (plan.anchor.center, plan.anchor.strength))
    for name, value in moving.items():
        state = optimizer.state[value]
        metric = (state["exp_avg_sq"] / (1 - 0.99 ** state["step"].double())).sqrt() + 1e-8
        s = strength[name] * rate
        value.data = (metric * value.data + s * center[name]) / (metric + s)


@every_way
def test_fifty_steps_are_those_of_pytorch(goes_on: Any, train: Any, way: str) -> None:
    plan = GOING_ON[way](goes_on())
    training, _ = train(plan)
    assert training.step == 50
    for slot in range(len(plan.members)):
        ours = Layout(plan.network).unpadded(training.stack.buffers["parameters"][slot])
        for name, theirs in by_hand(plan, slot).items():
            torch.testing.assert_close(ours[name], theirs.data, rtol=0, atol=1e-9)


@every_way
@pytest.mark.parametrize(
    "options", [{}, {"training": {"batch_size": 75, "accumulate_steps": 2}}, {"model": {"name": "tabm"}}]
)
def test_the_bits_alone_are_those_in_a_stack(
    goes_on: Any, train: Any, way: str, options: dict[str, Any]
) -> None:
    plan = GOING_ON[way](replace(goes_on(dtype=torch.float32, **options), epochs=2))
    fits = train(plan)[1]
    alone = replace(
        plan,
        members=plan.members[1:],
        meets=plan.meets[1:],
        start=plan.start[1:],
        anchor=plan.anchor and Anchor(plan.anchor.center[1:], plan.anchor.strength[1:]),
    )
    (fit,) = train(alone)[1]
    assert torch.equal(fit.row, fits[1].row) and fit.val_loss == fits[1].val_loss
    assert not torch.equal(fits[0].row, fits[1].row)


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_what_is_still_has_the_very_bits_it_began_with(goes_on: Any, train: Any, optimizer: str) -> None:
    """Neither the optimizer, nor decay, penalties or an anchor move it; and the clipping doesn't count it."""
    options = {
        "optimizer": {"name": optimizer, "decay_biases": True},
        "l1": 1e-2,
        "l2": 0.1,
        "clip_norm": 0.5,
    }
    plan = goes_on(dtype=torch.float32, training=options)
    plan = replace(plan, still=STILL, anchor=an_anchor(plan))
    training, _ = train(plan)
    layout = training.stack.layout
    assert plan.start is not None
    for slot in range(len(plan.members)):
        before = layout.unpadded(plan.start[slot])
        for name, after in layout.unpadded(training.stack.buffers["parameters"][slot]).items():
            assert torch.equal(before[name], after) == (name in STILL), name
    assert not training.stack.buffers["gradients"][:, layout.places(STILL)[0]].any()
    assert torch.linalg.vector_norm(training.stack.buffers["gradients"], dim=1).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("name", catalogue.names("model"))
def test_the_way_back_ends_before_what_is_still(plan_for: Any, name: str) -> None:
    """The others' gradients have the same bits, and what is left out is not even written."""
    network = plan_for(model={"name": name, **({"depth": 2} if name != "linear" else {})}).network
    names = [parameter.name for parameter in network.parameters]
    layout, draw = Layout(network), torch.Generator().manual_seed(0)
    row = torch.randn((2, layout.size), generator=draw) * layout.true_places()
    x = torch.randn((2, 32, 16), generator=draw)
    codes = torch.randint(5, (2, 32, 1), generator=draw)
    found = {}
    for still in ((), tuple(own for own in names if not own.startswith("head."))):
        gradients = torch.full_like(row, torch.nan)
        outputs, backward = replace(network, still=still).forward(layout.views(row), x, codes)
        backward(torch.cos(outputs), layout.views(gradients), False)
        found[still] = layout.views(gradients)
    every, some = found.values()
    for own in names:
        if own.startswith("head."):
            assert torch.equal(every[own], some[own])
        else:
            assert every[own].isfinite().all() and some[own].isnan().all()


def test_the_padding_of_a_start_is_left_out(goes_on: Any, train: Any) -> None:
    plan = goes_on()
    inside = Layout(plan.network).true_places()
    assert plan.start[:, ~inside].any()
    training, _ = train(replace(plan, epochs=1))
    assert not training.stack.buffers["parameters"][:, ~inside].any()


def test_members_that_are_dropped_take_their_anchor_along(goes_on: Any, train: Any) -> None:
    members = (Member(9, 1e30), *MEMBERS)  # the first one is lost in the first epoch
    plan = goes_on(members=members, training={"optimizer": "sgd"}, dtype=torch.float32)
    anchor = an_anchor(plan)
    center, strength = anchor.center, anchor.strength.clone()
    strength[0] = 0
    training, fits = train(replace(plan, anchor=Anchor(center, strength)))
    assert len(training.stack) == 2 and fits[0].epochs == 1
    rest = replace(plan, members=MEMBERS, start=plan.start[1:], anchor=Anchor(center[1:], strength[1:]))
    for fit, own in zip(train(rest)[1], fits[1:], strict=True):
        assert torch.equal(fit.row, own.row)


def test_what_does_not_fit_is_said(goes_on: Any, train: Any) -> None:
    plan = goes_on()
    anchor = an_anchor(plan)
    for changes, words in (
        ({"start": plan.start[:1]}, "the start must be"),
        ({"still": ("head.wieght",)}, "head.wieght"),
        ({"anchor": Anchor(anchor.center[:1], anchor.strength[:1])}, "the anchor must be"),
        ({"odds": np.ones(7)}, "odds must be"),
        ({"odds": np.full(150, -1.0)}, "0 or more"),
        ({"odds": np.zeros(150)}, "all are 0"),
        ({"lesson": a_lesson(plan, 4)}, "can't teach"),
    ):
        with pytest.raises(ValueError, match=words):
            train(replace(plan, **changes))
