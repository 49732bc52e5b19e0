"""Copies: several networks inside one member that share its layers and differ by adapters of rank one.

The copies' rows lie one copy after another, [M, copies·B, ·], so that every layer between the spread and the
head works on them as on rows like others: one product for all copies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Backward, Parameter, Views, padded


@dataclass(frozen=True)
class Spread:
    """Makes the copies: copy k sees r_k ∘ x, [M, B, width] → [M, copies·B, width].

    Scaling the inputs (or outputs) of a product by r_k is the same as multiplying its weights by a matrix of rank
    one (Wen et al. 2020, "BatchEnsemble").

    Args:
        name: of the layer.
        copies: networks inside a member.
        width: columns; the adapters begin as random signs, so that the copies begin apart.
    """

    name: str
    copies: int
    width: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        stored = (self.copies, padded(self.width))
        return (Parameter(f"{self.name}.adapter", (self.copies, self.width), stored, "sign"),)

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        members, rows, columns = x.shape
        adapter = p[f"{self.name}.adapter"].unsqueeze(2)
        y = x.unsqueeze(1) * adapter

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            by_copy = gy.view(members, self.copies, rows, columns)
            torch.sum(by_copy * x.unsqueeze(1), 2, out=g[f"{self.name}.adapter"])
            return (by_copy * adapter).sum(1) if wants_input else None

        return y.view(members, -1, columns), backward
