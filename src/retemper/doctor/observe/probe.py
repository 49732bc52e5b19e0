"""A fixed batch of training rows that a network is asked about while it trains; the training is left as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from retemper.doctor.observe.forward import follow
from retemper.doctor.observe.traceless import call, device_of, evaluating, inside, traceless, uncompiled

REFUSED = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, AttributeError, KeyError)
"""What networks and losses raise that can't take the probe."""


@dataclass(frozen=True)
class Seen:
    """One pass of the probe.

    Args:
        loss: on its rows, in evaluation mode; NaN where it could not be had.
        dead, saturated: by an activation's place, see :class:`retemper.doctor.looks.Signals`.
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
        self._network, self._loss = inside(network), loss
        self._rows: Any = None
        self.count = 0
        if rows is not None:
            device, kind = device_of(network)
            self._rows, self._target = _beside(rows[0], device, kind, count), rows[1][:count].to(device)
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
            with torch.enable_grad(), evaluating(self._network), traceless(), uncompiled():
                loss = self._loss(call(self._network, self._rows), self._target)
                return list(torch.autograd.grad(loss, list(weights), allow_unused=True))
        except REFUSED:
            return [None] * len(weights)

    def _value(self, outputs: Any) -> float:
        if self._loss is None:
            return math.nan
        try:
            with torch.no_grad(), traceless():
                return float(self._loss(outputs, self._target))
        except REFUSED:
            return math.nan


def _beside(values: Any, device: torch.device, kind: torch.dtype, count: int) -> Any:
    """The first rows of the inputs, on a network's device and of its type of numbers."""
    if isinstance(values, tuple):
        return tuple(_beside(each, device, kind, count) for each in values)
    if isinstance(values, dict):
        return {name: _beside(each, device, kind, count) for name, each in values.items()}
    return values[:count].to(device, kind if values.is_floating_point() else None)
