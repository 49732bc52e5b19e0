"""Real networks of many kinds on real data, one at a time in plain PyTorch: perceptrons, convolutions, recurrent ones.

What the stacks of curves_trained.py leave out: images, series and texts; normalisation of batches and layers; RMSprop,
Nesterov, Adagrad and AdamW; warm-ups, steps, exponential decay, a rate that falls on a plateau; early stopping.
"""

from __future__ import annotations

import copy
import gzip
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from curves_stack import Trained
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor, nn

JUDGED, HELD = 1000, 300
WORDS = 512
TABLES = {
    "phishing": ("is_phishing", 2),
    "image_segments": ("category", 7),
    "adult": ("income", 2),
    "bikeshare": ("bikers", 0),
    "diamonds": ("price", 0),
    "rainfall_stream": ("rain", 2),
}


@dataclass(frozen=True)
class Data:
    """Inputs [rows, columns], [rows, channel, height, width] or [rows, time, channels]; classes 0: regression."""

    kind: str
    x: Tensor
    y: Tensor
    classes: int


@dataclass(frozen=True)
class Plan:
    """How one network is built and trained; ``decays_at`` and ``decay`` belong to the schedule ``step``."""

    data: str
    seed: int
    rows: int = 600
    width: int = 32
    depth: int = 1
    activation: str = "relu"
    norm: str = "none"
    start: float = 1.0
    optimizer: str = "adam"
    rate: float = 1e-3
    schedule: str = "constant"
    decays_at: float = 1.0
    decay: float = 0.01
    batch: int = 32
    epochs: int = 40
    dropout: float = 0.0
    weight_decay: float = 0.0
    patience: int = 0


def read_data(folder: Path) -> dict[str, Data]:
    """All data sets: tables, images of digits, series, texts as counts of words."""
    images = np.load(folder / "mnist_5k.npz")
    pixels = torch.tensor(images["x"][:, None] / 255.0, dtype=torch.float32)
    found = {"digits": Data("image", nn.functional.avg_pool2d(pixels, 2), _classes(images["y"]), 10)}
    for name, (target, classes) in TABLES.items():
        found[name] = _table(
            pl.read_csv(gzip.decompress((folder / f"{name}.csv.gz").read_bytes())), target, classes
        )
    for name, every, classes in (("italypowerdemand", 1, 2), ("japanesevowels", 1, 9), ("osuleaf", 14, 6)):
        held = np.load(folder / f"{name}.npz")
        x = np.concatenate([held["x_train"], held["x_test"]])[:, :, ::every].transpose(0, 2, 1)
        x = np.nan_to_num((x - np.nanmean(x)) / np.nanstd(x))
        found[name] = Data(
            "series", _float(x), _classes(np.concatenate([held["y_train"], held["y_test"]])), classes
        )
    texts = pl.read_csv(gzip.decompress((folder / "movie_snippets.csv.gz").read_bytes()))
    counts = HashingVectorizer(n_features=WORDS, norm="l2", alternate_sign=False).transform(
        texts["text"].to_list()
    )
    found["movies"] = Data("table", _float(counts.toarray()) * 4, _classes(texts["sentiment"].to_numpy()), 2)
    return found


def _table(frame: pl.DataFrame, target: str, classes: int) -> Data:
    frame = frame.drop_nulls().sample(min(5000, len(frame)), seed=0)
    y = frame[target].to_numpy()
    x = (
        frame.drop(target)
        .to_dummies([n for n, t in frame.drop(target).schema.items() if t == pl.String])
        .to_numpy()
    )
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    return Data("table", _float(x), _classes(y) if classes else _float((y - y.mean()) / y.std()), classes)


def _float(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def _classes(y: Any) -> Tensor:
    return torch.tensor(np.unique(y, return_inverse=True)[1])


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU,
}  # fmt: skip


