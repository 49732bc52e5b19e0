"""Runs that had hardly begun, and weights that no optimizer holds, on real trainings."""

import numpy as np
import torch
from torch import nn

import retemper
from retemper.core.history import History
from retemper.core.records import Finding
from retemper.doctor.case import Case
from retemper.doctor.looks import Signals
from retemper.doctor.symptoms import too_few_epochs


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


def test_a_slow_fall_of_very_few_steps_has_hardly_begun_and_a_lost_one_never_has() -> None:
    looks = np.array([1.0, 0.99, 0.96])
    assert too_few(looks, taken=20) is not None and too_few(looks, taken=60) is None
    assert too_few(np.array([1.0, 0.5]), taken=60, lost="loss") is None


def too_few(looks: np.ndarray, taken: int, lost: str = "") -> Finding | None:
    """What is found by the looks at the loss of a run of three epochs."""
    none, steps = np.zeros((len(looks), 0)), np.linspace(0, taken, len(looks))
    signals = Signals(
        *(steps, steps, none, none, none, none, steps, steps),
        probe_losses=looks,
        taken=taken,
        non_finite=(lost, taken if lost else 0),
    )
    flat = {"epoch": np.arange(1.0, 4), "train_loss": np.array([0.9, 0.9, 0.9])}
    history = History(0, flat, 1.0)
    return too_few_epochs.check(Case(history, signals=signals), too_few_epochs.Options())
