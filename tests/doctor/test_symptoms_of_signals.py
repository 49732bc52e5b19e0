"""Symptoms of training: each fires on a real training that has the fault, and is silent on a healthy one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from retemper.core import catalogue
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, LossFacts, Network, Standing
from retemper.doctor.observe.forward import follow
from retemper.doctor.observe.signals import Watched
from retemper.doctor.observe.start import network_facts, optimizer_facts

X = torch.randn(600, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).long()
LOSS = nn.CrossEntropyLoss()
TRIVIAL = 0.693


def mlp(
    *hidden: int, act: Callable[[], nn.Module] = nn.ReLU, before: tuple[nn.Module, ...] = ()
) -> nn.Sequential:
    """A network for the rows."""
    layers: list[nn.Module] = []
    width = 6
    for units in hidden:
        layers += [nn.Linear(width, units), act()]
        width = units
    return nn.Sequential(*layers, *before, nn.Linear(width, 2))


@dataclass(frozen=True)
class Plan:
    """A training, and what is wrong with it."""

    net: Callable[[], nn.Sequential] = lambda: mlp(16)
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] = lambda net: torch.optim.Adam(
        net.parameters(), 0.01
    )
    steps: int = 250
    batch: int = 32
    zero: bool = True
    sign: float = 1.0
    penalty: float = 0.0
    scale: float = 1.0
    mode: bool = True
    judged_in: bool | None = None


@cache
def trained(plan: Plan) -> Case:
    """The case of one training."""
    torch.manual_seed(3)
    net = plan.net()
    optimizer = plan.optimizer(net)
    x = X * plan.scale
    network = network_facts(net, follow(net, x[:64]), [optimizer])
    watched = Watched(net, [optimizer], (x, Y), LOSS)
    net.train(plan.mode)
    for step in range(plan.steps):
        rows = torch.randint(0, len(x), (plan.batch,))
        loss = LOSS(net(x[rows]), Y[rows])
        loss = loss + plan.penalty * sum((p**2).sum() for p in net.parameters())
        if plan.zero:
            optimizer.zero_grad()
        (plan.sign * loss).backward()
        optimizer.step()
        watched.after_step(loss)
        if plan.judged_in is not None and step % 50 == 49:
            net.train(plan.judged_in)
            with torch.no_grad():
                net(x)
            net.train(plan.mode)
    watched.close()
    net.eval()
    with torch.no_grad():
        outputs = net(x)
        end, right = float(LOSS(outputs, Y)), float((outputs.argmax(1) == Y).float().mean())
    most = float(torch.bincount(Y).max()) / len(Y)
    return Case(
        network=network,
        loss=LossFacts("logits", trivial=TRIVIAL),
        optimizer=optimizer_facts([optimizer]),
        signals=watched.signals(),
        standing=Standing(end, TRIVIAL, right, most),
    )


def sgd(rate: float, **more: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda net: torch.optim.SGD(net.parameters(), rate, **more)


def adam(rate: float, **more: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda net: torch.optim.Adam(net.parameters(), rate, **more)


def born_dead() -> nn.Sequential:
    net = mlp(16, 16)
    nn.init.constant_(net[2].bias, -50.0)
    return net


def frozen() -> nn.Sequential:
    net = mlp(16, 16)
    for parameter in (*net[0].parameters(), *net[2].parameters()):
        parameter.requires_grad_(False)
    return net


def growing() -> nn.Sequential:
    net = mlp(16, 16, 16, act=nn.Identity)
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, 1.5)
    return net


DROPS = (nn.Dropout(0.2),)
SICK = {
    "learning_rate_too_high": Plan(optimizer=sgd(30.0)),
    "learning_rate_too_low": Plan(optimizer=adam(1e-6)),
    "gradient_ascent": Plan(sign=-1.0, steps=60),
    "non_finite": Plan(scale=1e30, optimizer=sgd(1e10), steps=20),
    "exploding_gradients": Plan(net=growing, optimizer=sgd(0.2), steps=60),
    "vanishing_gradients": Plan(net=lambda: mlp(*[5] * 9, act=nn.Sigmoid), optimizer=adam(0.001), steps=60),
    "dead_units": Plan(net=born_dead, steps=60),
    "saturated_activations": Plan(net=lambda: mlp(16, act=nn.Tanh), scale=1000.0, steps=60),
    "stale_gradients": Plan(zero=False, steps=60),
    "frozen_parameters": Plan(net=frozen, steps=60),
    "batch_too_large": Plan(batch=512, steps=30, optimizer=sgd(0.1)),
    "batch_too_small": Plan(batch=1, optimizer=sgd(0.2, momentum=0.9), steps=400),
    "over_regularised": Plan(penalty=0.3),
    "train_mode_evaluation": Plan(net=lambda: mlp(16, before=DROPS), judged_in=True, steps=120),
    "evaluation_mode_training": Plan(net=lambda: mlp(16, before=DROPS), mode=False, steps=60),
}
HEALTHY = [
    Plan(net=lambda: mlp(32, 32, before=DROPS), judged_in=False, optimizer=adam(0.01)),
    Plan(net=lambda: mlp(32, act=nn.Tanh), optimizer=sgd(0.1, momentum=0.9)),
    Plan(optimizer=adam(0.05)),
    Plan(net=lambda: mlp(24), optimizer=lambda net: torch.optim.RMSprop(net.parameters(), 0.003)),
]


def test_a_rate_that_is_gone_by_half_of_the_steps_is_too_low() -> None:
    case = trained(Plan(optimizer=sgd(0.1)))
    assert case.signals is not None and case.standing is not None
    steps = case.signals.steps / case.signals.taken
    poor = replace(case, standing=replace(case.standing, accuracy=0.8))
    for rates, fires in ((0.1 * 1e-6**steps, True), (0.05 * (1 + np.cos(np.pi * steps)), False)):
        found = judged("learning_rate_too_low", replace(poor, signals=replace(case.signals, rates=rates)))
        assert (found is not None and found.evidence["left"] < 0.01) == fires


def judged(code: str, case: Case) -> Finding | None:
    module = catalogue.entry("symptom", code)
    return module.check(case, module.Options())


@pytest.mark.parametrize("code", SICK)
def test_fires(code: str) -> None:
    found = judged(code, trained(SICK[code]))
    assert found is not None and found.code == code and found.confidence >= 0.6
    assert not found.message.count("nan")


@pytest.mark.parametrize("code", SICK)
@pytest.mark.parametrize("number", range(len(HEALTHY)))
def test_is_silent_on_a_healthy_training(code: str, number: int) -> None:
    case = trained(HEALTHY[number])
    assert case.standing is not None and case.standing.accuracy > 0.85
    try:
        assert judged(code, case) is None
    except NotApplicable:
        assert code in (
            "train_mode_evaluation",
            "evaluation_mode_training",
            "saturated_activations",
            "dead_units",
            "vanishing_gradients",
        )


@pytest.mark.parametrize("code", SICK)
def test_says_when_it_can_not_judge(code: str) -> None:
    with pytest.raises(NotApplicable, match=r"\w+ \w+"):
        judged(code, Case())


def test_a_high_rate_alone_is_no_fault() -> None:
    case = trained(HEALTHY[2])
    assert case.optimizer is not None and case.optimizer.learning_rate > 0.03
    assert judged("learning_rate_too_high", case) is None


def test_slow_steps_that_go_straight_on_are_named() -> None:
    """Rates within the usual range can be too low for the way that is left (inputs near 1, targets near 8)."""
    torch.manual_seed(0)
    x = torch.linspace(1, 2, 100)[:, None]
    net, loss_of = nn.Linear(1, 1), nn.MSELoss()
    slow = torch.optim.RMSprop(net.parameters(), 0.001)
    watched = Watched(net, [slow], (x, 5 * x), loss_of)
    for _ in range(300):
        loss = loss_of(net(x), 5 * x)
        slow.zero_grad()
        loss.backward()
        slow.step()
        watched.after_step(loss)
    case = Case(
        optimizer=optimizer_facts([slow]), signals=watched.signals(), loss=LossFacts("values", trivial=2.1)
    )
    found = judged("learning_rate_too_low", case)
    assert found is not None and found.evidence["straightness"] > 0.9


def test_frozen_parameters_in_no_optimizer_weigh_more() -> None:
    case = trained(HEALTHY[0])
    assert case.network is not None
    left_out = replace(case, network=replace(case.network, untrained=("0.weight", "0.bias")))
    frozen_on_purpose = replace(case, network=replace(case.network, frozen=("0.weight", "0.bias")))
    found, milder = (judged("frozen_parameters", own) for own in (left_out, frozen_on_purpose))
    assert found is not None and milder is not None and found.confidence > milder.confidence


def test_a_sharp_output_is_no_saturation_and_attention_neither() -> None:
    case = trained(SICK["saturated_activations"])
    assert case.network is not None and case.signals is not None
    operations = case.network.operations
    at_the_end: Network = replace(case.network, operations=(operations[0], operations[2], operations[1]))
    moved = replace(case.signals, activations=("2",))
    with pytest.raises(NotApplicable):
        judged("saturated_activations", replace(case, network=at_the_end, signals=moved))
    product = replace(operations[0], name="matmul")
    attention = replace(
        case.network, operations=(product, replace(operations[1], name="softmax"), operations[2])
    )
    with pytest.raises(NotApplicable):
        judged("saturated_activations", replace(case, network=attention))


def test_a_loss_summed_over_rows_tells_no_penalty() -> None:
    case = trained(SICK["over_regularised"])
    assert case.loss is not None
    assert judged("over_regularised", replace(case, loss=replace(case.loss, sums=True))) is None


def test_the_mode_of_a_network_without_dropout_does_not_matter() -> None:
    case = trained(Plan(judged_in=True, mode=False, steps=60))
    for code in ("train_mode_evaluation", "evaluation_mode_training"):
        with pytest.raises(NotApplicable):
            judged(code, case)


def test_the_way_is_straight_when_every_step_goes_on() -> None:
    from retemper.doctor.course import straightness

    signals = trained(HEALTHY[0]).signals
    assert signals is not None and straightness(signals) < 0.6
    none = replace(signals, steps=np.zeros(0))
    assert np.isnan(straightness(none))


def test_gradients_that_shrink_by_hundreds_are_named_where_nothing_was_learnt() -> None:
    """Three layers of sigmoids under slow descent: the textbook's case, short of a factor of a thousand."""
    stuck = trained(Plan(net=lambda: mlp(32, 32, 32, act=nn.Sigmoid), optimizer=sgd(0.01), steps=200))
    found = judged("vanishing_gradients", stuck)
    assert found is not None and 1e-3 < found.evidence["ratio"] < 1e-2 and found.confidence < 0.8
    learnt = trained(Plan(net=lambda: mlp(32, 32, 32, act=nn.Sigmoid), optimizer=adam(0.01), steps=400))
    assert judged("vanishing_gradients", learnt) is None
