"""What a layer declares of its parameters, and the padding that makes a member's bits its own.

A product's last bits depend on how its operands lie in memory, and a vector loop's on where its tail falls.
Every size that a member's matrices are strided by is therefore rounded up to a whole number of lanes, so that
member 7 of 16 lies exactly as member 0 of 1 does. The padding holds zeros and stays zero: activations map 0
to 0, and what multiplies a zero gets a zero gradient. Bundles store the true shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

LANE = 16
ROW_LANE = 32

Role = Literal[
    "weight", "head_weight", "bias", "head_bias", "gain", "sign", "embedding", "frequency", "phase"
]
Views = Mapping[str, Tensor]
"""Parameter name → [M, rows, columns], a view of a flat buffer."""

Backward = Callable[[Tensor, Views, bool], "Tensor | None"]
"""(gradient of the output, where to write the parameters' gradients, is the input's wanted) → input's."""


def precision(p: Views) -> torch.dtype:
    """The precision that a pass through a network computes in: its parameters'.

    >>> precision({"head.weight": torch.zeros(1, 2, 2)})
    torch.float32
    """
    return next(iter(p.values())).dtype


def padded(size: int, lane: int = LANE) -> int:
    """The size rounded up to whole lanes.

    >>> padded(50), padded(64), padded(1)
    (64, 64, 16)
    """
    return -(-size // lane) * lane


@dataclass(frozen=True)
class Parameter:
    """One matrix of a member: [outputs, inputs] for a weight, [1, n] for a bias.

    Args:
        name: unique in the network, for example ``hidden_1.weight``.
        shape: true shape.
        stored: shape with padding, [rows, columns].
        role: how it begins and whether it decays.
        scale: standard deviation at the start, where the role uses one (embedding, frequency).
        fan_in: of a layer's bias, how many inputs the layer has; 0: it always begins at zero.
    """

    name: str
    shape: tuple[int, int]
    stored: tuple[int, int]
    role: Role
    scale: float = 1.0
    fan_in: int = 0

    @property
    def size(self) -> int:
        """Stored numbers, padding included."""
        return self.stored[0] * self.stored[1]

    @property
    def decays(self) -> bool:
        """Whether weight decay applies; biases and gains are spared unless the recipe says otherwise."""
        return self.role in ("weight", "head_weight", "embedding")
