"""A network that sees each row a little differently while it trains: numbers with noise, images shifted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Augmented(nn.Module):
    """Noise on tables and sequences, shifts of images ``[N, C, H, W]``; in evaluation mode rows come as they are.

    Args:
        network: any module.
        spread: standard deviations of the inputs, to be spread over them.
        noise: in these.
        shift: share of height and width.

    >>> net = Augmented(nn.Identity(), torch.ones(1, 2), 0.1, 0.1).eval()
    >>> net(torch.ones(1, 2)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, network: nn.Module, spread: Tensor, noise: float, shift: float) -> None:
        super().__init__()
        self.spread: Tensor
        self.network, self.noise, self.shift = network, noise, shift
        self.register_buffer("spread", spread)

    def forward(self, x: Tensor) -> Any:
        """As the network's own, of rows changed while training."""
        if not self.training:
            return self.network(x)
        if x.dim() != 4:
            return self.network(x + self.noise * self.spread * torch.randn_like(x))
        down, right = (self._pixels(size) for size in x.shape[2:])
        return self.network(torch.roll(x, (down, right), (2, 3)))

    def _pixels(self, size: int) -> int:
        most = round(self.shift * size)
        return int(torch.randint(-most, most + 1, ()))
