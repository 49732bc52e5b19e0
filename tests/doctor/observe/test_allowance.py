"""What is looked at once keeps to a share of the training of a large network, and to nothing on a small one."""

import math

import pytest
import torch
from torch import nn

import retemper
from retemper.api import watch as watch_module
from retemper.doctor.case import Network, Operation
from retemper.doctor.observe.aligned import MOST_ROWS
from retemper.doctor.observe.allowance import FLOOR_S, LARGE, SHARE, allowed_s, judged_rows, training_s
from retemper.doctor.observe.reference import FEWEST_TREES, TREES
from retemper.doctor.observe.row_facts import FEWEST_ALIGNED, means_within

OPERATIONS = (Operation("linear", (64, 500), inputs=200), Operation("relu", (64, 500)))
WIDE = Network(OPERATIONS, (64, 500), -1.0, 1.0, 2 * LARGE)
SMALL = Network(OPERATIONS, (64, 500), -1.0, 1.0, LARGE - 1)
X = torch.randn(600, 20, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > X[:, 1]).long()


def test_the_price_of_a_training_is_counted() -> None:
    assert training_s(WIDE, 0, 1_000_000) == pytest.approx(3 * 1e6 * 1e5 * 2.5e-11)
    assert training_s(WIDE, 1000, 0) == pytest.approx(3 * 1000 * 2 * 15e-6)
    assert training_s(Network((), (), 0.0, 1.0, 1000), 1, 10) == pytest.approx(3 * 10 * 1000 * 2.5e-11)


def test_only_trainings_of_large_networks_are_bounded() -> None:
    assert allowed_s(SMALL, 10, 1000) == allowed_s(None, 10, 1000) == allowed_s(WIDE, 0, 0) == math.inf
    assert allowed_s(WIDE, 1, 32) == FLOOR_S
    assert allowed_s(WIDE, 10_000, 10**7) == pytest.approx(SHARE * training_s(WIDE, 10_000, 10**7))
    assert judged_rows(SMALL, 100, 2048) == 2048 and judged_rows(WIDE, 100, 2048) == 512


def test_trees_are_as_many_as_are_paid_for() -> None:
    many = (torch.rand(2000, 64), torch.randint(0, 10, (2000,)))
    told = [means_within(seconds, many, many) for seconds in (0.0, 0.1, 0.2, math.inf)]
    trees = [own.trees for own in told]
    assert trees[0] == FEWEST_TREES < trees[1] < trees[2] < trees[3] == TREES
    assert [own.aligned for own in told] == [FEWEST_ALIGNED, FEWEST_ALIGNED, MOST_ROWS, MOST_ROWS]


def test_rows_are_asked_once_and_again_when_the_training_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], watch_module.row_facts
    monkeypatch.setattr(watch_module, "row_facts", lambda *a: asked.append(a[3].trees) or real(*a))
    monkeypatch.setattr(watch_module, "allowed_s", lambda *_: 0.0)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 2))
    adam, loss_of = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()
    data = (X[:400], Y[:400]), (X[400:], Y[400:])
    with retemper.watch(network, adam, loss=loss_of, train_data=data[0], val_data=data[1]) as doctor:
        for step in range(4):
            loss = loss_of(network(X), Y)
            adam.zero_grad()
            loss.backward()
            adam.step()
            doctor.step(loss)
            if not step:
                first = doctor.case()
                assert (
                    first.likeness is not None and first.sample is not None and first.sample.aligned_p < 0.02
                )
                assert first.standing is not None and first.standing.reference > 0.3
    assert asked == [FEWEST_TREES]
    monkeypatch.setattr(watch_module, "allowed_s", lambda *_: math.inf)
    doctor.findings()
    doctor.findings()
    assert asked[1:] == [TREES]
