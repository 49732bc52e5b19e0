"""How far each step and the whole way moved a network's weights, from a sample of their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SAMPLED = 16_384
"""Numbers of each weight that are kept to see how far it moves: no copy of a large network is made."""


class Weights:
    """The parameters of two or more dimensions, and for what never moves the others as well.

    Args:
        named: all that are trained, by name.
        optimizers: that train them.
    """

    def __init__(self, named: Sequence[tuple[str, nn.Parameter]], optimizers: Sequence[Any]) -> None:
        own = [(name, weight) for name, weight in named if weight.dim() > 1]
        self.names = tuple(name for name, _ in own)
        self.tensors = [weight for _, weight in own]
        self.sizes = tuple(weight.numel() for weight in self.tensors)
        self.left: dict[int, tuple[Tensor, Tensor]] = {}
        self._owned = [
            [k for k, weight in enumerate(self.tensors) if id(weight) in _ids(optimizer)]
            for optimizer in optimizers
        ]
        self._start = [_sample(weight) for weight in self.tensors]
        self._before = self._start
        self._marks = {name: (weight, _mark(weight)) for name, weight in named}

    def of(self, optimizer: int) -> list[int]:
        """Numbers of the weights that an optimizer trains."""
        return self._owned[optimizer]

    def blank(self) -> NDArray[np.float64]:
        """A row of NaN, one for each weight."""
        return np.full(len(self.tensors), np.nan)

    def keep(self) -> None:
        """Remember where the weights are."""
        self._before = [_sample(weight) for weight in self.tensors]

    def moved(self, numbers: Sequence[int]) -> NDArray[np.float64]:
        """‖Δw‖/‖w‖ since they were kept."""
        return self._change([self._before[k] for k in numbers], [_sample(self.tensors[k]) for k in numbers])

    def travelled(self) -> NDArray[np.float64]:
        """‖w − w at the start‖, from the sample."""
        now = [_sample(weight) for weight in self.tensors]
        apart = lengths([new - old for old, new in zip(self._start, now, strict=True)])
        return np.array(apart) * np.sqrt(
            [weight.numel() / len(own) for weight, own in zip(self.tensors, now, strict=True)]
        )

    def staleness(self) -> float:
        """‖what was left in the gradients‖ / ‖what the next backward pass brought‖; NaN where neither was seen."""
        if not self.left:
            return math.nan
        left, came = (math.hypot(*_numbers([pair[at] for pair in self.left.values()])) for at in (0, 1))
        return left / came if came > 0 else math.nan

    def unchanged(self) -> tuple[str, ...]:
        """Names of parameters whose numbers are those of the start."""
        return tuple(name for name, (weight, mark) in self._marks.items() if _mark(weight) == mark)

    @staticmethod
    def _change(before: Sequence[Tensor], after: Sequence[Tensor]) -> NDArray[np.float64]:
        apart = lengths([new - old for old, new in zip(before, after, strict=True)])
        return np.array(apart) / np.maximum(lengths(before), 1e-12)


def lengths(tensors: Sequence[Tensor | None]) -> list[float]:
    """Euclidean norms, read from their device at once; 0 for None."""
    return _numbers([norm_of(own) for own in tensors])


def cosine(first: Sequence[Tensor | None], second: Sequence[Tensor | None]) -> float:
    """Cosine between two lists of gradients as one vector each; NaN where one of them is nothing.

    >>> round(cosine([torch.ones(2), None], [-torch.ones(2), torch.ones(3)]), 3)
    -1.0
    """
    pairs = [
        (a.detach().flatten().float(), b.detach().flatten().float())
        for a, b in zip(first, second, strict=True)
        if a is not None and b is not None and not a.is_sparse and not b.is_sparse
    ]
    dots = _numbers([torch.dot(a, b) for a, b in pairs])
    length = math.hypot(*lengths([a for a, _ in pairs])) * math.hypot(*lengths([b for _, b in pairs]))
    return sum(dots) / length if length > 0 and math.isfinite(length) else math.nan


def norm_of(tensor: Tensor | None) -> Tensor:
    """The Euclidean norm in single precision or better; of a sparse gradient that of its values; 0 for None."""
    if tensor is None:
        return torch.zeros(())
    own = tensor.detach()
    own = own.coalesce().values() if own.is_sparse else own
    norm: Tensor = torch.linalg.vector_norm(own, dtype=None if own.dtype == torch.float64 else torch.float32)
    return norm


def _numbers(values: Sequence[Tensor]) -> list[float]:
    if len({own.device for own in values}) > 1:
        return [float(own) for own in values]
    numbers: list[float] = torch.stack([own.double() for own in values]).tolist() if values else []
    return numbers


def _ids(optimizer: Any) -> set[int]:
    return {id(own) for group in optimizer.param_groups for own in group["params"]}


def _sample(weight: Tensor) -> Tensor:
    """Up to ``SAMPLED`` numbers in even steps; an odd step does not stay in one column of an even number of them."""
    step = -(-weight.numel() // SAMPLED) | 1
    return weight.detach().reshape(-1)[::step].clone()


def _mark(weight: Tensor) -> tuple[float, ...]:
    """Numbers that tell a parameter that never moved from one that did: its norm, its sum and some of its own."""
    own = weight.detach()
    some = own.reshape(-1)[:: max(1, own.numel() // 16)].double()
    whole = torch.stack([torch.linalg.vector_norm(own, dtype=torch.float64), own.sum(dtype=torch.float64)])
    return tuple(torch.cat([whole, some]).tolist())
