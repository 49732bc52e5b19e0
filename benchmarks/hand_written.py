"""The shortest PyTorch training of an MLP that a person would write: the mark for the loop and the stack."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


def mlp(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them; ``widths`` from the inputs to the outputs."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(
    widths: Sequence[int], x: Tensor, y: Tensor, batch_size: int, epochs: int, *, fused: bool
) -> nn.Sequential:
    """AdamW over shuffled batches. ``fused`` takes PyTorch's fused kernel, else its default.

    The losses are not even looked at: ``loss.item()`` would cost this loop a little more.
    """
    model = mlp(widths)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=fused or None)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch_size):  # type: ignore[no-untyped-call]  # PyTorch's own
            loss = cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
            optimizer.step()
    return model
