"""Runs that had hardly begun, and weights that no optimizer holds, on real trainings."""

import torch
from torch import nn

import retemper
from retemper.core.records import Finding


def watched(epochs: int, left_out: int = 0) -> dict[str, Finding]:
    """The findings of a small regression, by code; the first parameters may be left out of the optimizer."""
    torch.manual_seed(0)
    x = torch.randn(320, 6)
    y = x @ torch.randn(6, 1)
    network = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    adam = torch.optim.Adam(list(network.parameters())[left_out:], 0.01)
    loss_of = nn.MSELoss()
    with retemper.watch(network, adam, loss=loss_of, train_data=(x, y)) as doctor:
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(32):
                loss = loss_of(network(x[rows]), y[rows])
                adam.zero_grad()
                loss.backward()
                adam.step()
                doctor.step(loss)
            doctor.epoch()
    return {each.code: each for each in doctor.findings()}


def test_one_epoch_of_ten_steps_had_hardly_begun() -> None:
    found = watched(1)["too_few_epochs"]
    assert found.severity == "warning" and found.evidence["steps"] == 10
    assert "too_few_epochs" not in watched(40)


def test_what_no_optimizer_holds_is_frozen_and_not_stale() -> None:
    found = watched(15, left_out=2)
    assert "frozen_parameters" in found and "stale_gradients" not in found
