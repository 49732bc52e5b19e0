"""Small networks on real tables, trained so that a setting is known to be at fault: their curves, labelled.

A label is what the setting was made for, and it is kept only where a second training without that fault bears it out
(a lower rate, twice the epochs, more rows, a larger network, …), judged by rows that the curve never saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import datasets
from torch import Tensor, nn

Series = dict[str, NDArray[np.float64]]
RISEN = 0.15
JUDGED_ROWS = 1000
"""Rows that only the check of a label sees, at most."""


@dataclass(frozen=True)
class Rows:
    """A table: scaled inputs, targets (class numbers, or values scaled to variance 1), and how many classes."""

    x: Tensor
    y: Tensor
    classes: int


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


def tables() -> dict[str, Rows]:
    """scikit-learn's own tables, and one made for two classes that no line separates."""
    digits, cancer, wine = datasets.load_digits(), datasets.load_breast_cancer(), datasets.load_wine()
    values = datasets.load_diabetes()
    made = datasets.make_classification(
        3000, 20, n_informative=8, n_redundant=4, n_classes=4, flip_y=0.05, random_state=0
    )
    curved = datasets.make_friedman1(3000, 10, noise=1.0, random_state=0)
    moons = datasets.make_moons(3000, noise=0.25, random_state=0)
    return {
        "digits": _rows(digits.data / 16, digits.target, 10, scaled=True),
        "cancer": _rows(cancer.data, cancer.target, 2),
        "wine": _rows(wine.data, wine.target, 3),
        "made": _rows(*made, 4),
        "moons": _rows(*moons, 2),
        "diabetes": _rows(values.data, values.target, 0),
        "friedman": _rows(*curved, 0),
    }


def _rows(x: Any, y: Any, classes: int, scaled: bool = False) -> Rows:
    x = np.asarray(x, dtype=np.float32)
    x = x if scaled else (x - x.mean(0)) / (x.std(0) + 1e-9)
    y = np.asarray(y)
    y = y if classes else ((y - y.mean()) / y.std()).astype(np.float32)
    return Rows(torch.tensor(x), torch.tensor(y), classes)


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


@dataclass(frozen=True)
class Shape:
    """A shape of curves: how to make a setting for it, the same without the fault, and whether that bears it out."""

    structure: Callable[[np.random.Generator, Setting], Setting]
    own: Callable[[np.random.Generator, Setting], Setting]
    mend: Callable[[Setting], Setting]
    holds: Callable[[Trained, Trained], bool]


def _last(values: NDArray[np.float64], count: int = 3) -> float:
    return float(np.mean(values[-count:]))


def _trains(one: Trained, share: float = 1.0) -> float:
    """The training loss at a share of the run, over three epochs."""
    values = one.series["train_loss"]
    at = max(round(share * len(values)), 3)
    return float(np.mean(values[at - 3 : at]))


def _risen(one: Trained) -> float:
    """How far the loss on the rows for checks ends above its least, as a share."""
    course = np.convolve(one.judged, np.ones(3) / 3, "valid")
    return float(course[-1] / course.min() - 1)


def overfits(shape: str, one: Trained) -> bool:
    """Whether a network learnt its rows by heart: made so, or on the rows for checks it ends far above its least.

    Beyond their jitter, and while the training loss fell: a training that jumps about or breaks down learns nothing.
    """
    if shape in ("overfitting", "overtrained"):
        return True
    if not _finite(one) or _risen(one) <= RISEN:
        return False
    course = np.convolve(one.judged, np.ones(3) / 3, "valid")
    jitter = float(np.median(np.abs(one.judged[1:-1] - course)))
    learns_on = _trains(one) < float(one.series["train_loss"][min(int(course.argmin()) + 2, len(course))])
    return learns_on and float(course[-1] - course.min()) > 4 * jitter


