"""The batches' losses: those of a GPU stay there until many are read at once, since each reading waits for it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOSSES_HELD = 256
"""So many are read at once."""


class Losses:
    """The losses that a training hands over."""

    def __init__(self) -> None:
        self._held: list[Tensor | float] = []
        self._count, self._first_lost, self._latest = 0, 0, math.nan
        self._since, self._sum = 0, 0.0
        self._read_at_once: bool | None = None

    def take(self, loss: Tensor | float) -> None:
        """A batch's loss. Every step comes here: the first loss tells of which kind the others will be."""
        if self._read_at_once is None:
            self._read_at_once = isinstance(loss, Tensor) and not loss.dim() and loss.device.type == "cpu"
        try:
            self._held.append(loss.item() if self._read_at_once else _kept(loss))  # type: ignore[union-attr]
        except (AttributeError, RuntimeError):  # of another kind after all
            self._held.append(_kept(loss))
        if len(self._held) >= LOSSES_HELD:
            self._read()

    def latest(self) -> float:
        self._read()
        return self._latest

    def not_finite(self) -> int:
        """The first of them that is not finite, counted from 1; 0: all are."""
        self._read()
        return self._first_lost

    def mean_since_epoch(self) -> float | None:
        self._read()
        mean = self._sum / self._since if self._since else None
        self._since, self._sum = 0, 0.0
        return mean

    def _read(self) -> None:
        tensors = [own.double() for own in self._held if isinstance(own, Tensor)]
        read = iter(torch.stack(tensors).tolist() if tensors else [])
        values = [next(read) if isinstance(own, Tensor) else own for own in self._held]
        self._held = []
        lost = [at for at, value in enumerate(values) if not math.isfinite(value)]
        if lost and not self._first_lost:
            self._first_lost = self._count + lost[0] + 1
        self._count += len(values)
        self._since += len(values)
        self._sum += sum(values)
        self._latest = values[-1] if values else self._latest


def _kept(loss: Tensor | float) -> Tensor | float:
    return loss.detach().mean() if isinstance(loss, Tensor) else float(loss)
