"""What a loss wants of the outputs: it is asked by made-up outputs, so that any callable can be judged.

A softmax inside makes a loss blind to a constant added to a row's outputs; one that works on probabilities complains
of numbers beyond 0 and 1, or cuts them off there; one of values is least where outputs are the targets; one of a
single logit grows by straight lines on both sides; one of margins (a hinge) does so between −1 and 1, too. What is
added to the loss, whatever the outputs are (a penalty of the weights, say), does not matter: only differences are
looked at.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from retemper.core.records import NotApplicable
from retemper.doctor.case import LossFacts, Wants
from retemper.doctor.observe.outputs import first_tensor, with_tensor
from retemper.doctor.observe.traceless import traceless

LossFunction = Callable[[Any, Any], Any]
CLOSE = 1e-3
MOST_NUMBERS = 50_000
"""Outputs that a loss is asked about: rows are left out beyond it, so that wide ones cost no more."""


def ask(loss: LossFunction, outputs: Any, target: Tensor) -> LossFacts:
    """Facts of a loss, beside its value for the outputs at hand.

    Args:
        loss: any callable of (outputs, target) that gives one number.
        outputs: of the network for some rows: a tensor, or an object that holds one and that the loss takes.
        target: of the same rows.

    Raises:
        NotApplicable: there is no tensor among the outputs, or the loss takes none of those that were tried.

    >>> outputs, target = torch.randn(40, 3), torch.arange(40) % 3
    >>> ask(torch.nn.CrossEntropyLoss(), outputs, target).wants
    'logits'
    >>> ask(torch.nn.MSELoss(reduction="sum"), outputs, outputs + 1).wants
    'values'
    """
    own = first_tensor(outputs)
    if own is None:
        raise NotApplicable("the network gives no tensor that could be told for its outputs")
    with traceless():
        asked = _Asked(private(loss), outputs, target)
        initial = asked(own)
        few, fewer = _fewer(asked, own)
        wants, axis = _wants(few, fewer)
        if wants == "unknown" and math.isnan(initial) and asked.refused:
            raise NotApplicable(f"the loss could not be asked: {asked.refused}")
        return LossFacts(
            wants=wants,
            sums=_sums(few, fewer),
            broadcasts=_broadcasts(few, fewer),
            trivial=_trivial(few, fewer, axis if wants == "log_probabilities" else 0),
            initial=initial,
            even=_even(few, fewer, wants, axis),
            axis=axis,
        )


def private(loss: LossFunction) -> LossFunction:
    """A copy of a loss that is a module: what it counts or averages goes on as if it had not been asked."""
    if not isinstance(loss, nn.Module):
        return loss
    try:
        return copy.deepcopy(loss)
    except Exception:  # whatever a module does not let be copied: it is asked itself
        return loss


class _Asked:
    """The loss of outputs as a number; NaN where it refuses them."""

    def __init__(self, loss: LossFunction, whole: Any, target: Tensor) -> None:
        self.loss, self.whole, self.target = loss, whole, target
        self.refused = ""

    def __call__(self, outputs: Tensor, target: Tensor | None = None) -> float:
        try:
            with torch.no_grad():
                return float(self.tensor(outputs, self.target if target is None else target))
        except Exception as error:  # a person's own code may raise anything
            self.refused = f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
            return float("nan")

    def tensor(self, outputs: Tensor, target: Tensor) -> Any:
        """What the loss says of the tensor in the place of the network's own."""
        return self.loss(with_tensor(self.whole, outputs), target)


def _fewer(asked: _Asked, outputs: Tensor) -> tuple[_Asked, Tensor]:
    """The same question of every so-manieth row, where outputs are wide."""
    rows, per_row = len(outputs), max(1, outputs[0].numel()) if len(outputs) else 1
    step = -(-rows * per_row // MOST_NUMBERS)
    if step <= 1 or len(asked.target) != rows or not isinstance(asked.whole, Tensor):
        return asked, outputs
    return _Asked(asked.loss, outputs[::step], asked.target[::step]), outputs[::step]


def _noise(like: Tensor, seed: int) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).to(like)


