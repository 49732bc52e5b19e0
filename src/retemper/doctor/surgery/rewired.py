"""A network some of whose calls are done otherwise, however its forward pass is written.

Calls are intercepted through PyTorch's own dispatch and counted as the doctor counts them, so ``F.relu`` in the middle
of a hand-written ``forward`` can be replaced as well as a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retemper.doctor.observe.forward import FOLLOWED


class Rewired(nn.Module):
    """A network with some calls replaced; it trains, saves and copies as any module.

    Args:
        network: any module whose forward pass makes the same calls each time.
        instead: by a call's place, what is done to its first argument in its stead.
        after: by a call's place, what is done to its result.
        skips: by a call's place, that of an earlier call whose result is added.
        final: what is done to the outputs.

    >>> import torch
    >>> net = nn.Sequential(nn.Linear(2, 1), nn.Softmax(1))
    >>> mended = Rewired(net, instead={1: nn.Sigmoid()})
    >>> bool((mended(torch.randn(5, 2)) == 1).any())
    False
    """

    def __init__(
        self,
        network: nn.Module,
        instead: Mapping[int, nn.Module] | None = None,
        after: Mapping[int, nn.Module] | None = None,
        skips: Mapping[int, int] | None = None,
        final: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.instead = nn.ModuleDict({str(place): own for place, own in (instead or {}).items()})
        self.after = nn.ModuleDict({str(place): own for place, own in (after or {}).items()})
        self.skips = dict(skips or {})
        self.final = final or nn.Identity()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the network's own."""
        with _Rewiring(self):
            outputs = self.network(*args, **kwargs)
        return self.final(outputs)


class _Rewiring(TorchFunctionMode):
    def __init__(self, rewired: Rewired) -> None:
        super().__init__()
        self._rewired, self._place = rewired, 0
        self._kept: dict[int, Tensor] = {}
        self._wanted = frozenset(rewired.skips.values())

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__name__", "") not in FOLLOWED:
            return func(*args, **(kwargs or {}))
        own, place = self._rewired, self._place
        key = str(place)
        result = own.instead[key](args[0]) if key in own.instead else func(*args, **(kwargs or {}))
        if not isinstance(result, Tensor):
            self._place += isinstance(result, tuple) and bool(result[0].dim())
            return result
        self._place += bool(result.dim())
        if key in own.after:
            result = own.after[key](result)
        if place in own.skips:
            result = result + self._kept[own.skips[place]]
        if place in self._wanted:
            self._kept[place] = result
        return result