class Recurrent(nn.Module):
    """A GRU or LSTM and what it says after the last step."""

    def __init__(self, kind: type[nn.GRU] | type[nn.LSTM], inputs: int, width: int) -> None:
        super().__init__()
        self.cells = kind(inputs, width, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """[rows, time, channels] → [rows, width]."""
        said: Tensor = self.cells(x)[0][:, -1]
        return said


def network(plan: Plan, data: Data) -> nn.Sequential:
    """The network of a plan: convolutions on images, a recurrent one on series, else a perceptron."""
    outputs, width = max(data.classes, 1), plan.width
    act = ACTIVATIONS[plan.activation]
    layers: list[nn.Module] = []
    if data.kind == "image":
        for at in range(2):
            layers += [nn.Conv2d(1 if at == 0 else max(width // 4, 1), max(width // 4, 1), 3, padding=1)]
            layers += [nn.BatchNorm2d(max(width // 4, 1))] if plan.norm == "batch" else []
            layers += [act(), nn.MaxPool2d(2)]
        layers.append(nn.Flatten())
        inputs = max(width // 4, 1) * 9
    elif data.kind == "series":
        layers.append(Recurrent(nn.LSTM if plan.seed % 2 else nn.GRU, data.x.shape[2], width))
        inputs = width
    else:
        inputs = data.x.shape[1]
    for _ in range(plan.depth):
        layers += [nn.Linear(inputs, width), *_norm(plan.norm, width), act(), nn.Dropout(plan.dropout)]
        inputs = width
    made = nn.Sequential(*layers, nn.Linear(inputs, outputs))
    with torch.no_grad():
        for weight in (p for p in made.parameters() if p.ndim > 1):
            weight *= plan.start
    return made


def _norm(norm: str, width: int) -> list[nn.Module]:
    return {"batch": [nn.BatchNorm1d(width)], "layer": [nn.LayerNorm(width)], "none": []}[norm]


def _optimizer(plan: Plan, model: nn.Module) -> torch.optim.Optimizer:
    given: dict[str, Any] = {"lr": plan.rate, "weight_decay": plan.weight_decay}
    made: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad,
        "momentum": lambda p, **k: torch.optim.SGD(p, momentum=0.9, **k),
        "nesterov": lambda p, **k: torch.optim.SGD(p, momentum=0.9, nesterov=True, **k),
    }  # fmt: skip
    return made[plan.optimizer](model.parameters(), **given)


def factor(plan: Plan, epoch: int) -> float:
    """The rate's factor in an epoch, counted from 0; ``plateau`` is told by the losses instead."""
    way = epoch / plan.epochs
    return {
        "constant": 1.0,
        "plateau": 1.0,
        "step": plan.decay if way >= plan.decays_at else 1.0,
        "steps": 0.1 ** ((way >= 0.5) + (way >= 0.75)),
        "cosine": 0.5 * (1 + math.cos(math.pi * way)),
        "linear_warmup": min((epoch + 1) / max(0.1 * plan.epochs, 1), 1.0) * min(1.0, (1 - way) / 0.9),
        "exponential": plan.decay**way,
    }[plan.schedule]


@dataclass
class _Log:
    names: tuple[str, ...] = (
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
    )
    rows: list[list[float]] = field(default_factory=list)

    def trained(self, trivial: float) -> Trained:
        table: NDArray[np.float64] = np.array(self.rows)
        return Trained(dict(zip(self.names, table[:, :-1].T, strict=True)), table[:, -1], trivial)


def fit(plan: Plan, data: Data) -> Trained:
    """Train; the training loss is the mean over the epoch's batches, as Keras and Lightning log it."""
    torch.manual_seed(plan.seed)
    order = torch.randperm(len(data.x), generator=torch.Generator().manual_seed(plan.seed // 2))
    judged = min(JUDGED, len(order) // 3)
    held = min(judged, HELD)
    parts = [order[:judged], order[judged : judged + held], order[judged + held :][: plan.rows]]
    model = network(plan, data)
    optimizer = _optimizer(plan, model)
    log, best, since, lowered = _Log(), math.inf, 0, 1.0
    for epoch in range(plan.epochs):
        rate = plan.rate * factor(plan, epoch) * lowered
        for group in optimizer.param_groups:
            group["lr"] = rate
        trained = _epoch(model, optimizer, data, parts[2], plan.batch)
        kept = copy.deepcopy(model).eval()
        seen, known = _scores(kept, data, parts[1]), _scores(kept, data, parts[0])
        log.rows.append([epoch + 1.0, *trained, *seen, rate, known[0]])
        best, since = (seen[0], 0) if seen[0] < best else (best, since + 1)
        if plan.schedule == "plateau" and since and since % 5 == 0:
            lowered *= 0.3
        if plan.patience and since >= plan.patience:
            break
    return log.trained(_trivial(data, parts[2]))


def _epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, data: Data, rows: Tensor, batch: int
) -> tuple[float, float]:
    sums = torch.zeros(2)
    used = 0
    for own in rows[torch.randperm(len(rows))].split(batch):
        if len(own) == 1:  # a batch of one has no spread to be normalised by
            continue
        loss, right = _losses(model(data.x[own]), data.y[own], data.classes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        sums += torch.stack([loss.detach(), right]) * len(own)
        used += len(own)
    return float(sums[0] / used), float(sums[1] / used)


def _scores(model: nn.Module, data: Data, rows: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        loss, right = _losses(model(data.x[rows]), data.y[rows], data.classes)
    return float(loss), float(right)


def _losses(outputs: Tensor, y: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    if not classes:
        return (outputs[:, 0] - y).square().mean(), torch.tensor(math.nan)
    return nn.functional.cross_entropy(outputs, y), (outputs.argmax(1) == y).float().mean()


def _trivial(data: Data, rows: Tensor) -> float:
    if not data.classes:
        return float(data.y[rows].var())
    share = torch.bincount(data.y[rows]).double() / len(rows)
    return float(-(share[share > 0] * share[share > 0].log()).sum())