def _wants(asked: _Asked, outputs: Tensor) -> tuple[Wants, int]:
    noise = _noise(outputs, 0)
    axes = [
        axis
        for axis in dict.fromkeys((1, outputs.dim() - 1))
        if outputs.dim() > 1 and outputs.shape[axis] > 1
    ]
    for rule in (_of_scores, _of_shares):
        for axis in axes:
            found = rule(asked, noise, axis)
            if found != "unknown":
                return found, axis
    return _of_one(asked, noise), axes[0] if axes else 1


def _of_scores(asked: _Asked, noise: Tensor, axis: int) -> Wants:
    # A constant of its own for each place tells the axis of the classes from others.
    constant = _noise(noise.narrow(axis, 0, 1), 3) * 3
    base, moved = asked(noise), asked(noise + constant)
    if _same(base, moved) and not _same(base, asked(2 * noise)):
        return "logits"
    if _linear(asked, noise) and not _same(base, asked(noise, asked.target.flip(0))):
        uniform = asked(noise + 3)
        return "log_probabilities" if uniform < base and not _same(uniform, base) else "unknown"
    return "unknown"


def _of_shares(asked: _Asked, noise: Tensor, axis: int) -> Wants:
    p = torch.softmax(noise, axis)
    if _same(asked(p), asked(20 * p)) and not _same(asked(p), asked(p.flip(0))):
        return "probabilities"  # made to sum to 1 before the logarithm is taken
    return "unknown"


def _linear(asked: _Asked, noise: Tensor) -> bool:
    nothing, one, other = asked(noise * 0), asked(noise), asked(-noise)
    return _same(one + other, 2 * nothing) and not _same(one, nothing)


def _of_one(asked: _Asked, noise: Tensor) -> Wants:
    target, flat = asked.target, noise * 0
    inside, beyond, far = asked(torch.sigmoid(noise)), asked(flat + 1.5), asked(flat + 2.5)
    if math.isnan(beyond) and math.isfinite(inside):
        return "probabilities"  # refused beyond 1
    if _same(beyond, far) and math.isfinite(inside) and not _same(inside, beyond):
        return "probabilities"  # cut off at 1
    for values in _as_outputs(target, noise):
        step = 0.3 * max(1.0, float(values.std(unbiased=False)))
        exact, above, below, twice = (asked(values + d * step) for d in (0.0, 1.0, -1.0, 2.0))
        least = (
            math.isfinite(exact) and min(above, below) > exact and twice > above and not _same(above, exact)
        )
        # A loss of logits or margins may have its balance there, too, but does not grow where classes are set further
        # apart.
        apart = asked(values + 2 * (values - values.mean()))
        if least and (apart > exact or not bool((values != values.mean()).any())):
            return "values"
    if not _straight(asked, flat):
        return "unknown"
    return "margins" if _straight_between(asked, flat) else "logits"


def _straight(asked: _Asked, flat: Tensor) -> bool:
    """Whether the loss grows by straight lines on both sides, with a bend between them: one of a single logit."""
    at = {value: asked(flat + value) for value in (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0)}
    if not all(map(math.isfinite, at.values())):
        return False
    right, left = at[40] - at[20], at[-40] - at[-20]
    lines = _same(at[60] - at[40], right) and _same(at[-60] - at[-40], left)
    # All of one class has a side that stays at 0.
    return lines and min(right, left) > -CLOSE and max(right, left) > CLOSE and at[0] * 2 < at[20] + at[-20]


def _straight_between(asked: _Asked, flat: Tensor) -> bool:
    """Whether the loss is a straight line around 0, and another one further out: a hinge; of logits it is a curve."""
    at = {value: asked(flat + value) for value in (-0.8, 0.0, 0.8, 40.0, 60.0)}
    slopes = at[0.0] - at[-0.8], at[0.8] - at[0.0]
    return _same(*slopes) and not _same(slopes[1] / 0.8, (at[60.0] - at[40.0]) / 20)


