"""What each activation gives for some rows, as histograms: a few numbers, however large the network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from retemper.doctor.observe.forward import RECTIFYING, SATURATING
from retemper.doctor.observe.traceless import call, evaluating, inside, traceless, uncompiled

BINS, MOST_PLACES, MOST_VALUES = 40, 60, 200_000
SHOWN = RECTIFYING | set(SATURATING)


@dataclass(frozen=True)
class Histogram:
    """Values of one activation.

    Args:
        name: as PyTorch calls it.
        low, high: least and largest value.
        counts: of values in equal bins from ``low`` to ``high``.
        zeros: share of values that are exactly zero.
    """

    name: str
    low: float
    high: float
    counts: tuple[int, ...]
    zeros: float


def activations(network: nn.Module, rows: Any) -> tuple[Histogram, ...]:
    """Histograms of all activations in the order of the calls, for one pass in evaluation mode.

    Args:
        network: any module; compiled parts run as they were written, of scripted ones nothing is seen.
        rows: what it takes.

    Raises:
        Exception: whatever the network raises.

    >>> own = activations(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.zeros(5, 3))
    >>> own[0].name, sum(own[0].counts)
    ('relu', 20)
    """
    network = inside(network)
    with evaluating(network), traceless(), uncompiled():
        return caught(lambda: call(network, rows))


def caught(
    forward: Callable[[], Any], names: Collection[str] = SHOWN, widths: Sequence[int] = ()
) -> tuple[Histogram, ...]:
    """Histograms of all activations that are called meanwhile.

    Args:
        forward: runs a network.
        names: of the functions, as PyTorch calls them.
        widths: units of each activation, where the arrays are wider than these; none: as wide as they are.

    >>> caught(lambda: torch.relu(torch.tensor([[-1.0, 2.0, 0.0]])), widths=[2])[0].zeros
    0.5
    """
    found: list[Histogram] = []
    with torch.no_grad(), _Catcher(found, names, widths):
        forward()
    return tuple(found)


class _Catcher(TorchFunctionMode):
    def __init__(self, found: list[Histogram], names: Collection[str], widths: Sequence[int]) -> None:
        super().__init__()
        self._found, self._names, self._widths = found, names, widths

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if (
            name in self._names
            and isinstance(result, Tensor)
            and result.numel()
            and len(self._found) < MOST_PLACES
        ):
            place = len(self._found)
            own = result[..., : self._widths[place]] if place < len(self._widths) else result
            self._found.append(_histogram(name, own))
        return result


def _histogram(name: str, values: Tensor) -> Histogram:
    flat = values.detach().flatten()
    flat = flat[:: max(1, len(flat) // MOST_VALUES)].float()
    finite = flat[torch.isfinite(flat)]
    if not len(finite):
        return Histogram(name, float("nan"), float("nan"), (), 0.0)
    low, high = float(finite.min()), float(finite.max())
    counts = torch.histc(finite.cpu(), BINS, low, high) if high > low else torch.tensor([float(len(finite))])
    return Histogram(name, low, high, tuple(int(own) for own in counts), float((finite == 0).float().mean()))
