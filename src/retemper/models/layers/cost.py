"""What a network costs: the multiply-adds of its products, whatever its architecture."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from retemper.models.layers.network import Network
from retemper.models.layers.parameter import ROW_LANE, padded

STEP_PASSES = 3
"""A step of training takes as many multiply-adds as three passes forward."""


class _Products(TorchFunctionMode):
    """Counts the multiply-adds of batched products; PyTorch's own counter takes a second to import."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0.0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.bmm, torch.baddbmm):
            left, right = args[-2:]
            self.count += float(left.numel() * right.shape[2])
        return func(*args, **(kwargs or {}))


def multiply_adds(network: Network, dense: int, codes: int = 0) -> float:
    """Multiply-adds of a forward pass, per row of a member; a step of training takes three times as many.

    They are counted, not estimated, in a pass over one lane of rows of zeros: copies and tokens are counted as often
    as they are computed. Elementwise work is not: it grows with the rows and widths.

    Args:
        network: any.
        dense: columns of the dense part.
        codes: columns of level codes.

    >>> from retemper.models.layers.build import network_of
    >>> from retemper.models.layers.inputs import InputShape
    >>> network = network_of({"name": "mlp", "width": 32, "depth": 2}, InputShape(16, 8), 3)
    >>> multiply_adds(network, 16) == 16 * 32 + 32 * 32 + 32 * 3
    True
    """
    views = {p.name: torch.zeros((1, *p.stored)) for p in network.parameters}
    x = torch.zeros((1, ROW_LANE, padded(dense)))
    levels = torch.zeros((1, ROW_LANE, codes), dtype=torch.int64)
    with torch.no_grad(), _Products() as products:
        network.forward(views, x, levels)
    return float(products.count / ROW_LANE)
