"""Scaling inside the network, so that rows and predictions outside keep their own units."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retemper.doctor.observe.loss_kind import LossFunction

LEAST = 1e-12


class _Scaled(nn.Module):
    """A network with the centre and the spread of what it is given or gives."""

    def __init__(self, network: nn.Module, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.network = network
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)


class ScaledInputs(_Scaled):
    """A network that sees (x − centre) / spread.

    >>> net = ScaledInputs(nn.Identity(), torch.tensor([[10.0]]), torch.tensor([[5.0]]))
    >>> float(net(torch.tensor([[20.0]])))
    2.0
    """

    def forward(self, x: Tensor) -> Any:
        """As the network's own, of scaled inputs."""
        return self.network((x - self.centre) / self.spread)


class ScaledOutputs(_Scaled):
    """A network whose outputs are brought to the targets' units: centre + spread · output.

    >>> net = ScaledOutputs(nn.Identity(), torch.tensor(10.0), torch.tensor(5.0))
    >>> float(net(torch.tensor(2.0)))
    20.0
    """

    def forward(self, *args: Any) -> Any:
        """As the network's own, in the targets' units."""
        return self.centre + self.spread * self.network(*args)


class ScaledLoss(nn.Module):
    """A loss of outputs and targets in standard deviations of the targets."""

    def __init__(self, loss: LossFunction, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.loss, self.centre, self.spread = loss, centre, spread

    def forward(self, outputs: Tensor, target: Tensor) -> Any:
        """The loss where both are scaled."""
        return self.loss((outputs - self.centre) / self.spread, (target - self.centre) / self.spread)


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column; of images and sequences, of each channel.

    Tables ``[N, D]`` and images ``[N, C, H, W]`` have theirs on axis 1, sequences ``[N, T, C]`` on the last. What
    does not vary keeps its scale.

    >>> [each.tolist() for each in moments(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))]
    [[[2.0, 5.0]], [[1.0, 1.0]]]
    """
    own = 2 if values.dim() == 3 else 1
    others = [axis for axis in range(values.dim()) if axis != own]
    centre = values.double().mean(others, keepdim=True)
    spread = values.double().std(others, keepdim=True, unbiased=False)
    spread = torch.where(spread > LEAST * centre.abs().clamp_min(1), spread, torch.ones_like(spread))
    return centre.to(values.dtype), spread.to(values.dtype)
