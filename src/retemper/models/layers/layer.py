"""The interface of a stacked layer: M members' forward pass at once, and its gradient written out."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from retemper.models.layers.parameter import Backward, Parameter, Views


class Draws(Protocol):
    """Where a layer gets its random numbers in training; each member's come from its own generator."""

    def keep_mask(self, width: int, batch: int) -> Tensor | None:
        """[M, batch, width]: 0 where a unit is dropped, 1/(1 − p) elsewhere; None when nobody drops."""
        ...


class Layer(Protocol):
    """A stacked layer, M networks wide.

    ``forward`` is made of plain differentiable operations, so the autograd engine can run it too; the
    returned function is the same gradient written out for the dense engine.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The layer's parameters, in order."""
        ...

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        """x [M, B, inputs] → (output [M, B, outputs], its gradient); ``draws`` is None outside training."""
        ...


class Front(Protocol):
    """A network's first layer: it takes prepared rows, and has no input that wants a gradient."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The front's parameters, in order."""
        ...

    def forward(self, p: Views, x: Tensor, codes: Tensor) -> tuple[Tensor, Backward]:
        """x [M, B, dense], codes [M, B, K] int64 → (the body's input [M, ·, ·], the parameters' gradients).

        x has the precision of the stored rows, what comes out that of the parameters.
        """
        ...
