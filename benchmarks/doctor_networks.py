"""Networks from layers written down; the grammar is in doctor_programs.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky": lambda x: F.leaky_relu(x, 0.01),
    "hard_sigmoid": F.hardsigmoid,
    "exp": torch.exp,
    "softmax": lambda x: torch.softmax(x, 1),
    "softmax_rows": lambda x: torch.softmax(x, 0),
    "log_softmax": lambda x: torch.log_softmax(x, 1),
    "flatten": lambda x: x.flatten(1),
    "mean": lambda x: x.mean(1),
    "last": lambda x: x[0][:, -1],
    "first_column": lambda x: x[:, 0],
    "detach": lambda x: x.detach(),
    "scrambled": lambda x: x.T.reshape(x.shape),
}


class Function(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def built(items: Sequence[str], init: str, x: Tensor) -> nn.Module:
    """The network for inputs like `x`, its weights drawn from PyTorch's generator."""
    layers: list[nn.Module] = []
    at = x[:2]
    for item in items:
        layers += layer_of(item, at)
        with torch.no_grad():
            at = nn.Sequential(*layers)(x[:2])
    network = nn.Sequential(*layers)
    first, _, rest = init.split(",")[0].rpartition(" ")
    weighted = [module for module in network if isinstance(module, nn.Linear | nn.Conv2d)]
    for place, module in enumerate(weighted):
        start(module, "glorot_uniform" if first and place else rest)
    return network


def layer_of(item: str, at: Tensor) -> list[nn.Module]:
    """The modules of one item of the grammar, for inputs like `at`."""
    name, _, rest = item.partition(":")
    numbers = [part for part in rest.split(",") if part]
    width = at.shape[1] if isinstance(at, Tensor) and at.dim() > 1 else 1
    if name == "dense":
        return [nn.Linear(at.shape[-1], int(numbers[0]), bias="nobias" not in numbers)]
    if name == "conv":
        return [
            nn.Conv2d(width, int(numbers[0]), int(numbers[1]), padding="same" if "same" in numbers else 0)
        ]
    if name in ("gru", "lstm"):
        return [
            getattr(nn, name.upper())(at.shape[-1], int(numbers[0]), batch_first=True),
            Function(ACTIVATIONS["last"]),
        ]
    if name == "embedding":
        return [nn.Embedding(int(numbers[0]), int(numbers[1]))]
    if name == "maxpool":
        return [nn.MaxPool2d(int(numbers[0]))]
    if name == "dropout":
        return [nn.Dropout(float(numbers[0]))]
    if name == "dropout_always":
        return [Function(partial(F.dropout, p=float(numbers[0])))]
    if name == "batchnorm":
        return [nn.BatchNorm2d(width) if at.dim() == 4 else nn.BatchNorm1d(width)]
    if name == "layernorm":
        return [nn.LayerNorm(at.shape[-1])]
    return [Function(ACTIVATIONS[name])]


def start(layer: nn.Linear | nn.Conv2d, init: str) -> None:
    """Weights by Keras' names for initialisers, ``first_conv NAME`` in the first layer alone; biases 0.

    ``torch`` leaves PyTorch's own.
    """
    name, _, number = init.partition(":")
    if name == "torch":
        return
    weight, value = layer.weight, float(number or 0.05)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    inputs = weight[0].numel()
    draw: dict[str, Callable[[], Any]] = {
        "glorot_uniform": lambda: nn.init.xavier_uniform_(weight),
        "he_normal": lambda: nn.init.kaiming_normal_(weight),
        "he_uniform": lambda: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
        "lecun_uniform": lambda: nn.init.uniform_(weight, -math.sqrt(3 / inputs), math.sqrt(3 / inputs)),
        "uniform": lambda: nn.init.uniform_(weight, -value, value),
        "normal": lambda: nn.init.normal_(weight, 0, value),
        "trunc_normal": lambda: nn.init.trunc_normal_(weight, 0, value),
        "zeros": lambda: nn.init.zeros_(weight),
        "constant": lambda: nn.init.constant_(weight, value),
    }
    draw[name]()
