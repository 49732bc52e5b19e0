"""Activations with their derivatives. All map 0 to 0, which keeps padded units at zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Backward, Parameter, Views

Name = Literal["relu", "leaky_relu", "silu", "gelu", "tanh"]
_aten = torch.ops.aten

_FORWARD: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
}

# (gradient of y, x, y) → gradient of x
_BACKWARD: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "relu": lambda gy, x, y: _aten.threshold_backward.default(gy, y, 0),
    "leaky_relu": lambda gy, x, y: _aten.leaky_relu_backward.default(gy, x, 0.01, False),
    "silu": lambda gy, x, y: _aten.silu_backward.default(gy, x),
    "gelu": lambda gy, x, y: _aten.gelu_backward.default(gy, x),
    "tanh": lambda gy, x, y: _aten.tanh_backward.default(gy, y),
}


@dataclass(frozen=True)
class Activation:
    """An elementwise function by name: relu, leaky_relu (slope .01), silu, gelu, tanh."""

    function: Name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return ()

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        y = _FORWARD[self.function](x)
        derivative = _BACKWARD[self.function]

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            return derivative(gy, x, y) if wants_input else None

        return y, backward
