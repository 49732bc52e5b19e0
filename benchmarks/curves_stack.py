"""Perceptrons of one structure trained side by side, each with its own rate, decay, dropout and start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from curves_tables import Rows
from numpy.typing import NDArray
from torch import Tensor, nn

Series = dict[str, NDArray[np.float64]]
JUDGED_ROWS = 1000
"""Rows that only the check of a label sees, at most."""


@dataclass(frozen=True)
class Setting:
    """How one network is trained.

    Args:
        start: factor of the weights' usual spread at the start.
        decays_at: share of the run after which the rate is multiplied by ``decay``; 1: never.
        cosine: the rate falls to 0 along a cosine instead.
    """

    table: str
    seed: int = 0
    rows: int = 600
    hidden: tuple[int, ...] = (64,)
    sigmoid: bool = False
    start: float = 1.0
    optimizer: str = "adam"
    rate: float = 2e-3
    batch: int = 32
    epochs: int = 40
    decays_at: float = 1.0
    decay: float = 0.01
    cosine: bool = False
    dropout: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Trained:
    """What anyone's metrics file holds, and ``judged``: the loss on rows for the check of the label alone."""

    series: Series
    judged: NDArray[np.float64]
    trivial: float


def train(settings: Sequence[Setting], rows: Rows) -> list[Trained]:
    """Train several networks of one structure as a stack; the training loss is the mean over the epoch's batches."""
    first = settings[0]
    orders = [torch.randperm(len(rows.x), generator=_generator(s.seed, 0)) for s in settings]
    judged_rows = min(JUDGED_ROWS, len(rows.x) // 3)
    held_rows = min(judged_rows, 300)
    parts = [order.split([judged_rows, held_rows, len(order) - judged_rows - held_rows]) for order in orders]
    judged, held_out = torch.stack([p[0] for p in parts]), torch.stack([p[1] for p in parts])
    own = torch.stack([p[2][: first.rows] for p in parts])
    stack = _Stack(settings, rows)
    records: list[list[Tensor]] = []
    for epoch in range(first.epochs):
        rates = torch.tensor([s.rate * _factor(s, epoch) for s in settings])
        trained = _epoch(stack, rates, own)
        with torch.no_grad():
            held, seen = stack.scores(held_out), stack.scores(judged)
        records.append([torch.full_like(rates, epoch + 1.0), *trained, *held, rates, seen[0]])
    table = torch.stack([torch.stack(each) for each in records]).double().numpy()  # [epochs, series, members]
    names = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate")
    return [
        Trained(dict(zip(names, table[:, :-1, m].T, strict=True)), table[:, -1, m], _trivial(rows, own[m]))
        for m in range(len(settings))
    ]


def _generator(seed: int, use: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + use)


class _Stack:
    """Perceptrons of one structure side by side, each with its own rate, decay, dropout and start."""

    def __init__(self, settings: Sequence[Setting], rows: Rows) -> None:
        self.rows, self.first = rows, settings[0]
        self.generator = _generator(settings[0].seed, 1)
        widths = [rows.x.shape[1], *self.first.hidden, max(rows.classes, 1)]
        start = torch.tensor([s.start for s in settings])[:, None, None]
        self.dropout = torch.tensor([s.dropout for s in settings])[:, None, None]
        self.decay = torch.tensor([s.weight_decay for s in settings])[:, None, None]
        self.weights: list[Tensor] = []
        for inputs, outputs in pairwise(widths):
            shape = (len(settings), inputs, outputs)
            spread = (2 * torch.rand(shape, generator=self.generator) - 1) / math.sqrt(inputs)
            self.weights += [
                (start * spread).requires_grad_(),
                torch.zeros(shape[0], 1, outputs, requires_grad=True),
            ]
        self.moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in self.weights]
        self.step_number = 0

    def outputs(self, x: Tensor, training: bool) -> Tensor:
        """Outputs [members, rows, units] for inputs [members, rows, columns]."""
        last = len(self.weights) // 2 - 1
        for at in range(last + 1):
            x = torch.baddbmm(self.weights[2 * at + 1], x, self.weights[2 * at])
            if at < last:
                x = x.sigmoid() if self.first.sigmoid else x.relu()
                if training and bool(self.dropout.any()):
                    x = (
                        x
                        * (torch.rand(x.shape, generator=self.generator) >= self.dropout)
                        / (1 - self.dropout)
                    )
        return x

    def losses(self, outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss and share of right answers of each member."""
        if not self.rows.classes:
            return (outputs[..., 0] - y).square().mean(1), torch.full((len(y),), math.nan)
        each = nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
        return each.mean(1), (outputs.argmax(-1) == y).float().mean(1)

    def scores(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and accuracy on some rows [members, rows]."""
        return self.losses(self.outputs(self.rows.x[which], training=False), self.rows.y[which])

    def update(self, rates: Tensor) -> None:
        """One step of Adam (with decoupled decay), momentum or plain gradient descent, by each member's rate."""
        self.step_number += 1
        rate = rates[:, None, None]
        with torch.no_grad():
            for weight, (first, second) in zip(self.weights, self.moments, strict=True):
                gradient = weight.grad
                assert gradient is not None
                step = gradient
                if self.first.optimizer == "adam":
                    first.lerp_(gradient, 0.1)
                    second.lerp_(gradient.square(), 0.001)
                    corrected = (second / (1 - 0.999**self.step_number)).sqrt_().add_(1e-8)
                    step = first / (1 - 0.9**self.step_number) / corrected
                elif self.first.optimizer == "momentum":
                    step = first.mul_(0.9).add_(gradient)
                weight -= rate * (step + self.decay * weight)
                weight.grad = None


def _factor(setting: Setting, epoch: int) -> float:
    if setting.cosine:
        return 0.5 * (1 + math.cos(math.pi * epoch / setting.epochs))
    return setting.decay if epoch >= setting.decays_at * setting.epochs else 1.0


def _epoch(stack: _Stack, rates: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    order = torch.argsort(torch.rand(own.shape, generator=stack.generator), dim=1)
    shuffled = torch.gather(own, 1, order)
    sums = torch.zeros(2, len(own))
    for batch in shuffled.split(stack.first.batch, dim=1):
        y = stack.rows.y[batch]
        loss, right = stack.losses(stack.outputs(stack.rows.x[batch], training=True), y)
        loss.sum().backward()
        stack.update(rates)
        sums += torch.stack([loss.detach(), right]) * batch.shape[1]
    means = sums / own.shape[1]
    return means[0], means[1]


def _trivial(rows: Rows, own: Tensor) -> float:
    if not rows.classes:
        return float(rows.y[own].var())
    share = torch.bincount(rows.y[own]).double() / len(own)
    return float(-(share[share > 0] * share[share > 0].log()).sum())
