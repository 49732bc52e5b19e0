"""A residual block (He et al. 2016): x + inner(x)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from retemper.models.layers.layer import Draws, Layer
from retemper.models.layers.parameter import Backward, Parameter, Views


@dataclass(frozen=True)
class Residual:
    """y = x + inner(x), where ``inner`` is a chain of layers that keeps the width.

    Where it gives fewer rows than it got, these are the first ones of x (a transformer's first token).
    """

    inner: tuple[Layer, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(parameter for layer in self.inner for parameter in layer.parameters)

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        y, backwards = run(self.inner, p, x, draws)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            gx = unwind(backwards, gy, g, wants_input)
            if gx is None:
                return None
            return gx + functional.pad(gy, (0, 0, 0, gx.shape[1] - gy.shape[1]))

        return x[:, : y.shape[1]] + y, backward


def run(layers: tuple[Layer, ...], p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, list[Backward]]:
    """The layers one after another: the output, and their gradients in the order of the layers."""
    backwards = []
    for layer in layers:
        x, backward = layer.forward(p, x, draws)
        backwards.append(backward)
    return x, backwards


def unwind(backwards: list[Backward], gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
    """The chain rule through ``backwards``, last layer first; the first layer's input gradient if wanted."""
    gradient: Tensor | None = gy
    for position in range(len(backwards) - 1, -1, -1):
        if gradient is not None:
            gradient = backwards[position](gradient, g, wants_input or position > 0)
    return gradient
