"""What a network does to rows, call by call: followed through PyTorch's own dispatch, whatever the module looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retemper.doctor.case import Operation

FOLLOWED = frozenset(
    """linear bilinear conv1d conv2d conv3d matmul addmm lstm gru embedding relu relu_ relu6 leaky_relu elu selu celu gelu
    silu mish softplus softsign hardtanh hardsigmoid hardswish tanh sigmoid logsigmoid exp softmax log_softmax dropout
    dropout1d dropout2d dropout3d alpha_dropout batch_norm layer_norm group_norm instance_norm max_pool1d max_pool2d
    avg_pool1d avg_pool2d scaled_dot_product_attention""".split()
)
SATURATING = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "hardtanh": (-1.0, 1.0)}
RECTIFYING = frozenset({"relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"})
NEAR = 0.01
"""Of the range of an activation, the share at each end where it is flat."""


@dataclass
class Followed:
    """A forward pass.

    Args:
        outputs: of the network.
        operations: in the order of the calls.
        dead: by an activation's place among the operations the share of its units that are zero for all rows.
        saturated: the same of values in the flat ends of a bounded activation.
    """

    outputs: Any
    operations: list[Operation] = field(default_factory=list)
    dead: dict[int, float] = field(default_factory=dict)
    saturated: dict[int, float] = field(default_factory=dict)


def follow(network: nn.Module, rows: Any) -> Followed:
    """One pass in evaluation mode, without gradients; the network's modes and PyTorch's generator stay as they are.

    Args:
        network: any module; of one that was compiled or scripted only the outputs are seen.
        rows: what it takes, a tensor or a tuple of arguments.

    >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(1))
    >>> [(each.name, each.axis) for each in follow(net, torch.zeros(5, 3)).operations]
    [('linear', None), ('relu', None), ('linear', None), ('softmax', 1)]
    """
    found = Followed(None)
    with torch.no_grad(), evaluating(network), torch.random.fork_rng(devices=[]), _Follower(found):
        found.outputs = network(*rows) if isinstance(rows, tuple) else network(rows)
    return found


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards each module's own mode again."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


class _Follower(TorchFunctionMode):
    def __init__(self, found: Followed) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in FOLLOWED:
            self._note(name, result[0] if isinstance(result, tuple) else result, args, kwargs or {})
        return result

    def _note(self, name: str, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not isinstance(result, Tensor) or not result.dim():
            return
        found, place = self._found, len(self._found.operations)
        axis, rate = None, 0.0
        if name in ("softmax", "log_softmax"):
            given = kwargs.get("dim", args[1] if len(args) > 1 else None)
            axis = (1 if result.dim() > 1 else 0) if given is None else given % result.dim()
        if "dropout" in name:
            rate = float(kwargs.get("p", args[1] if len(args) > 1 else 0.5))
        found.operations.append(Operation(name, tuple(result.shape), axis, rate))
        if name in RECTIFYING and result.dim() > 1:
            units = result.transpose(0, 1).flatten(1) if result.dim() > 2 else result.T
            found.dead[place] = float((units == 0).all(1).float().mean())
        if name in SATURATING:
            low, high = SATURATING[name]
            near = NEAR * (high - low)
            found.saturated[place] = float(((result < low + near) | (result > high - near)).float().mean())
