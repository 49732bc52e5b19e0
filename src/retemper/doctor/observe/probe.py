"""A fixed batch of training rows that a network is asked about while it trains; the training is left as it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from retemper.doctor.observe.forward import evaluating, follow

REFUSED = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, AttributeError, KeyError)
"""What networks and losses raise that can't take the probe."""


@dataclass(frozen=True)
class Seen:
    """One pass of the probe.

    Args:
        loss: on its rows, in evaluation mode; NaN where it could not be had.
        dead, saturated: by an activation's place, see :class:`retemper.doctor.case.Signals`.
    """

    loss: float = math.nan
    dead: Mapping[int, float] = field(default_factory=dict)
    saturated: Mapping[int, float] = field(default_factory=dict)


class Probe:
    """The fixed rows, on the network's own device.

    Args:
        network: any module; of a compiled one the module inside is asked, so that nothing is compiled anew.
        rows: inputs and targets, or None: nothing is known of what the network does.
        loss: of (outputs, targets), or None.
        count: rows that are used.
    """

    def __init__(self, network: nn.Module, rows: tuple[Any, Tensor] | None, loss: Any, count: int) -> None:
        self._network = getattr(network, "_orig_mod", network)
        self._loss = loss
        self._rows: Any = None
        self.count = 0
        if rows is not None:
            like = next(network.parameters(), None)
            self._rows, self._target = _beside(rows[0], like, count), _moved(rows[1][:count], like)
            self.count = len(self._target)

    def look(self) -> Seen:
        """One pass without gradients."""
        if self._rows is None:
            return Seen()
        try:
            followed = follow(self._network, self._rows)
        except REFUSED:
            return Seen()
        return Seen(self._value(followed.outputs), dict(followed.dead), dict(followed.saturated))

    def gradients(self, weights: Sequence[nn.Parameter]) -> list[Tensor | None]:
        """The plain loss's gradients on the probe; none where they can't be had."""
        if self._rows is None or self._loss is None:
            return [None] * len(weights)
        try:
            with torch.enable_grad(), _untouched(self._network):
                own = (
                    self._network(*self._rows) if isinstance(self._rows, tuple) else self._network(self._rows)
                )
                return list(
                    torch.autograd.grad(self._loss(own, self._target), list(weights), allow_unused=True)
                )
        except REFUSED:
            return [None] * len(weights)

    def _value(self, outputs: Any) -> float:
        if self._loss is None:
            return math.nan
        try:
            with torch.no_grad():
                return float(self._loss(outputs, self._target))
        except REFUSED:
            return math.nan


@contextmanager
def _untouched(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and what is drawn is drawn from generators that are put back."""
    devices = sorted({own.device.index or 0 for own in network.parameters() if own.device.type == "cuda"})
    with evaluating(network), torch.random.fork_rng(devices=devices):
        yield


def _beside(values: Any, like: Tensor | None, count: int) -> Any:
    if isinstance(values, tuple):
        return tuple(_beside(each, like, count) for each in values)
    if isinstance(values, dict):
        return {name: _beside(each, like, count) for name, each in values.items()}
    own = _moved(values[:count], like)
    return own.to(like.dtype) if like is not None and own.is_floating_point() else own


def _moved(values: Tensor, like: Tensor | None) -> Tensor:
    return values if like is None else values.to(like.device)
