"""A network that is a chain of layers, written anew as such, so that its widths can be changed.

Whether it is one is not guessed from its source: the chain with the same weights must give the same outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retemper.core.records import NotApplicable
from retemper.doctor.observe.forward import evaluating

PLAIN: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(1),
    "log_softmax": lambda: nn.LogSoftmax(1),
}


def as_chain(network: nn.Module, x: Any) -> nn.Sequential:
    """The network as a chain, with its weights copied.

    Args:
        network: any module.
        x: some rows.

    Raises:
        NotApplicable: it is no chain of fully connected layers and activations.

    >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> [type(layer).__name__ for layer in as_chain(net, torch.randn(8, 3))]
    ['Linear', 'ReLU', 'Linear']
    """
    if not isinstance(x, Tensor):
        raise NotApplicable("the network has several inputs")
    layers: list[tuple[nn.Module, Tensor]] = []
    with torch.no_grad(), evaluating(network):
        with _Transcript(layers):
            outputs = network(x)
        chain = nn.Sequential(*(layer for layer, _ in layers)).eval()
        same = bool(layers) and _same(x, chain, [*(result for _, result in layers[:-1]), outputs])
    if not same:
        raise NotApplicable("the network is no chain of fully connected layers and activations")
    return chain.train()


def _same(at: Any, chain: nn.Sequential, results: list[Any]) -> bool:
    """Whether each layer of the chain gives what the network's own gave."""
    try:
        for layer, result in zip(chain, results, strict=True):
            at = layer(at)
            if not torch.allclose(at, result, rtol=1e-3, atol=1e-5, equal_nan=True):
                return False
    except (RuntimeError, TypeError):
        return False
    return True


def widened(chain: nn.Sequential, factor: float, low: int, high: int) -> nn.Sequential:
    """The chain with hidden layers of other widths and new weights as PyTorch draws them.

    Args:
        chain: from :func:`as_chain`.
        factor: of each hidden width.
        low, high: widths are kept within them, but none goes the other way than ``factor``.

    Raises:
        NotApplicable: there is no hidden layer, or all are at the bound.
    """
    linear = [layer for layer in chain if isinstance(layer, nn.Linear)]
    widths = [_width(layer.out_features, factor, low, high) for layer in linear[:-1]]
    if widths == [layer.out_features for layer in linear[:-1]]:
        raise NotApplicable("no hidden layer's width can be changed further")
    layers: list[nn.Module] = []
    inputs, number = linear[0].in_features, 0
    for layer in chain:
        if isinstance(layer, nn.Linear):
            outputs = widths[number] if number < len(widths) else layer.out_features
            layers.append(nn.Linear(inputs, outputs, layer.bias is not None))
            inputs, number = outputs, number + 1
        else:
            layers.append(nn.BatchNorm1d(inputs) if isinstance(layer, nn.BatchNorm1d) else layer)
    return nn.Sequential(*layers)


def _width(width: int, factor: float, low: int, high: int) -> int:
    new = min(max(round(width * factor), low), high)
    return max(new, width) if factor > 1 else min(new, width)


class _Transcript(TorchFunctionMode):
    """Writes down each layer that the forward pass goes through."""

    def __init__(self, layers: list[tuple[nn.Module, Tensor]]) -> None:
        super().__init__()
        self._layers = layers

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name, options = getattr(func, "__name__", ""), kwargs or {}
        result = func(*args, **options)
        layer = _layer(name, args, options)
        if layer is not None:
            self._layers.append((layer, result))
        return result


def _layer(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> nn.Module | None:
    if name == "linear":
        return _linear(*args, **options)
    if name in PLAIN:
        return PLAIN[name]()
    if name == "dropout":
        return nn.Dropout(float(options.get("p", args[1] if len(args) > 1 else 0.5)))
    if name == "batch_norm" and args[0].dim() == 2:
        return _batch_norm(*args, **options)
    return None


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    made.weight.copy_(weight)
    if bias is not None:
        made.bias.copy_(bias)
    return made


def _batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *rest: Any,
    **named: Any,
) -> nn.BatchNorm1d:
    made = nn.BatchNorm1d(x.shape[1])
    assert made.running_mean is not None and made.running_var is not None
    made.running_mean.copy_(mean)
    made.running_var.copy_(variance)
    if weight is not None and bias is not None:
        made.weight.copy_(weight)
        made.bias.copy_(bias)
    return made
