"""The doctor's share of the training time of networks of 100,000 parameters and more, in processor seconds.

Three trainings of one network, one of them watched, advance in turns of an epoch, so that whatever else the machine
does meets all alike. What the doctor does once (before training and at its end) is counted apart; it depends on how
long the training was, so that nothing is told of other lengths than those that were trained.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from measuring import met, print_table
from torch import Tensor, nn

import retemper

ROWS, COLUMNS, CLASSES, BATCH = 6000, 64, 10, 128
LENGTHS = (5.0, 10.0, 20.0)
"""Seconds of each training alone."""
CURVES = 300
"""Epochs of the metrics that are read alone."""


def mlp(width: int) -> nn.Module:
    """Two hidden layers."""
    return nn.Sequential(
        *(nn.Linear(COLUMNS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()),
        nn.Linear(width, CLASSES),
    )


def cnn(channels: int, width: int) -> nn.Module:
    """Two convolutions of 8 × 8 images and a hidden layer."""
    return nn.Sequential(
        *(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ),
        *(nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * channels, width), nn.ReLU(), nn.Linear(width, CLASSES)),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp 64-320-320-10": lambda: mlp(320),
    "mlp 64-512-512-10": lambda: mlp(512),
    "mlp 64-960-960-10": lambda: mlp(960),
    "cnn 16-32, 256": lambda: cnn(16, 256),
    "cnn 32-64, 960": lambda: cnn(32, 960),
}


@cache
def rows() -> tuple[Tensor, Tensor]:
    """Rows whose classes a linear teacher tells, with noise."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, COLUMNS, generator=random)
    told = x @ torch.randn(COLUMNS, CLASSES, generator=random) / COLUMNS**0.5
    return x, (told + 0.3 * torch.randn(ROWS, CLASSES, generator=random)).argmax(1)


def epoch(network: nn.Module, adam: torch.optim.Optimizer, order: torch.Generator, doctor: Any) -> None:
    """One epoch of anyone's loop."""
    (x, y), loss_of = rows(), nn.functional.cross_entropy
    for batch in torch.randperm(ROWS, generator=order).split(BATCH):
        loss = loss_of(network(x[batch]), y[batch])
        adam.zero_grad()
        loss.backward()
        adam.step()
        if doctor is not None:
            doctor.step(loss)
    if doctor is not None:
        doctor.epoch()


def training(network: nn.Module, watched: bool) -> Iterator[tuple[str, float]]:
    """A training that goes on for as long as it is asked: what it did, and its processor seconds."""
    x, y = rows()
    order = torch.Generator().manual_seed(1)
    adam = torch.optim.Adam(network.parameters())
    began = time.process_time()
    data = {"loss": nn.CrossEntropyLoss(), "train_data": (x, y), "val_data": (x[:1000], y[:1000])}
    doctor = retemper.watch(network, adam, **data).__enter__() if watched else None
    yield "once", time.process_time() - began
    try:
        while True:
            began = time.process_time()
            epoch(network, adam, order, doctor)
            yield "epoch", time.process_time() - began
    finally:
        if doctor is not None:
            doctor.__exit__(None, None, None)
            doctor.findings()


def measured(make: Callable[[], nn.Module], seconds: float) -> tuple[float, float, float]:
    """What the doctor does once, in seconds, its share while training, and that of doing nothing: the noise."""
    torch.manual_seed(0)
    trainings = [training(make(), watched) for watched in (False, True, False)]
    once, spent = [next(own)[1] for own in trainings][1], [0.0, 0.0, 0.0]
    while spent[0] < seconds:
        for which, own in enumerate(trainings):
            spent[which] += next(own)[1]
    began = time.process_time()
    trainings[1].close()  # type: ignore[attr-defined]
    once += time.process_time() - began
    return once, 2 * spent[1] / (spent[0] + spent[2]) - 1, spent[2] / spent[0] - 1


def curves_seconds() -> float:
    """Reading a training's curves alone: the median of some times."""
    lines = ["epoch,train_loss,val_loss", *(f"{k},{1 / k + 0.2},{1 / k + 0.3}" for k in range(1, CURVES + 1))]
    with TemporaryDirectory() as folder:
        path = Path(folder, "metrics.csv")
        path.write_text("\n".join(lines))
        taken = []
        for _ in range(6):
            began = time.process_time()
            retemper.diagnose(path)
            taken.append(time.process_time() - began)
    return statistics.median(taken[1:])


def print_cost() -> None:
    """Shares of trainings of some lengths; what reading curves alone takes of the shortest one."""
    torch.set_num_threads(1)
    measured(NETWORKS["mlp 64-320-320-10"], 0.2)
    table = []
    for (name, make), length in product(NETWORKS.items(), LENGTHS):
        once, share, noise = measured(make, length)
        weights = sum(own.numel() for own in make().parameters())
        in_all = share + once / length
        told = [f"{length:g}", f"{once:.2f}", f"{share:.1%}", f"{noise:+.1%}", f"{in_all:.1%}"]
        table.append([name, f"{weights:,}", *told, met(round(in_all, 4), at_most=0.05)])
    heads = ["network", "parameters", "trained, s", "once, s", "while training", "noise", "in all", "target"]
    print_table("Cost", heads, table)
    own = curves_seconds()
    print(
        f"\nCurves alone, {CURVES} epochs: {1000 * own:.1f} ms, of {LENGTHS[0]:.0f} s {own / LENGTHS[0]:.2%}"
    )


if __name__ == "__main__":
    print_cost()
