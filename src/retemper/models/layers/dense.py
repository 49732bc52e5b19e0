"""Fully connected layers of M members: y = x·Wᵀ + b as one batched product."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Backward, Parameter, Views, padded


@dataclass(frozen=True)
class Dense:
    """y = x·Wᵀ + b, [M, B, inputs] → [M, B, outputs] (both padded to whole lanes)."""

    name: str
    inputs: int
    outputs: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        rows, columns = padded(self.outputs), padded(self.inputs)
        return (
            Parameter(f"{self.name}.weight", (self.outputs, self.inputs), (rows, columns), "weight"),
            Parameter(f"{self.name}.bias", (1, self.outputs), (1, rows), "bias", fan_in=self.inputs),
        )

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        weight = p[f"{self.name}.weight"]
        y = torch.baddbmm(p[f"{self.name}.bias"], x, weight.transpose(1, 2))

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            g[f"{self.name}.weight"].copy_(torch.bmm(gy.transpose(1, 2), x))
            torch.sum(gy, 1, keepdim=True, out=g[f"{self.name}.bias"])
            return torch.bmm(gy, weight) if wants_input else None

        return y, backward


@dataclass(frozen=True)
class Head:
    """The last layer, [M, copies·B, inputs] → [M, B, copies·outputs]; mostly there is one copy.

    In memory the outputs lie class by class, [M, outputs, B]: a softmax over few classes then runs along the
    batch, where it fills the vector lanes (15 times faster than over rows of 10), and the products are the
    faster ones too. Copies are networks inside a member that share its body (see
    :mod:`retemper.models.layers.copies`): each has its own rows, B of them, and its own weights.
    """

    name: str
    inputs: int
    outputs: int
    copies: int = 1

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        rows, columns = self.copies * self.outputs, padded(self.inputs)
        return (
            Parameter(f"{self.name}.weight", (rows, self.inputs), (rows, columns), "head_weight"),
            Parameter(f"{self.name}.bias", (rows, 1), (rows, 1), "head_bias", fan_in=self.inputs),
        )

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        members, rows, columns = x.shape
        flat = members * self.copies
        weight, bias = p[f"{self.name}.weight"], p[f"{self.name}.bias"]
        if self.copies > 1:  # To the products a member's copies are so many members.
            x = x.reshape(flat, rows // self.copies, columns)
            weight = weight.reshape(flat, self.outputs, columns)
            bias = bias.reshape(flat, self.outputs, 1)
        y = torch.baddbmm(bias, weight, x.transpose(1, 2)).view(members, self.copies * self.outputs, -1)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            by_copy = gy.transpose(1, 2).reshape(flat, self.outputs, -1)
            product = torch.bmm(by_copy, x)
            g[f"{self.name}.weight"].copy_(product.view(members, -1, columns))
            torch.sum(gy.transpose(1, 2), 2, keepdim=True, out=g[f"{self.name}.bias"])
            if not wants_input:
                return None
            return torch.bmm(by_copy.transpose(1, 2), weight).view(members, rows, columns)

        return y.transpose(1, 2), backward
