"""One score for outputs of any head under any loss, so that an original and a repaired network can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from retemper.doctor.case import Task, Wants

WORST = -1.0
LEAST_GAIN = 0.01
"""Of skill; two that differ by less are alike."""


@dataclass(frozen=True)
class Score:
    """How good a network is.

    Args:
        skill: R² of the outputs; of classes that of the probabilities against one-hot targets, the Brier skill score.
            From ``WORST`` (also for outputs that are not finite) to 1; 0: as good as a constant.
        right: share of right classes; of values the skill again.
    """

    skill: float
    right: float


def score_of(outputs: Tensor | None, y: Tensor, task: Task, outputs_are: Wants) -> Score:
    """The score of outputs.

    Args:
        outputs: ``[N]`` or ``[N, C]``; None: the network can't say.
        y: targets.
        task: of the targets.
        outputs_are: what the loss takes them for; what is not known is cut to [0, 1] and counts as probabilities.

    >>> score_of(torch.tensor([[2.0, -2.0], [-2.0, 2.0]]), torch.tensor([0, 1]), "classification", "logits").right
    1.0
    """
    if outputs is None or len(outputs) != len(y) or not bool(torch.isfinite(outputs).all()):
        return Score(WORST, WORST if task == "regression" else 0.0)
    flat = outputs.detach().double()
    flat = flat[:, None] if flat.dim() == 1 else flat
    if task == "regression":
        skill = _skill(flat.flatten(1), y.double().reshape(len(y), -1))
        return Score(skill, skill)
    given = _probabilities(flat, task, outputs_are)
    truth = _shares(y, given)
    if truth is None:
        return Score(WORST, 0.0)
    if task == "multilabel":
        right = ((given > 0.5) == (truth > 0.5)).flatten(1).all(1)
    else:
        right = given.argmax(1) == truth.argmax(1)
    return Score(_skill(given.flatten(1), truth.flatten(1)), float(right.double().mean()))


def _probabilities(outputs: Tensor, task: Task, outputs_are: Wants) -> Tensor:
    each = task == "multilabel" or outputs.shape[1] == 1
    if outputs_are == "logits":
        p = torch.sigmoid(outputs) if each else torch.softmax(outputs, 1)
    else:
        p = (outputs.exp() if outputs_are == "log_probabilities" else outputs).clamp(0, 1)
    if task == "multilabel":
        return p
    if outputs.shape[1] == 1:
        return torch.cat([1 - p, p], 1)
    total = p.sum(1, keepdim=True)
    return torch.where(total > 0, p / total.clamp_min(1e-12), 1 / p.shape[1])


def _shares(y: Tensor, given: Tensor) -> Tensor | None:
    columns = given.shape[1]
    if y.shape == given.shape and y.is_floating_point():
        return y.double()
    codes = y.reshape(len(y), -1)
    if codes.shape[1] != 1:
        return None
    known = codes[:, 0].round().long()
    columns = max(columns, int(known.max()) + 1)
    if columns > given.shape[1]:  # a class without an output is never said
        return None
    return torch.nn.functional.one_hot(known, columns).double()


def _skill(given: Tensor, truth: Tensor) -> float:
    if given.shape != truth.shape:
        return WORST
    around = ((truth - truth.mean(0)) ** 2).sum()
    error = ((given - truth) ** 2).sum()
    return float((1 - error / around.clamp_min(1e-12)).clamp(WORST, 1.0))
