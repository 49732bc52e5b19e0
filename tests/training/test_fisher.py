"""The Fisher information against autograd, row by row and target by target."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from retemper.training import fisher as module
from retemper.training.class_losses import BinaryCrossEntropy, CrossEntropy
from retemper.training.fisher import fisher
from retemper.training.loss import Loss
from retemper.training.plan import Plan
from retemper.training.stack import Layout, Member, Stack
from retemper.training.value_losses import Huber, MeanAbsoluteError, MeanSquaredError

MEMBERS = (Member(2, 1e-2), Member(5, 1e-2))


@pytest.fixture
def drawn(plan_for: Any, task_arrays: Any) -> Callable[..., tuple[Plan, Tensor]]:
    """A plan in float64 and its members' parameters as drawn, times some factor."""

    def of(classes: int, model: dict[str, Any], factor: float = 2.0, **training: Any) -> tuple[Plan, Tensor]:
        plan = plan_for(task_arrays(classes), torch.float64, members=MEMBERS, model=model, training=training)
        stack = Stack(plan.network, plan.members, dtype=torch.float64)
        stack.initialise(plan.options.initialiser.options, 1)
        return plan, stack.buffers["parameters"] * factor

    return of


def by_autograd(plan: Plan, row: Tensor, rows: Any, copies: int = 1) -> Tensor:
    """[P] for a loss of classes: −log p of every class that may be drawn, one row after another."""
    layout, total, weights = Layout(plan.network), torch.zeros_like(row), 0.0
    for number in rows:
        leaf = row.clone().requires_grad_()
        x, codes = plan.train.x[None, None, number], plan.train.codes[None, None, number]
        outputs = plan.network.forward(layout.views(leaf[None]), x, codes)[0]
        weight = float(plan.train.weight[number])
        for own in outputs[0, 0].view(copies, -1):
            log_p = own if own.numel() > 1 else torch.cat([own.new_zeros(1), own])
            log_p = torch.log_softmax(log_p, 0)
            for one in log_p:
                (gradient,) = torch.autograd.grad(one, leaf, retain_graph=True)
                total += weight * float(one.detach().exp()) * gradient.square() / copies
        weights += weight
    return total / weights * layout.true_places()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "model", [{"name": "mlp"}, {"name": "residual_mlp"}, {"name": "ft_transformer", "depth": 1, "heads": 1}]
)
def test_it_is_autograds(drawn: Any, monkeypatch: Any, model: dict[str, Any], classes: int) -> None:
    options = {"loss": "binary_cross_entropy"} if classes == 2 else {}
    plan, parameters = drawn(classes, model, **options)
    subsets = (np.arange(0, 150, 9), np.arange(20))
    monkeypatch.setattr(module, "CHUNK_NUMBERS", 7 * parameters.shape[1])
    found = fisher(plan.network, parameters, plan.train, plan.loss, subsets)
    for row, own, rows in zip(parameters, found, subsets, strict=True):
        torch.testing.assert_close(own, by_autograd(plan, row, rows), rtol=1e-9, atol=1e-12)
    (alone,) = fisher(plan.network, parameters[1:], plan.train, plan.loss, subsets[1:])
    assert torch.equal(alone, found[1]) and alone.max() > 1e-3
    with pytest.raises(ValueError, match="mean over rows"):
        fisher(plan.network, parameters, plan.train, plan.loss, (subsets[0], subsets[0][:0]))


def test_members_alike_cost_one(drawn: Any, monkeypatch: Any) -> None:
    plan, parameters = drawn(3, {"name": "linear"})
    done: list[Any] = []
    real = module._of_member

    def spy(*given: Any) -> Tensor:
        done.append(given)
        return real(*given)

    monkeypatch.setattr(module, "_of_member", spy)
    rows, others = np.arange(40), np.arange(30)
    stack = parameters[[0, 0, 1, 0]]
    found = fisher(plan.network, stack, plan.train, plan.loss, (rows, rows, rows, others))
    assert len(done) == 3 and torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2]) and not torch.equal(found[0], found[3])


