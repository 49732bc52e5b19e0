"""Every optimizer against PyTorch's own on ``nn.Linear`` layers, and its bits in any stack."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import cross_entropy

from retemper.core import catalogue
from retemper.training.draws import BatchOrders
from retemper.training.plan import Plan
from retemper.training.stack import Layout, Member, Stack

NAMES = catalogue.names("optimizer")
Groups = Iterable[dict[str, Any]]
PEERS: dict[str, Callable[[Groups], torch.optim.Optimizer]] = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, lr=0.1),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.1),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.1, betas=(0.9, 0.99), weight_decay=0.0),
}
MODEL = {"name": "mlp", "width": 20, "depth": 2, "dropout": 0.0}
MEMBERS = (Member(5, 1e-2, weight_decay=0.3), Member(2, 3e-3))

every_optimizer = pytest.mark.parametrize("name", NAMES)


class Peer:
    """One member as a plain PyTorch network that is trained on the same batches."""

    def __init__(self, plan: Plan, slot: int, group_decay: float) -> None:
        stack = Stack(plan.network, plan.members, dtype=torch.float64)
        stack.initialise(
            plan.options.initialiser.options, plan.seed, plan.output_bias, plan.options.head_scale
        )
        start = stack.layout.unpadded(stack.buffers["parameters"][slot])
        layers = ["hidden_1", "hidden_2", "head"]
        self.plan, self.slot, self.member = plan, slot, plan.members[slot]
        self.net = nn.Sequential()
        for layer in layers:
            outputs, inputs = start[f"{layer}.weight"].shape
            linear = nn.Linear(inputs, outputs, dtype=torch.float64)
            linear.weight.data.copy_(start[f"{layer}.weight"])
            linear.bias.data.copy_(start[f"{layer}.bias"].flatten())
            self.net.extend([linear] if layer == "head" else [linear, nn.SiLU()])
        self.weights = [p for p in self.net.parameters() if p.ndim == 2]
        self.biases = [p for p in self.net.parameters() if p.ndim == 1]
        self.spared = not vars(plan.options.optimizer.options)["decay_biases"]
        groups = [
            {"params": self.weights, "weight_decay": group_decay},
            {"params": self.biases, "weight_decay": 0.0 if self.spared else group_decay},
        ]
        self.optimizer = PEERS[plan.options.optimizer.name](groups)

    @property
    def penalised(self) -> list[nn.Parameter]:
        return self.weights if self.spared else self.weights + self.biases

    def train(self, l1: float = 0.0, l2: float = 0.0, decay: float = 0.0, clip_norm: float = 0.0) -> None:
        """All epochs; the penalties by autograd, the decay by hand before each step."""
        plan, data, step = self.plan, self.plan.train, 0
        schedule: Any = plan.options.schedule.options
        factors = schedule.factors(plan.epochs * plan.steps_per_epoch, plan.steps_per_epoch)
        everything = [torch.arange(data.count).numpy()] * len(plan.members)
        for epoch in range(plan.epochs):
            order, inside = BatchOrders(
                plan.members, everything, plan.options.batch_size, (plan.seed, epoch), plan.counts
            )[:]
            for rows, there in zip(order[:, self.slot], inside[:, self.slot], strict=True):
                self._loss(rows[there], l1, l2).backward()
                if clip_norm:
                    nn.utils.clip_grad_norm_(self.net.parameters(), clip_norm)
                self._move(self.member.learning_rate * factors[step], decay)
                step += 1

    def _move(self, rate: float, decay: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for parameter in self.penalised:
            parameter.data.mul_(1 - rate * decay)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _loss(self, rows: torch.Tensor, l1: float, l2: float) -> torch.Tensor:
        data = self.plan.train
        z = self.net(data.x[rows][:, : self.net[0].in_features])
        weight = data.weight[rows]
        loss = (cross_entropy(z, data.y[rows], reduction="none") * weight).sum() / weight.sum()
        penalty = [l1 * p.abs().sum() + l2 / 2 * p.square().sum() for p in self.penalised]
        return loss + sum(penalty)

    def assert_equal(self, row: torch.Tensor) -> None:
        """Its parameters are the row's."""
        ours = Layout(self.plan.network).unpadded(row)
        linears = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        for name, linear in zip(["hidden_1", "hidden_2", "head"], linears, strict=True):
            for own, theirs in [
                (ours[f"{name}.weight"], linear.weight),
                (ours[f"{name}.bias"], linear.bias[None]),
            ]:
                torch.testing.assert_close(own.view_as(theirs), theirs.data, rtol=0.0, atol=1e-9)