def _as_outputs(target: Tensor, like: Tensor) -> list[Tensor]:
    """The targets as outputs of the network's own shape, or of theirs where the loss takes only that."""
    if target.numel() != like.numel():
        return []
    own = target.detach().to(like)
    return [own.reshape(like.shape), own]


def _sums(asked: _Asked, outputs: Tensor) -> bool:
    once = asked(outputs)
    if not isinstance(asked.whole, Tensor):
        return False
    twice = _Asked(asked.loss, asked.whole, torch.cat([asked.target, asked.target]))
    return abs(once) > CLOSE and _same(twice(torch.cat([outputs, outputs])), 2 * once)


def _broadcasts(asked: _Asked, outputs: Tensor) -> bool:
    """Whether targets may be permuted among the rows, though they matter, and outputs had better all be alike.

    Losses of sets of rows are the same for permuted targets, too, but are least where outputs are the targets.
    """
    target = asked.target
    if len(target) < 3 or bool((target == target[:1]).all()) or _meets_targets(asked, outputs):
        return False
    noise = _noise(outputs, 1).sigmoid()
    # Two orders: one alone is met by chance now and then (a digits table had both means alike to 1e-7).
    orders = [
        torch.randperm(len(target), generator=torch.Generator().manual_seed(k)).to(target.device)
        for k in (2, 3)
    ]
    own, permuted = asked(noise), [asked(noise, target[order]) for order in orders]
    matters = not _same(own, asked(noise, target[:1].expand_as(target).contiguous())) or not _same(
        own,
        asked(
            noise, target[target.reshape(len(target), -1)[:, 0].argmax()][None].expand_as(target).contiguous()
        ),
    )
    varies = not _same(own, asked(noise * 0.5))
    return (
        matters
        and varies
        and math.isfinite(own)
        and all(math.isclose(own, each, rel_tol=1e-6) for each in permuted)
    )


def _meets_targets(asked: _Asked, outputs: Tensor) -> bool:
    """Whether the targets themselves, as outputs, are better than what they are on average."""
    return any(
        asked(own) < asked(own.mean(0, keepdim=True).expand_as(own))
        for own in _as_outputs(asked.target, outputs)[:1]
    )


def _even(asked: _Asked, outputs: Tensor, wants: Wants, axis: int) -> float:
    classes = outputs.shape[axis] if outputs.dim() > 1 else 1
    if wants in ("logits", "values", "margins"):
        return asked(torch.zeros_like(outputs))
    if wants == "log_probabilities":
        return asked(torch.full_like(outputs, -math.log(classes)))
    if wants == "probabilities":
        return max(asked(torch.full_like(outputs, share)) for share in (1 / max(classes, 2), 0.5))
    return float("nan")


def _trivial(asked: _Asked, outputs: Tensor, logs: int) -> float:
    """The least loss of one output for all rows, found by gradient descent from where the outputs are on average."""
    best = float("inf")
    for start in (outputs.mean(0, keepdim=True), torch.full_like(outputs[:1], 0.5)):
        constant = start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([constant], max_iter=100, line_search_fn="strong_wolfe")

        def closure(constant: Tensor = constant, optimizer: torch.optim.LBFGS = optimizer) -> Tensor:
            optimizer.zero_grad()
            value: Tensor = asked.tensor(_for_all(constant, outputs, logs), asked.target)
            constant.grad = torch.autograd.grad(value, constant)[0]
            return value

        try:
            with torch.enable_grad():
                optimizer.step(closure)  # type: ignore[no-untyped-call]
        except Exception:  # a person's own code may raise anything
            continue
        best = min(best, asked(_for_all(constant.detach(), outputs, logs)))
    return best if math.isfinite(best) else float("nan")


def _for_all(constant: Tensor, outputs: Tensor, logs: int) -> Tensor:
    return (torch.log_softmax(constant, logs) if logs else constant).expand(outputs.shape)


def _same(a: float, b: float) -> bool:
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= CLOSE * max(1.0, abs(a), abs(b))
