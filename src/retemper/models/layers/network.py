"""A network: the input front, a body of layers, a head; M members wide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from retemper.models.layers.dense import Dense, Head
from retemper.models.layers.inputs import Inputs
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
        still: names of parameters that want no gradient: on the way back the layers before the first that has another
            are left out, which for a new head alone is most of the work.
    """

    inputs: Front
    body: tuple[Layer, ...]
    head: Head
    still: tuple[str, ...] = ()

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

    @cached_property
    def stacks_with(self) -> str:
        """Networks for which this is the same may train in one stack: they do the same with the same stored sizes.

        Widths that fill up to the same number of lanes make no difference; how many columns of numbers there are makes
        one only where they are worked out one by one (bins, levels, periodic embeddings).
        """
        stored = [(p.name, p.stored, p.role, p.scale) for p in self.parameters]
        # A product does the same at any width, and what is stored beyond it stays zero; other layers may count units.
        body = [layer.name if isinstance(layer, Dense) else layer for layer in self.body]
        plain = isinstance(self.inputs, Inputs) and self.inputs.is_plain
        return repr(("numbers" if plain else self.inputs, stored, body, self.head.outputs, self.head.copies))

    def forward(
        self, p: Views, x: Tensor, codes: Tensor, draws: Draws | None = None
    ) -> tuple[Tensor, Backward]:
        """Outputs [M, B, outputs] for x [M, B, dense] and codes [M, B, K], with the gradient written out."""
        front, front_backward = self.inputs.forward(p, x, codes)
        y, backwards = run((*self.body, self.head), p, front, draws)
        front_learns, learning = self._learning

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            gradient = unwind(backwards[learning], gy, g, front_learns)
            if front_learns and gradient is not None:
                front_backward(gradient, g, False)
            return None

        return y, backward

    @cached_property
    def _learning(self) -> tuple[bool, slice]:
        """Whether the front learns, and the layers that the way back goes through."""
        parameters = [self.inputs.parameters, *(layer.parameters for layer in (*self.body, self.head))]
        learns = [any(parameter.name not in self.still for parameter in own) for own in parameters]
        first = 0 if learns[0] else next((k for k, own in enumerate(learns[1:]) if own), len(learns) - 1)
        return learns[0], slice(first, None)
