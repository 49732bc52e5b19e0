"""What a loss wants of the outputs: it is asked by made-up outputs, so that any callable can be judged.

A softmax inside makes a loss blind to a constant added to a row's outputs; one that works on probabilities complains
of numbers beyond 0 and 1, or cuts them off there; one of values is zero where outputs are the targets.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from retemper.doctor.case import LossFacts, Wants

LossFunction = Callable[[Any, Any], Any]
CLOSE = 1e-3


def ask(loss: LossFunction, outputs: Tensor, target: Tensor) -> LossFacts:
    """Facts of a loss, beside its value for the outputs at hand.

    Args:
        loss: any callable of (outputs, target) that gives one number.
        outputs: of the network for some rows.
        target: of the same rows.

    >>> outputs, target = torch.randn(40, 3), torch.arange(40) % 3
    >>> ask(torch.nn.CrossEntropyLoss(), outputs, target).wants
    'logits'
    >>> ask(torch.nn.MSELoss(reduction="sum"), outputs, outputs + 1).wants
    'values'
    """
    outputs = outputs.detach().float()
    asked = _Asked(loss, target)
    wants = _wants(asked, outputs)
    return LossFacts(
        wants=wants,
        sums=_sums(loss, outputs, target),
        broadcasts=_broadcasts(asked, outputs),
        trivial=_trivial(asked, outputs, wants == "log_probabilities"),
        initial=asked(outputs),
    )


class _Asked:
    """The loss of outputs as a number; NaN where it refuses them."""

    def __init__(self, loss: LossFunction, target: Tensor) -> None:
        self.loss, self.target = loss, target

    def __call__(self, outputs: Tensor, target: Tensor | None = None) -> float:
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                return float(self.loss(outputs, self.target if target is None else target))
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            return float("nan")


def _wants(asked: _Asked, outputs: Tensor) -> Wants:
    noise = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0))
    if outputs.dim() > 1 and outputs.shape[1] > 1:
        found = _of_classes(asked, noise)
        if found != "unknown":
            return found
    return _of_values(asked, noise)


def _of_classes(asked: _Asked, noise: Tensor) -> Wants:
    base, moved = asked(noise), asked(noise + 3)
    if not _same(base, moved) and _same(base - moved, 3) and _linear(asked, noise):
        return "log_probabilities"
    if _same(base, moved) and not _same(base, asked(2 * noise)):
        return "logits"
    p = torch.softmax(noise, 1)
    if _same(asked(p), asked(2 * p)) and not _same(asked(p), asked(p.flip(0))):
        return "probabilities"  # made to sum to 1 before the logarithm is taken
    return "unknown"


def _linear(asked: _Asked, noise: Tensor) -> bool:
    return _same(asked(noise) + asked(-noise), 0)


def _of_values(asked: _Asked, noise: Tensor) -> Wants:
    target = asked.target
    beyond, far = asked(noise * 0 + 1.5), asked(noise * 0 + 2.5)
    if math.isnan(beyond) and not math.isnan(asked(torch.sigmoid(noise))):
        return "probabilities"  # refused beyond 1
    inside = asked(torch.sigmoid(noise))
    if _same(beyond, far) and math.isfinite(inside) and not _same(inside, beyond):
        return "probabilities"  # cut off at 1
    for values in _as_outputs(target, noise):
        exact, above, below, twice = (asked(values + d) for d in (0.0, 0.3, -0.3, 0.6))
        if _same(exact, 0) and above > 0 and _same(above, below) and twice > above:
            return "values"
    if _same(asked(noise * 0), math.log(2)) and asked(noise * 0 + 20) != asked(noise * 0):
        return "logits"
    return "unknown"


def _as_outputs(target: Tensor, like: Tensor) -> list[Tensor]:
    """The targets as outputs of the network's own shape, or of theirs where the loss takes only that."""
    if target.numel() != like.numel():
        return []
    own = target.detach().float()
    return [own.reshape(like.shape), own]


def _sums(loss: LossFunction, outputs: Tensor, target: Tensor) -> bool:
    once = _Asked(loss, target)(outputs)
    both = _Asked(loss, torch.cat([target, target]))(torch.cat([outputs, outputs]))
    return abs(once) > CLOSE and _same(both, 2 * once)


def _broadcasts(asked: _Asked, outputs: Tensor) -> bool:
    """Permuted targets would change any loss that holds each output against its own."""
    if len(asked.target) < 3 or bool((asked.target == asked.target[0]).all()):
        return False
    noise = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1)).sigmoid()
    order = torch.randperm(len(asked.target), generator=torch.Generator().manual_seed(2))
    own, permuted = asked(noise), asked(noise, asked.target[order])
    varies = not _same(own, asked(noise * 0.5))
    return varies and math.isfinite(own) and math.isclose(own, permuted, rel_tol=1e-6)


def _trivial(asked: _Asked, outputs: Tensor, logs: bool) -> float:
    """The least loss of one output for all rows, found by gradient descent from where the outputs are on average."""
    best = float("inf")
    for start in (outputs.mean(0, keepdim=True), torch.full_like(outputs[:1], 0.5)):
        constant = start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([constant], max_iter=100, line_search_fn="strong_wolfe")

        def closure(constant: Tensor = constant, optimizer: torch.optim.LBFGS = optimizer) -> Tensor:
            optimizer.zero_grad()
            value: Tensor = asked.loss(_for_all(constant, outputs, logs), asked.target)
            value.backward()  # type: ignore[no-untyped-call]
            return value

        try:
            with warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")
                optimizer.step(closure)  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            continue
        best = min(best, asked(_for_all(constant.detach(), outputs, logs)))
    return best if math.isfinite(best) else float("nan")


def _for_all(constant: Tensor, outputs: Tensor, logs: bool) -> Tensor:
    return (torch.log_softmax(constant, 1) if logs else constant).expand(outputs.shape)


def _same(a: float, b: float) -> bool:
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= CLOSE * max(1.0, abs(a), abs(b))
