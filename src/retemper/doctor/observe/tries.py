"""Small tries on a copy of a network: can it learn a few rows by heart, and does it look at its inputs at all?"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import Sample
from retemper.doctor.observe.loss_kind import LossFunction, ask
from retemper.doctor.observe.outputs import first_tensor
from retemper.doctor.observe.rows import Rows, changed, first_rows
from retemper.doctor.observe.traceless import call, traceless

ROWS, STEPS = 16, 150
RATES = (0.01, 0.001, 0.1)
"""Of Adam, whatever the training's own optimizer: the others where it learns too little, for far targets."""
LEARNT = 0.1
"""Of the trivial loss: less needs no more steps."""
HALF = 0.5
"""Of the trivial loss: with more left another rate is tried."""
FEWEST_STEPS = 30
SAME = 1e-6
"""Outputs that differ by no more of their size are the same."""
CALLS, PRODUCTS = 20_000, 4e9
"""What a try may cost: calls of operations, and products by weights; both take some .3 s forward and backward."""


def try_sample(
    network: nn.Module, loss: LossFunction, rows: Rows, price: tuple[int, float], alike: tuple[str, ...]
) -> Sample:
    """Train a copy on a few rows by Adam.

    Dropout is off and batch normalisation on, so that what is asked for is learning by heart. The number of steps
    follows from what a step costs, not from a clock, so that the same network is always tried alike.

    Args:
        network: a copy before training, that is left trained.
        loss: of (outputs, targets).
        rows: training rows in a random order; the first ``ROWS`` are learnt.
        price: operations and products by weights of one row's pass.
        alike: names of weights that begin alike.

    Raises:
        NotApplicable: no parameter can be trained, or the network is too large to be tried in a moment.
    """
    few = first_rows(rows, ROWS)
    calls, products = price
    steps = min(STEPS, int(CALLS / max(calls, 1)), int(PRODUCTS / max(products * len(few[1]) * 3, 1.0)))
    if steps < FEWEST_STEPS:
        raise NotApplicable("the network is too large to be tried on a few rows in a moment")
    learning = [own for own in network.parameters() if own.requires_grad]
    if not learning:
        raise NotApplicable("no parameter of the network can be trained")
    start = {name: own.clone() for name, own in network.state_dict().items()}
    with traceless(), torch.enable_grad():
        _without_dropout(network)
        trivial = _trivial(network, loss, few)
        first, last, best = math.nan, math.inf, start
        for rate in RATES:
            network.load_state_dict(start)
            begun, reached = _learn(network, learning, loss, few, rate, steps, LEARNT * trivial)
            first = begun if rate == RATES[0] else first
            if reached < last:
                last, best = reached, {name: own.clone() for name, own in network.state_dict().items()}
            if last <= HALF * trivial:
                break
        network.load_state_dict(best)
        blind = _blind(network, loss, few)
    return Sample(first, last, trivial=trivial, blind=blind, copies=_copies(network, alike))


def _learn(
    network: nn.Module,
    learning: list[nn.Parameter],
    loss: LossFunction,
    few: Rows,
    rate: float,
    steps: int,
    enough: float,
) -> tuple[float, float]:
    """The loss at the start, and the lowest of the last fifth of the steps, or of the first that is enough."""
    optimizer = torch.optim.Adam(learning, rate)
    x, y = few
    losses: list[float] = []
    for _ in range(steps):
        value = loss(call(network, x), y)
        losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]) or losses[-1] <= enough:
            break
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return losses[0], min(losses[-max(1, len(losses) // 5) :]) if math.isfinite(losses[-1]) else math.nan


def _without_dropout(network: nn.Module) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0  # type: ignore[assignment]  # of recurrent layers and attention


def _trivial(network: nn.Module, loss: LossFunction, few: Rows) -> float:
    with torch.no_grad():
        return ask(loss, call(network, few[0]), few[1]).trivial


def _blind(network: nn.Module, loss: LossFunction, few: Rows) -> float:
    """The loss of outputs for the true inputs as a share of that for each row's neighbour's."""
    x, y = few
    with torch.no_grad():
        outputs, others = call(network, x), call(network, changed(x, lambda part: part.roll(1, 0)))
        own, other = first_tensor(outputs), first_tensor(others)
        if own is None or other is None or not bool(torch.isfinite(own).all()):
            return math.nan
        if bool((own - other).abs().max() <= SAME * own.abs().max()):
            return 1.0
        true, swapped = float(loss(outputs, y)), float(loss(others, y))
    return true / swapped if swapped > 0 and true >= 0 else math.nan


def _copies(network: nn.Module, alike: tuple[str, ...]) -> tuple[str, ...]:
    """Of some weights those whose units are copies of each other."""
    named = dict(network.named_parameters())
    return tuple(name for name in alike if name in named and _one_unit(named[name].detach()))


def _one_unit(weight: Tensor) -> bool:
    apart = (weight - weight[:1]).abs().max()
    return bool(apart <= 1e-5 * weight.abs().max().clamp_min(1e-12))
