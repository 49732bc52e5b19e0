"""Rows of a repair: split anew for each seed, so that what is kept is no matter of one split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retemper.core import seeds

FEWEST_ROWS = 60
"""With fewer rows than this all are trained on, and judged by."""
EVERY = 4
"""One row of so many is held out."""
MOST_CLASSES = 0.1
"""Of the rows; targets with more different values than that are no classes."""


@dataclass(frozen=True)
class Rows:
    """Inputs (a tensor or several) and targets, rows first."""

    x: Any
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> Rows:
        """Some of the rows."""
        x = tuple(each[index] for each in self.x) if isinstance(self.x, tuple) else self.x[index]
        return Rows(x, self.y[index])

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Of the network's call."""
        return self.x if isinstance(self.x, tuple) else (self.x,)


def split(rows: Rows, seed: int, member: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows to judge by; the same where there are too few.

    >>> rows = Rows(torch.zeros(100, 2), torch.zeros(100))
    >>> [len(part) for part in split(rows, 0, 0)]
    [75, 25]
    """
    if len(rows) < FEWEST_ROWS:
        return rows, rows
    order = torch.from_numpy(
        seeds.generator(seed, "repair.split", member).permutation(len(rows)).astype(np.int64)
    )
    order = order[_classes(rows.y)[order].argsort(stable=True)]  # so that each class has its share
    held_out = torch.arange(len(rows)) % EVERY == member % EVERY
    return rows.take(order[~held_out].sort().values), rows.take(order[held_out].sort().values)


def _classes(y: Tensor) -> Tensor:
    """A number a class; values have one for all."""
    if y.dim() > 1 and y.shape[1] > 1:
        return y.argmax(1)
    flat = y.reshape(len(y))
    few = torch.unique(flat)
    return torch.searchsorted(few, flat) if len(few) <= MOST_CLASSES * len(flat) else torch.zeros(len(flat))
