"""Dropout with a rate of its own for each member (Srivastava et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Backward, Parameter, Views


@dataclass(frozen=True)
class Dropout:
    """In training, zeroes a unit with the member's probability p and scales the rest by 1/(1 − p)."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return ()

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        mask = draws.keep_mask(x.shape[2], x.shape[1]) if draws else None

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            return gy if mask is None else gy * mask

        return (x if mask is None else x * mask), backward
