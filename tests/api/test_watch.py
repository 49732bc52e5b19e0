"""``retemper.watch`` beside trainings of every kind: the same bits, no false alarm, and what can't be seen is named."""

import contextlib
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import retemper

RANDOM = torch.Generator().manual_seed(0)
X = torch.randn(384, 6, generator=RANDOM)
Y = (2 * X[:, 0] + X[:, 1] - X[:, 2] > 0).long()
LOSS = nn.CrossEntropyLoss()
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()
        self.again = nn.Linear(16, 16)
        self.again.weight = self.net[2].weight

    def forward(self, x):
        return self.net[4](torch.relu(self.again(self.net[:4](x))))


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net[4](checkpoint(self.net[1:4], self.net[0](x), use_reentrant=False))


def frozen():
    own = mlp()
    own[0].requires_grad_(False)
    return own


def compiled_in_place():
    own = mlp()
    own.compile(backend="eager")
    return own


def weight_normed():
    own = mlp()
    nn.utils.parametrizations.weight_norm(own[2])
    return own


def adam(parameters, **options):
    return [torch.optim.Adam([own for own in parameters if own.requires_grad], 0.02, **options)]


def two(parameters):
    own = list(parameters)
    return [torch.optim.Adam(own[:2], 0.02), torch.optim.AdamW(own[2:], 0.02)]


def each(parameters):
    return [torch.optim.Adam([own], 0.02) for own in parameters]


def train(network, optimizers, doctor=None, amp=None, scaler=None, clip=False, every=1):
    """Six epochs; a step of the optimizers every so many batches."""
    order = torch.Generator().manual_seed(1)
    for number, rows in enumerate(
        b for _ in range(6) for b in torch.randperm(320, generator=order).split(16)
    ):
        with torch.autocast("cpu", dtype=amp) if amp else contextlib.nullcontext():
            loss = LOSS(network(X[rows].to(next(network.parameters()).dtype)), Y[rows])
        if number % every == 0:
            for own in optimizers:
                own.zero_grad()
        (loss / every if scaler is None else scaler.scale(loss / every)).backward()
        if number % every == every - 1:
            step(network, optimizers, scaler, clip)
        if doctor:
            doctor.step(loss)
            if number % 20 == 19:
                doctor.epoch()


def step(network, optimizers, scaler, clip):
    if clip:
        scaler.unscale_(optimizers[0])
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for own in optimizers:
        own.step() if scaler is None else scaler.step(own)
    if scaler is not None:
        scaler.update()


def watched(network, optimizers, **how):
    doctor = retemper.watch(
        network, optimizers, loss=LOSS, train_data=(X[:320], Y[:320]), val_data=(X[320:], Y[320:])
    )
    with doctor:
        train(network, optimizers, doctor, **how)
    return doctor


def scaler(scale=2.0**10):
    return lambda: torch.amp.GradScaler("cpu", init_scale=scale)


KINDS = {
    "scripted": (lambda: torch.jit.script(mlp()), adam, {}),
    "traced": (lambda: torch.jit.trace(mlp(), X[:4]), adam, {}),
    "compiled": (lambda: torch.compile(mlp(), backend="eager"), adam, {}),
    "compiled in place": (compiled_in_place, adam, {}),
    "shared weights": (Tied, adam, {}),
    "two optimizers": (mlp, two, {}),
    "an optimizer each": (mlp, each, {}),
    "accumulated": (mlp, adam, {"every": 4}),
    "bfloat16 autocast": (mlp, adam, {"amp": torch.bfloat16}),
    "float16 autocast, scaled": (mlp, adam, {"amp": torch.float16, "scaler": scaler()}),
    "unscaled and clipped": (mlp, adam, {"scaler": scaler(), "clip": True}),
    "overflow": (mlp, adam, {"scaler": scaler(1e38)}),
    "fused overflow": (mlp, lambda own: adam(own, fused=True), {"scaler": scaler(1e38)}),
    "bfloat16 network": (lambda: mlp().bfloat16(), adam, {}),
    "spread over devices": (lambda: nn.DataParallel(mlp()), adam, {}),
    "checkpointed": (Checkpointed, adam, {}),
    "weight-normed": (weight_normed, adam, {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_watched_without_a_trace_and_without_a_false_alarm(kind):
    make, optimizers_of, how = KINDS[kind]
    trained = []
    for watching in (True, False):
        network = make()
        optimizers = optimizers_of(network.parameters())
        own = how | ({"scaler": how["scaler"]()} if "scaler" in how else {})
        if watching:
            doctor = watched(network, optimizers, **own)
        else:
            train(network, optimizers, **own)
        trained.append(network.state_dict().values())
    assert all(torch.equal(mine, other) for mine, other in zip(*trained, strict=True))
    case = doctor.case()
    assert not [own for own in doctor.findings() if own.severity != "advice"]
    assert case.signals.taken == 120 // how.get("every", 1) and case.standing.skill > 0.5
    assert np.nanmax(case.signals.gradients) < 10 and np.nanmin(case.signals.updates) > 0
    assert "signals" not in case.reasons and case.signals.non_finite == ("", 0)


def by_lbfgs(network, watching):
    lbfgs = torch.optim.LBFGS(network.parameters(), 0.2, max_iter=4)

    def closure():
        lbfgs.zero_grad()
        value = LOSS(network(X[:320]), Y[:320])
        value.backward()
        return value

    doctor = retemper.watch(network, lbfgs, loss=LOSS, train_data=(X[:320], Y[:320]))
    with doctor if watching else contextlib.nullcontext():
        for _ in range(12):
            loss = lbfgs.step(closure)
            if watching:
                doctor.step(loss)
    return doctor


def test_full_batch_lbfgs_is_watched_through_its_closures():
    nets = [mlp(), mlp()]
    doctor, _ = (by_lbfgs(network, watching) for network, watching in zip(nets, (True, False), strict=True))
    assert all(torch.equal(*own) for own in zip(*(n.state_dict().values() for n in nets), strict=True))
    assert not [own for own in doctor.findings() if own.severity != "advice"]
    signals = doctor.case().signals
    assert signals.taken == 12 and (signals.updates > 0).all() and np.isnan(signals.stale).all()


def test_frozen_layers_are_named_and_are_no_signals():
    network = frozen()
    doctor = watched(network, adam(network.parameters()))
    signals = doctor.case().signals
    assert doctor.findings()[0].code == "frozen_parameters"
    assert signals.names == ("2.weight", "4.weight") and (signals.gradients > 0).all()


def test_calls_of_a_scripted_network_are_not_counted_and_a_frozen_script_is_named():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted, constant = torch.jit.script(mlp()), torch.jit.freeze(torch.jit.script(mlp().eval()))
    doctor = watched(scripted, adam(scripted.parameters()))
    why = dict(doctor.examined().not_applicable)
    assert doctor.case().signals.passes.batch == 0 and "evaluation_mode_training" in why
    nothing = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    with retemper.watch(constant, nothing, loss=LOSS, train_data=(X, Y)) as doctor:
        doctor.step(LOSS(constant(X), Y))
    assert "nothing to train" in doctor.case().reasons["network"]


def test_a_training_that_can_t_be_watched_says_why():
    class Own:
        def __init__(self, parameters):
            self.param_groups = [{"params": list(parameters), "lr": 0.1}]

    network = mlp()
    with retemper.watch(network, Own(network.parameters())) as doctor:
        doctor.step(0.5)
    assert "register_step_pre_hook" in doctor.case().reasons["signals"]
