"""Rows spoilt before they are trained on, in the manner of DeepCrime's operators of data (Humbatova et al. 2021).

Each entry of `SPOILT` takes the rows and NumPy's generator. What is said of training rows leaves the held-out ones as
they were, so that the score is that of the task that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Training and held-out rows as the loss takes them, and the truth [M] or [M, K] that the score is by."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor
    truth: Tensor


Spoil = Callable[[Rows, np.random.Generator], Rows]


def codes_of(y: Tensor) -> Tensor:
    """Class codes [N] of targets in any form; of values whether they are above their median."""
    if y.dim() > 1 and y.shape[1] > 1:
        return y.argmax(1)
    return y.reshape(-1).long() if bool((y == y.round()).all()) else (y.reshape(-1) > y.median()).long()


def renamed(rows: Rows, rng: np.random.Generator) -> Rows:
    """Training rows of one class are said to be of the next."""
    y = rows.y.clone()
    codes = codes_of(y)
    usual = int(torch.bincount(codes).argmax())
    other = y[(codes != usual).nonzero()[0, 0]].clone()
    y[codes == usual] = other
    return replace(rows, y=y)


def rare(rows: Rows, rng: np.random.Generator) -> Rows:
    """Of all classes but the first 2 % of the training rows are left, one at least."""
    codes = codes_of(rows.y)
    others = (codes != codes.min()).nonzero()[:, 0]
    left = others[torch.from_numpy(rng.permutation(len(others)))[: max(2, len(others) // 50)]]
    kept = torch.cat([(codes == codes.min()).nonzero()[:, 0], left])
    return replace(rows, x=rows.x[kept], y=rows.y[kept])


def noisy(rows: Rows, rng: np.random.Generator) -> Rows:
    """Training inputs with noise of five times their standard deviation."""
    noise = torch.from_numpy(rng.normal(size=tuple(rows.x.shape))).float()
    return replace(rows, x=rows.x + 5 * rows.x.std() * noise)


def served_unscaled(rows: Rows, rng: np.random.Generator) -> Rows:
    """Held-out inputs as they were before scaling: the training rows alone were scaled."""
    return replace(rows, held_x=10 * rows.held_x + 5)


def rolled(rows: Rows, rng: np.random.Generator) -> Rows:
    """Targets a row too late."""
    return replace(rows, y=rows.y.roll(1, 0))


def blank(rows: Rows, rng: np.random.Generator) -> Rows:
    """Inputs are all 0, as after a reader that failed."""
    return replace(rows, x=torch.zeros_like(rows.x), held_x=torch.zeros_like(rows.held_x))


def one_column(rows: Rows, rng: np.random.Generator) -> Rows:
    """The first column a hundred thousand times as large as the others."""
    times = torch.ones(rows.x.shape[1])
    times[0] = 1e5
    return replace(rows, x=rows.x * times, held_x=rows.held_x * times)


def offset(rows: Rows, rng: np.random.Generator) -> Rows:
    """Values far from 0, as years or prices are."""
    return replace(rows, y=rows.y + 1000, held_y=rows.held_y + 1000, truth=rows.truth + 1000)


def missing(rows: Rows, rng: np.random.Generator) -> Rows:
    """One missing number in the training inputs."""
    x = rows.x.clone()
    x.view(-1)[int(rng.integers(x.numel()))] = float("nan")
    return replace(rows, x=x)


def ordered(rows: Rows, rng: np.random.Generator) -> Rows:
    """Training rows in the order of their targets."""
    order = rows.y.reshape(len(rows.y), -1).double() @ torch.arange(rows.y[0].numel()).double().add(1)
    order = order.argsort(stable=True)
    return replace(rows, x=rows.x[order], y=rows.y[order])


SPOILT: Mapping[str, Spoil] = {
    "renamed": renamed,
    "rare": rare,
    "noisy": noisy,
    "served unscaled": served_unscaled,
    "rolled": rolled,
    "blank": blank,
    "one column": one_column,
    "offset": offset,
    "missing": missing,
    "ordered": ordered,
}
