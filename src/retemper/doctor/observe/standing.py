"""How good a network is in the end, against the best that knows nothing of the inputs."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from retemper.doctor.case import Standing, Task, Wants
from retemper.doctor.observe.forward import follow
from retemper.doctor.observe.loss_kind import LossFunction, ask
from retemper.doctor.observe.reference import TREES, references
from retemper.doctor.observe.shares import shares
from retemper.doctor.observe.start import first_tensor


def standing_of(
    network: nn.Module,
    rows: tuple[Any, Tensor],
    loss: LossFunction | None,
    wants: Wants,
    task: Task,
    held_out: bool,
    reference: float = math.nan,
) -> Standing:
    """The standing on some rows.

    Args:
        network: trained.
        rows: inputs and targets.
        loss: of (outputs, targets); None: only the share of right classes is known.
        wants: what the loss wants of the outputs.
        task: of the training.
        held_out: the rows were not trained on.
        reference: skill of the better of two simple models, see :func:`best_reference`.
    """
    x, y = rows
    outputs = first_tensor(follow(network, x).outputs)
    if outputs is None:
        return Standing(math.nan, math.nan, held_out=held_out)
    facts = ask(loss, outputs, y) if loss is not None else None
    axis = facts.axis if facts else 1
    accuracy, majority = shares(outputs, y, wants, axis) if task != "regression" else (math.nan, math.nan)
    value, trivial = (facts.initial, facts.trivial) if facts else (math.nan, math.nan)
    explained = _explained(outputs, y) if task == "regression" else math.nan
    return Standing(value, trivial, accuracy, majority, held_out, explained, reference)


def best_reference(
    learnt: tuple[Any, Tensor] | None, rows: tuple[Any, Tensor], task: Task, trees: int = TREES
) -> float:
    """The higher skill of two simple models; NaN where there is none.

    Args:
        learnt: training rows, where the others were held out; None: half of the others are learnt.
        rows: to be judged by.
        task: of the training.
        trees: of the forest.
    """
    held_x, held_y = rows
    if not isinstance(held_x, Tensor):
        return math.nan
    if learnt is None:
        half = len(held_y) // 2
        learnt, (held_x, held_y) = (held_x[:half], held_y[:half]), (held_x[half:], held_y[half:])
    held_y = held_y.detach().cpu()
    skills = []
    for own in references(learnt[0], learnt[1], held_x, trees):
        told = shares(own, held_y, "probabilities") if task != "regression" else (math.nan, math.nan)
        explained = _explained(own, held_y) if task == "regression" else math.nan
        skills.append(Standing(math.nan, math.nan, *told, explained=explained).skill)
    return max((skill for skill in skills if not math.isnan(skill)), default=math.nan)


def _explained(outputs: Tensor, y: Tensor) -> float:
    """R² of the outputs; targets of another shape are taken in the outputs' where they are as many."""
    if outputs.numel() != y.numel() or not len(y):
        return math.nan
    truth = y.detach().double().reshape(len(y), -1)
    around = float(((truth - truth.mean(0)) ** 2).sum())
    left = float(((truth - outputs.double().reshape(truth.shape)) ** 2).sum())
    if around <= 0:
        return math.nan
    return 1 - left / around if math.isfinite(left) else -math.inf
