"""Layer normalisation (Ba et al. 2016) over a member's true width."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.models.layers.layer import Draws
from retemper.models.layers.parameter import Backward, Parameter, Views, padded


@dataclass(frozen=True)
class LayerNorm:
    """y = gain · (x − mean) / √(variance + ε) + bias, each row by itself; padding keeps zero gain and bias."""

    name: str
    width: int
    epsilon: float = 1e-5

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        stored = (1, padded(self.width))
        return (
            Parameter(f"{self.name}.gain", (1, self.width), stored, "gain"),
            Parameter(f"{self.name}.bias", (1, self.width), stored, "bias"),
        )

    def forward(self, p: Views, x: Tensor, draws: Draws | None) -> tuple[Tensor, Backward]:
        gain = p[f"{self.name}.gain"]
        mean = x.sum(2, keepdim=True) / self.width
        # The padding of x is zero, so the sums run over all stored units and divide by the true ones.
        variance = (x * x).sum(2, keepdim=True) / self.width - mean * mean
        inverse = torch.rsqrt(variance.clamp_min(0) + self.epsilon)
        normal = (x - mean) * inverse
        y = normal * gain + p[f"{self.name}.bias"]

        def backward(gy: Tensor, g: Views, wants_input: bool) -> Tensor | None:
            torch.sum(gy * normal, 1, keepdim=True, out=g[f"{self.name}.gain"])
            torch.sum(gy, 1, keepdim=True, out=g[f"{self.name}.bias"])
            if not wants_input:
                return None
            gn = gy * gain
            inner = (gn * normal).sum(2, keepdim=True) / self.width
            gx = (gn - gn.sum(2, keepdim=True) / self.width - normal * inner) * inverse
            return _clear_padding(gx, self.width)

        return y, backward


def _clear_padding(x: Tensor, width: int) -> Tensor:
    if width < x.shape[2]:
        x[:, :, width:] = 0
    return x
