"""Periodic embeddings of numbers: cosines of learned frequencies, then a small linear map of each number's own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.models.layers.parameter import Backward, Parameter, Views, padded

TURN = 2 * math.pi


@dataclass(frozen=True)
class Periodic:
    """x_i → W_i·cos(2π(f_i·x_i + φ_i)) + b_i, [M, B, numbers] → [M, B, numbers · units].

    The embedding of RealMLP (Holzmüller et al. 2024, "PBLD"), beside the number itself: it lets the first
    layer bend quickly along a number, as far as the frequencies f allow. They are drawn from N(0, σ²), the
    phases φ from [−½, ½].

    Args:
        numbers: that are embedded.
        frequencies: cosines a number.
        units: outputs a number.
        sigma: σ of the frequencies at the start; inputs have spread 1.
    """

    numbers: int
    frequencies: int
    units: int
    sigma: float

    @property
    def width(self) -> int:
        """True columns of the result."""
        return self.numbers * self.units

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        shape, columns = (self.numbers, self.frequencies), padded(self.frequencies)
        return (
            Parameter("periodic.frequency", shape, (self.numbers, columns), "frequency", self.sigma),
            Parameter("periodic.phase", shape, (self.numbers, columns), "phase"),
            Parameter("periodic.weight", (self.width, self.frequencies), (self.width, columns), "weight"),
            Parameter("periodic.bias", (self.width, 1), (self.width, 1), "bias"),
        )

    def forward(self, p: Views, x: Tensor) -> tuple[Tensor, Backward]:
        """x [M, B, numbers] → [M, B, numbers · units], and the parameters' gradients.

        Angles have the precision of x where that is finer than the parameters'.
        """
        members, batch, _ = x.shape
        flat, columns = members * self.numbers, padded(self.frequencies)
        # The rows of the batch lie innermost: they fill whole lanes, whatever the units.
        number = x.transpose(1, 2).contiguous().unsqueeze(2)
        angle = (number * p["periodic.frequency"].unsqueeze(3) + p["periodic.phase"].unsqueeze(3)) * TURN
        weight = p["periodic.weight"].reshape(flat, self.units, columns)
        wave = torch.cos(angle).view(flat, columns, batch).to(weight.dtype)
        y = torch.baddbmm(p["periodic.bias"].reshape(flat, self.units, 1), weight, wave)

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            own = gy.transpose(1, 2).contiguous().view(flat, self.units, batch)
            torch.sum(own.view(members, self.width, batch), 2, keepdim=True, out=g["periodic.bias"])
            product = torch.bmm(own, wave.transpose(1, 2)).view(members, self.width, columns)
            # A padded frequency is 0 and its cosine 1: the weight it meets must stay 0.
            g["periodic.weight"][:, :, : self.frequencies] = product[:, :, : self.frequencies]
            slope = torch.bmm(weight.transpose(1, 2), own).view_as(angle) * torch.sin(angle) * -TURN
            torch.sum(slope, 3, out=g["periodic.phase"])
            torch.sum(slope * number, 3, out=g["periodic.frequency"])
            return None

        return y.view(members, self.width, batch).transpose(1, 2), backward
