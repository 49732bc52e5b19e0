"""The networks of a model, as they are saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from retemper.models.layers.build import network_of
from retemper.models.layers.inputs import InputShape
from retemper.training.stack import Layout


@dataclass(frozen=True)
class Part:
    """One network of the model: its architecture, its parameters [P], its weight in the mean."""

    model: dict[str, Any]
    row: Tensor
    weight: float


def tensors_of(parts: Sequence[Part], shape: InputShape, outputs: int) -> dict[str, Tensor]:
    """All parts' parameters in their true shapes: ``network_<k>.<parameter>``."""
    found: dict[str, Tensor] = {}
    for k, part in enumerate(parts):
        layout = Layout(network_of(part.model, shape, outputs))
        found |= {f"network_{k}.{name}": tensor for name, tensor in layout.unpadded(part.row).items()}
    return found