def test_of_numbers_it_is_that_of_a_plain_pytorch_network(drawn: Any) -> None:
    """Of a squared error 2·(∂ output)², beside ``nn.Sequential`` on rows whose level is looked up before."""
    plan, parameters = drawn(0, {"name": "mlp"})
    p = Layout(plan.network).unpadded(parameters[0])
    (table,) = (own for name, own in p.items() if name.endswith("table"))
    names = ("hidden_1", "hidden_2", "head")
    net = nn.Sequential()
    for name in names:
        linear = nn.Linear(*p[f"{name}.weight"].shape[::-1], dtype=torch.float64)
        linear.load_state_dict({"weight": p[f"{name}.weight"], "bias": p[f"{name}.bias"].flatten()})
        net.extend([linear] if name == "head" else [linear, nn.SiLU()])
    total = [torch.zeros_like(own) for own in net.parameters()]
    for number in range(30):
        net.zero_grad()
        net(torch.cat([plan.train.x[number, :6], table[int(plan.train.codes[number, 0])]])).backward()
        for sum_, own in zip(total, net.parameters(), strict=True):
            sum_ += 2 * plan.train.weight[number] * own.grad.square() / plan.train.weight[:30].sum()
    found = fisher(plan.network, parameters, plan.train, plan.loss, (np.arange(30),) * 2)
    ours = Layout(plan.network).unpadded(found[0])
    for name, own in zip(
        (f"{own}.{kind}" for own in names for kind in ("weight", "bias")), total, strict=True
    ):
        torch.testing.assert_close(ours[name].view_as(own), own, rtol=1e-9, atol=1e-12)


def test_the_signs_of_copies_leave_the_expectation(drawn: Any) -> None:
    plan, parameters = drawn(3, {"name": "tabm", "width": 8, "copies": 4})
    rows = np.arange(12)
    wanted = by_autograd(plan, parameters[0], rows, 4)
    found = [
        fisher(plan.network, parameters[:1], plan.train, plan.loss, (rows,), seed)[0] for seed in range(200)
    ]
    mean, error = torch.stack(found).mean(0), torch.stack(found).std(0) / 200**0.5
    assert ((mean - wanted).abs() <= 5 * error + 1e-9).all()
    # What belongs to one copy alone knows no signs.
    head, other = (Layout(plan.network).unpadded(row)["head.weight"] for row in (wanted, found[0]))
    torch.testing.assert_close(other, head, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(found[0], found[1])


@pytest.mark.parametrize(
    "loss", [MeanSquaredError(), MeanAbsoluteError(), Huber(delta=0.7), Huber(delta=3.0)]
)
def test_the_information_of_numbers_is_the_expected_square_of_the_slope(loss: Any) -> None:
    difference = torch.linspace(-60, 60, 2_000_001, dtype=torch.float64)
    density = torch.exp(-loss._value(difference))
    wanted = (density * loss._slope(difference).square()).sum() / density.sum()
    assert loss.information() == pytest.approx(float(wanted), rel=1e-4)


def test_of_two_classes_one_output_or_two(drawn: Any) -> None:
    """Of one output the slopes' squares are p·(1 − p), and those of two classes of a softmax add up to that."""
    z = torch.linspace(-4, 4, 9, dtype=torch.float64).view(9, 1, 1)
    cases: list[tuple[Loss, Tensor]] = [
        (BinaryCrossEntropy(), z),
        (CrossEntropy(), torch.cat([torch.zeros_like(z), z], 2)),
    ]
    one, two = (sum(slope.square()[:, 0, -1] for slope in module._slopes(own, loss)) for loss, own in cases)
    p = torch.sigmoid(z).flatten()
    torch.testing.assert_close(one, p * (1 - p))
    torch.testing.assert_close(two, p * (1 - p))
