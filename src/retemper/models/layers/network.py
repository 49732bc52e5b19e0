"""A network: the input front, a body of layers, a head; M members wide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from retemper.models.layers.dense import Head
from retemper.models.layers.layer import Draws, Front, Layer
from retemper.models.layers.parameter import Backward, Parameter, Views
from retemper.models.layers.residual import run, unwind


@dataclass(frozen=True)
class Network:
    """What an architecture file builds.

    Args:
        inputs: the front.
        body: layers, each [M, B, ·] → [M, B, ·].
        head: [M, B, ·] → [M, B, outputs].
    """

    inputs: Front
    body: tuple[Layer, ...]
    head: Head

    @property
    def copies(self) -> int:
        """Networks inside each member; the outputs are [M, B, copies·outputs]."""
        return self.head.copies

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters from input to output; those that decay come first, as one block."""
        body = [parameter for layer in self.body for parameter in layer.parameters]
        every = [*self.inputs.parameters, *body, *self.head.parameters]
        return tuple(sorted(every, key=lambda parameter: not parameter.decays))

    def forward(
        self, p: Views, x: Tensor, codes: Tensor, draws: Draws | None = None
    ) -> tuple[Tensor, Backward]:
        """Outputs [M, B, outputs] for x [M, B, dense] and codes [M, B, K], with the gradient written out."""
        front, front_backward = self.inputs.forward(p, x, codes)
        y, backwards = run((*self.body, self.head), p, front, draws)
        front_learns = bool(self.inputs.parameters)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            gradient = unwind(backwards, gy, g, front_learns)
            if gradient is not None:
                front_backward(gradient, g, False)
            return None

        return y, backward
