"""A training that is watched ends in the same bits as one that is not."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import retemper
from retemper.doctor.observe.traceless import copied, evaluating, inside, traceless

X = torch.rand(96, 1, 6, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0, 0, 0] > 0.5).long()


class Drawing(nn.Module):
    """A loss that draws from every generator and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, outputs, target):
        self.calls += 1
        noise = random.random() + np.random.rand() + torch.rand(1)
        return nn.functional.cross_entropy(outputs * (1 + 1e-3 * noise), target)


def train(watched: bool) -> tuple[dict[str, torch.Tensor], list[float]]:
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten(), nn.Linear(64, 2)
    )
    net[0].eval()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    loss, loader, losses = Drawing(), DataLoader(TensorDataset(X, Y), 16, shuffle=True), []
    doctor = (
        retemper.watch(net, optimizer, loss=loss, train_data=loader, val_data=(X, Y)) if watched else None
    )
    if doctor is not None:
        doctor.__enter__()
    for _ in range(3):
        for x, y in loader:
            value = loss(net(x), y)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
            if doctor is not None:
                doctor.step(value)
        if doctor is not None:
            doctor.epoch()
            doctor.findings()
    if doctor is not None:
        doctor.__exit__(None, None, None)
    assert [module.training for module in net] == [False, True, True, True, True, True]
    gradients = {f"{name}.grad": own.grad for name, own in net.named_parameters()}
    return {**net.state_dict(), **gradients, "draw": torch.rand(2)}, [
        *losses,
        random.random(),
        np.random.rand(),
    ]


def test_the_same_bits() -> None:
    plain, watched = train(False), train(True)
    assert watched[1] == plain[1]
    for name, own in plain[0].items():
        assert torch.equal(own, watched[0][name]), name


def test_an_error_of_the_looking_reaches_no_training() -> None:
    class Breaking(nn.Linear):
        def forward(self, x):
            if not self.training:
                raise OSError("no evaluation here")
            return super().forward(x)

    net = Breaking(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    x = torch.rand(50, 3)

    def loss(outputs, target):
        if len(outputs) != 50:
            raise ZeroDivisionError("only whole batches")
        return nn.functional.cross_entropy(outputs, target)

    with retemper.watch(net, optimizer, loss=loss, train_data=(x, Y[:50])) as doctor:
        for _ in range(12):
            optimizer.zero_grad()
            value = loss(net(x), Y[:50])
            value.backward()
            optimizer.step()
            doctor.step(value)
        doctor.epoch()
    why = dict(doctor.examined().not_applicable)
    assert "no evaluation here" in why["missing_nonlinearity"]
    assert "no evaluation here" in why["redundant_softmax"]


def test_rows_that_looking_would_use_up_are_left() -> None:
    net = nn.Linear(3, 2)
    batches = iter([(torch.rand(8, 3), Y[:8])])
    with retemper.watch(net, torch.optim.SGD(net.parameters(), 0.1), train_data=batches) as doctor:
        pass
    assert len(list(batches)) == 1
    assert "use up" in dict(doctor.examined().not_applicable)["unscaled_inputs"]


def test_generators_go_on_after_an_error() -> None:
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with pytest.raises(KeyError), traceless():
        torch.rand(1), np.random.rand(), random.random()
        raise KeyError
    assert states[:2] == (random.getstate(), np.random.get_state()[1].tolist())
    assert torch.equal(states[2], torch.get_rng_state())


def test_buffers_are_put_back_whether_written_or_replaced() -> None:
    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("written", torch.zeros(2))
            self.register_buffer("replaced", torch.zeros(2))

        def forward(self, x):
            self.written += 1
            self.replaced = self.replaced + 1
            return x

    net = Keeping()
    kept = net.replaced
    with evaluating(net):
        net(torch.ones(1))
    assert net.replaced is kept and float(net.written.sum() + net.replaced.sum()) == 0 and net.training


def test_a_copy_keeps_what_normalises_its_weights() -> None:
    net = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    net.register_forward_hook(lambda *seen: None)
    own = copied(nn.DataParallel(net))
    assert not own._forward_hooks and torch.equal(own.weight, net.weight)
    assert inside(nn.DataParallel(net)) is net and copy.deepcopy(net)._forward_hooks
