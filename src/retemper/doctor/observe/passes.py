"""How someone's own code calls the network: in which mode, with gradients or without, on how many rows."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from retemper.doctor.looks import Passes

SIZES_KEPT = 101
"""Batch sizes that the median is taken of: the last ones."""


class Calls:
    """Counts the calls of a network through a hook before its forward pass; a copy of the network takes no hook along.

    Args:
        network: that is called; of a scripted one nothing is known.

    >>> net = nn.Linear(2, 1)
    >>> calls = Calls(net)
    >>> with torch.no_grad():
    ...     _ = net(torch.ones(5, 2))
    >>> calls.passes().judging_in_training
    1
    >>> calls.remove()
    """

    def __init__(self, network: nn.Module) -> None:
        self._counts = dict.fromkeys(
            [(training, grad) for training in (True, False) for grad in (True, False)], 0
        )
        self._sizes: deque[int] = deque(maxlen=SIZES_KEPT)
        self._own = False
        self.rows = 0
        # TorchScript takes no such hooks: its calls are not counted.
        scripted = isinstance(network, torch.jit.ScriptModule)
        hook = None if scripted else network.register_forward_pre_hook(_Hook(self), with_kwargs=True)
        self._handle: RemovableHandle | None = hook

    def remove(self) -> None:
        """Take the hook away."""
        if self._handle is not None:
            self._handle.remove()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is called meanwhile is the doctor's own."""
        self._own = True
        try:
            yield
        finally:
            self._own = False

    def note(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """One call of the network."""
        if self._own:
            return
        grad = torch.is_grad_enabled()
        self._counts[network.training, grad] += 1
        rows = (_rows(args) or (_rows(tuple(kwargs.values())) if kwargs else 0)) if grad else 0
        if rows:
            self.rows += rows
            self._sizes.append(rows)

    def passes(self) -> Passes:
        """All calls so far."""
        return Passes(
            learning=self._counts[True, True],
            learning_in_evaluation=self._counts[False, True],
            judging=self._counts[False, False],
            judging_in_training=self._counts[True, False],
            batch=int(statistics.median_low(self._sizes)) if self._sizes else 0,
        )


class _Hook:
    """The hook; a copied or pickled network gets one that does nothing."""

    def __init__(self, calls: Calls | None = None) -> None:
        self._calls = calls

    def __call__(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._calls is not None:
            self._calls.note(network, args, kwargs)

    def __reduce__(self) -> tuple[type[_Hook], tuple[()]]:
        return _Hook, ()


def _rows(values: tuple[Any, ...]) -> int:
    """Rows of the first tensor with any."""
    for own in values:
        shape = own.shape if isinstance(own, Tensor) else ()
        if shape and shape[0]:
            return int(shape[0])
    return 0