def _jumps(one: Trained) -> float:
    half = one.series["train_loss"][len(one.judged) // 2 :]
    return float(np.std(np.diff(half)) / math.sqrt(2))


def _half_way(one: Trained) -> float:
    """Share of the run after which half of the whole fall is reached."""
    losses = one.series["train_loss"]
    return float(np.argmax(losses <= (max(losses[0], one.trivial) + losses.min()) / 2) / len(losses))


def _rate(draws: np.random.Generator, low: float, high: float) -> float:
    return float(10 ** draws.uniform(low, high))


def _finite(one: Trained) -> bool:
    return bool(np.isfinite(one.series["train_loss"]).all() and np.isfinite(one.series["val_loss"]).all())


def _few(draws: np.random.Generator, base: Setting) -> Setting:
    return replace(base, rows=int(draws.choice([60, 100, 160])), hidden=(128, 128), batch=16)


def _descent(draws: np.random.Generator, base: Setting) -> Setting:
    return replace(base, optimizer=str(draws.choice(["sgd", "momentum"])), hidden=(64, 64))


SHAPES: dict[str, Shape] = {
    "diverging": Shape(
        _descent,
        lambda d, s: replace(s, rate=_rate(d, -0.7, 1.0)),
        lambda s: replace(s, rate=s.rate / 100),
        lambda own, other: not _finite(own) or _trains(own) > 2 * max(own.trivial, _trains(other)),
    ),
    "oscillating": Shape(
        lambda d, s: replace(
            s, optimizer=str(d.choice(["sgd", "momentum", "adam"])), batch=int(d.choice([16, 64, 600]))
        ),
        lambda d, s: replace(s, rate=_rate(d, -1.3, 0.3) * (0.2 if s.optimizer == "momentum" else 1.0)),
        lambda s: replace(s, rate=s.rate / 10),
        lambda own, other: (
            _finite(own)
            and _jumps(own) > max(2 * _jumps(other), 0.025 * own.trivial)
            and _trains(other) < _trains(own) < 1.5 * own.trivial
        ),
    ),
    "slow_start": Shape(
        lambda d, s: replace(
            s,
            optimizer=str(d.choice(["momentum", "adam"])),
            hidden=(32,) * int(d.integers(2, 4)),
            sigmoid=bool(d.random() < 0.5),
            epochs=int(d.choice([40, 60, 80])),
        ),
        lambda d, s: replace(
            s,
            start=float(d.choice([0.1, 0.2, 0.4])),
            rate=_rate(d, -3.0, -1.8) if s.optimizer == "adam" else _rate(d, -2.3, -0.7),
        ),
        lambda s: replace(s, start=1.0, sigmoid=False),
        lambda own, other: (
            _finite(own)
            and _trains(own) < 0.7 * own.trivial
            and _half_way(own) > max(0.2, 2 * _half_way(other))
            and _trains(own, 0.1) > 0.93 * own.trivial
        ),
    ),
    "plateau": Shape(
        lambda d, s: replace(s, optimizer=str(d.choice(["momentum", "adam"])), batch=16, rows=1000),
        lambda d, s: replace(s, rate=_rate(d, -2.0, -1.0), dropout=float(d.choice([0.0, 0.2]))),
        lambda s: replace(s, decays_at=0.6, decay=0.05),
        lambda own, other: (
            _finite(own)
            and abs(_trains(own) / _trains(own, 0.6) - 1) < 0.06
            and _trains(other) < 0.85 * _trains(own)
            and _last(other.judged) < _last(own.judged)
            and _jumps(own) < 0.05 * own.trivial
        ),
    ),
    "decayed_too_early": Shape(
        lambda d, s: s,
        lambda d, s: replace(
            s,
            decays_at=float(d.uniform(0.08, 0.35)),
            decay=float(d.choice([0.003, 0.01, 0.03])),
            rate=_rate(d, -3.3, -2.5),
        ),
        lambda s: replace(s, decays_at=0.8),
        lambda own, other: (
            _last(other.judged) < 0.93 * _last(own.judged) and _trains(other) < 0.85 * _trains(own)
        ),
    ),
    "still_improving": Shape(
        lambda d, s: replace(s, epochs=int(d.choice([10, 15, 20, 40]))),
        lambda d, s: replace(s, rate=_rate(d, -4.3, -3.0)),
        lambda s: replace(s, epochs=2 * s.epochs),
        lambda own, other: (
            _last(other.judged) < 0.9 * _last(own.judged)
            and float(other.judged[len(own.judged) * 5 // 4]) < 0.97 * _last(own.judged)
            and _trains(own) < 0.95 * _trains(own, 0.75)
        ),
    ),
    "overfitting": Shape(
        _few,
        lambda d, s: replace(s, rate=_rate(d, -3.3, -2.7), cosine=bool(d.random() < 0.7)),
        lambda s: replace(s, rows=1000),
        lambda own, other: (
            _trains(own) < 0.5 * _last(own.series["val_loss"])
            and _risen(own) < 0.2
            and _last(other.judged) < 0.85 * _last(own.judged)
        ),
    ),
    "overtrained": Shape(
        lambda d, s: replace(_few(d, s), epochs=int(d.choice([60, 100]))),
        lambda d, s: replace(s, rate=_rate(d, -3.0, -2.3)),
        lambda s: s,
        lambda own, other: (
            _risen(own) > 0.2 and _last(own.series["val_loss"]) > 1.1 * float(own.series["val_loss"].min())
        ),
    ),
    "underfitting": Shape(
        lambda d, s: replace(s, hidden=(1,) if d.random() < 0.5 else (16,)),
        lambda d, s: replace(
            s,
            weight_decay=0.0 if d.random() < 0.4 else float(d.choice([10.0, 30.0])),
            dropout=float(d.choice([0.0, 0.0, 0.8])),
            rate=_rate(d, -2.5, -1.8),
            cosine=bool(d.random() < 0.5),
        ),
        lambda s: replace(s, hidden=(64, 64), weight_decay=0.0, dropout=0.0),
        lambda own, other: (
            _trains(other) < 0.7 * _trains(own)
            and float(other.judged.min()) < 0.8 * _last(own.judged)
            and _last(own.judged) > 0.45 * own.trivial
            and abs(_trains(own) / _trains(own, 0.7) - 1) < 0.04
        ),
    ),
    "healthy": Shape(
        lambda d, s: replace(
            s, rows=1000, hidden=(int(d.choice([32, 64])),), batch=16, epochs=int(d.choice([30, 60, 80]))
        ),
        lambda d, s: replace(
            s,
            rate=_rate(d, -3.0, -2.3),
            dropout=float(d.choice([0.0, 0.1, 0.2])),
            weight_decay=float(d.choice([0.0, 0.1])),
            cosine=bool(d.random() < 0.7),
        ),
        lambda s: replace(s, epochs=2 * s.epochs),
        lambda own, other: (
            _risen(own) < 0.03
            and _last(own.judged) > 0.97 * float(own.judged[len(own.judged) * 4 // 5 - 1])
            and _last(own.judged) < 1.05 * float(other.judged.min()) + 0.01 * own.trivial
            and _last(own.judged) < 0.75 * own.trivial
            and _last(own.series["val_loss"]) - _trains(own) < 0.15 * own.trivial
        ),
    ),
}
MEMBERS = 8


def labelled(shape: str, group: int, all_rows: dict[str, Rows]) -> list[tuple[Setting, Trained]]:
    """Networks made for a shape, of one structure: those whose label the training without the fault bears out."""
    draws = np.random.default_rng([group, list(SHAPES).index(shape)])
    table, own = str(draws.choice(list(all_rows))), SHAPES[shape]
    base = Setting(table, epochs=int(draws.choice([20, 30, 40, 60])), batch=int(draws.choice([16, 32, 64])))
    structure = own.structure(draws, base)
    settings = [
        own.own(draws, replace(structure, seed=MEMBERS * group + member)) for member in range(MEMBERS)
    ]
    mended = [own.mend(setting) for setting in settings]
    sick = train(settings, all_rows[table])
    well = sick if mended == settings else train(mended, all_rows[table])
    return [(s, one) for s, one, other in zip(settings, sick, well, strict=True) if own.holds(one, other)]