def compare(plan: Plan, train: Any, coupled: float = 0.0, **penalties: float) -> None:
    """100 steps of ours and of PyTorch's; ``coupled`` is the L2 penalty as PyTorch's optimizer adds it."""
    training, _ = train(plan)
    assert training.step == 100
    name = plan.options.optimizer.name
    for slot, member in enumerate(plan.members):
        decay = member.weight_decay
        by_torch = decay if name == "adamw" else coupled
        peer = Peer(plan, slot, by_torch)
        peer.train(decay=0.0 if by_torch else decay, **penalties)
        peer.assert_equal(training.stack.buffers["parameters"][slot])


@pytest.fixture
def steps_100(problem: Any) -> Any:
    """A plan of 100 steps in float64."""

    def plan(members: tuple[Member, ...], **training: Any) -> Plan:
        made: Plan = problem(width=13, dtype=torch.float64).plan(MODEL, members, epochs=20, **training)
        return made

    return plan


@every_optimizer
@pytest.mark.parametrize("decay_biases", [False, True])
def test_decoupled_decay_and_schedule(steps_100: Any, train: Any, name: str, decay_biases: bool) -> None:
    optimizer = {"name": name, "decay_biases": decay_biases}
    compare(steps_100(MEMBERS, optimizer=optimizer, schedule="one_cycle"), train)


@every_optimizer
@pytest.mark.parametrize("decay_biases", [False, True])
def test_coupled_l2(steps_100: Any, train: Any, name: str, decay_biases: bool) -> None:
    members = tuple(replace(member, weight_decay=0.0) for member in MEMBERS)
    plan = steps_100(members, optimizer={"name": name, "decay_biases": decay_biases}, l2=0.05)
    # PyTorch's AdamW knows no coupled decay: there the penalty goes into the loss.
    compare(plan, train, **{"l2" if name == "adamw" else "coupled": 0.05})


@every_optimizer
def test_l1_l2_and_clipping(steps_100: Any, train: Any, name: str) -> None:
    both = {"l1": 1e-3, "l2": 0.01, "clip_norm": 0.1}
    compare(steps_100(MEMBERS, optimizer=name, **both), train, **both)


@every_optimizer
def test_a_member_has_its_bits_in_any_stack(problem: Any, train: Any, name: str) -> None:
    members = [Member(id_, 3e-3 * (id_ + 1), weight_decay=0.1 * id_, dropout=0.1 * id_) for id_ in range(4)]
    plan = problem(width=13).plan(MODEL, members, epochs=4, optimizer=name)
    together, _ = train(plan)
    assert set(together.stack.buffers) == {
        "parameters", "gradients", "delta", *plan.options.optimizer.options.slots
    }  # fmt: skip
    for slot, member in enumerate(members):
        alone, _ = train(replace(plan, members=(member,)))
        for buffer, own in alone.stack.buffers.items():
            assert torch.isfinite(own).all()
            assert torch.equal(own[0], together.stack.buffers[buffer][slot]), buffer


@every_optimizer
def test_options(name: str) -> None:
    options = catalogue.options_class("optimizer", name)
    assert options.__doc__ and all(field.description for field in options.model_fields.values())
    default = options()
    assert options.model_validate(default.model_dump(mode="json")) == default
    for wrong in ({"learning_rate": 0.0}, {"weight_decay": -0.1}, {"learning_rte": 0.1}):
        with pytest.raises(ValidationError):
            options.model_validate(wrong)
