"""What a network does to rows, call by call: followed through PyTorch's own dispatch, whatever the module is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retemper.doctor.case import WEIGHTED, Operation
from retemper.doctor.observe.traceless import call, inside, traceless, uncompiled
from retemper.doctor.observe.traceless import evaluating as evaluating

ACTING = frozenset(
    """relu relu_ relu6 leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh hardsigmoid hardswish tanh
    sigmoid logsigmoid prelu rrelu glu clamp threshold exp softmax log_softmax dropout dropout1d dropout2d dropout3d
    alpha_dropout batch_norm layer_norm rms_norm group_norm instance_norm max_pool1d max_pool2d avg_pool1d avg_pool2d
    scaled_dot_product_attention""".split()  # noqa: SIM905
)
FOLLOWED = WEIGHTED | ACTING
SATURATING = {
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "hardtanh": (-1.0, 1.0),
}
RECTIFYING = frozenset(
    """relu relu_ relu6 leaky_relu elu selu celu gelu silu mish softplus""".split()  # noqa: SIM905
)
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
        before_head: what the last product with weights gave; None where none was seen.
    """

    outputs: Any
    operations: list[Operation] = field(default_factory=list)
    dead: dict[int, float] = field(default_factory=dict)
    saturated: dict[int, float] = field(default_factory=dict)
    before_head: Tensor | None = None

    @property
    def products(self) -> float:
        """Multiplications by weights of the pass, as far as they are known."""
        return float(sum(torch.Size(each.shape).numel() * each.inputs for each in self.operations))


def follow(network: nn.Module, rows: Any) -> Followed:
    """One pass in evaluation mode, without gradients; modes, buffers and generators stay as they are.

    Args:
        network: any module; of a scripted one only the outputs are seen, of a compiled one the module inside is asked.
        rows: what it takes: a tensor, a tuple of arguments, or a mapping of arguments by name.

    >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(1))
    >>> [(each.name, each.axis) for each in follow(net, torch.zeros(5, 3)).operations]
    [('linear', None), ('relu', None), ('linear', None), ('softmax', 1)]
    """
    found, network = Followed(None), inside(network)
    with torch.no_grad(), evaluating(network), traceless(), uncompiled(), _Follower(found):
        found.outputs = call(network, rows)
    return found


class _Follower(TorchFunctionMode):
    def __init__(self, found: Followed) -> None:
        super().__init__()
        self._found = found
        self._units = -1

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        name = name if name in FOLLOWED else name.strip("_")
        if name in FOLLOWED:
            self._note(name, result[0] if isinstance(result, tuple) else result, args, kwargs or {})
        return result

    def _note(self, name: str, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not isinstance(result, Tensor) or not result.dim():
            return
        found, place = self._found, len(self._found.operations)
        axis, rate, inputs, acts = None, 0.0, 0, False
        if name in ("softmax", "log_softmax"):
            given = kwargs.get("dim", args[1] if len(args) > 1 else None)
            axis = (1 if result.dim() > 1 else 0) if given is None else int(given) % result.dim()
        if "dropout" in name:
            rate = float(kwargs.get("p", args[1] if len(args) > 1 else 0.5))
            acts = rate > 0 and bool(kwargs.get("training", args[2] if len(args) > 2 else True))
        if name in WEIGHTED:
            self._units = 1 if name.startswith("conv") else -1
            inputs = _inputs(name, args, kwargs)
            found.before_head = result
        found.operations.append(Operation(name, tuple(result.shape), axis, rate, inputs, acts))
        if name in RECTIFYING and result.dim() > 1:
            found.dead[place] = _dead(result, self._units)
        if name in SATURATING:
            low, high = SATURATING[name]
            near = NEAR * (high - low)
            found.saturated[place] = float(((result < low + near) | (result > high - near)).float().mean())


def _dead(result: Tensor, units: int) -> float:
    """Share of units that are zero for every row, and wherever else they are used."""
    axis = units if result.dim() > 2 else -1
    return float((result.movedim(axis, 0).flatten(1) == 0).all(1).float().mean())


def _inputs(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Of one unit of a product with weights; 0 where that can't be told."""
    weight = kwargs.get("weight", args[1] if len(args) > 1 else None)
    if name in ("linear", "matmul", "mm", "bmm"):
        return int(args[0].shape[-1]) if args and isinstance(args[0], Tensor) and args[0].dim() else 0
    if name.startswith("conv") and isinstance(weight, Tensor):
        return int(weight[0].numel())
    return 0
