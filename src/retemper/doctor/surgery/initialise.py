"""Weights drawn anew so that signals keep their size from layer to layer, whatever the activations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retemper.doctor.observe.forward import evaluating

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
LEAST = 1e-6


def unit_variance(network: nn.Module, x: Any) -> int:
    """Layer-sequential unit variance: orthogonal weights, scaled so that each layer's outputs have variance 1.

    Mishkin & Matas 2016, "All you need is a good init". Biases become 0. It draws from PyTorch's own generator.

    Args:
        network: any module; its linear and convolutional layers are changed in place.
        x: some rows.

    Returns:
        how many layers were drawn anew.
    """
    layers = [module for module in network.modules() if isinstance(module, LAYERS) and _own(module)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    handles = [layer.register_forward_hook(_to_unit) for layer in layers]
    try:
        with torch.no_grad(), evaluating(network):
            network(*x) if isinstance(x, tuple) else network(x)
    finally:
        for handle in handles:
            handle.remove()
    return len(layers)


def _own(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, nn.Parameter) and weight.requires_grad and weight.dim() > 1


def _to_unit(layer: nn.Module, inputs: Any, outputs: Tensor) -> Tensor:
    spread = float(outputs.std())
    if not LEAST < spread < 1 / LEAST:
        return outputs
    weight = layer.weight
    assert isinstance(weight, Tensor)
    weight.div_(spread)
    return outputs / spread
