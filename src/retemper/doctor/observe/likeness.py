"""Do training and held-out rows say the same? Simple models are asked that learnt half of either kind.

Each is asked about the rows of both kinds that it has not seen. How well the network itself does is of no matter: it
may be as misled as the simple models. (The idea of classifier two-sample tests, Lopez-Paz & Oquab 2017, with the task's
own targets in place of where a row comes from.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retemper.core.records import NotApplicable
from retemper.doctor.case import Task
from retemper.doctor.likeness import Likeness, Told
from retemper.doctor.observe.reference import TREES, references
from retemper.doctor.observe.rows import Rows, first_rows
from retemper.doctor.observe.shares import right_rows

FEWEST, MOST = 30, 1000
"""Rows that are learnt or asked about, and rows of each kind that are looked at."""


def likeness_of(rows: Rows, held_out: Rows, task: Task, trees: int = TREES) -> Likeness:
    """The likeness of two sets of rows; of those that are too few to be learnt only how frequent classes are.

    Args:
        rows: training inputs and targets in a random order.
        held_out: rows that are not trained on, likewise.
        task: of the training.
        trees: of each forest.

    Raises:
        NotApplicable: inputs are not one tensor.

    >>> x = torch.rand(400, 2, generator=torch.Generator().manual_seed(0))
    >>> y = (x[:, 0] > 0.5).long()
    >>> swapped = likeness_of((x[:200], y[:200]), (x[200:], 1 - y[200:]), "classification")
    >>> swapped.by_train.z > 10, swapped.by_held_out.z < -10
    (True, True)
    """
    if not (isinstance(rows[0], Tensor) and isinstance(held_out[0], Tensor)):
        raise NotApplicable("simple models learn one tensor of inputs")
    train, held = _some(rows), _some(held_out)
    values = task == "regression"
    scale = float((train[1] - train[1].median(0).values).abs().double().mean()) if values else 0.0
    if values and not scale > 0:
        return Likeness()
    forth, back = _told(train, held, scale, trees), _told(held, train, scale, trees)
    frequent = _classes_p(train[1], held[1]) if task == "classification" else 1.0
    return Likeness(forth, Told(back.held_out, back.train, -back.z), frequent)


def _told(rows: Rows, others: Rows, scale: float, trees: int) -> Told:
    """By a model of half of some rows: the other half as ``train``, the others as ``held_out``."""
    (x, y), (other_x, other_y) = rows, others
    half = len(y) // 2
    if min(half, len(other_y)) < FEWEST:
        return Told()
    answers = references(x[:half], y[:half], torch.cat([x[half:], other_x]), trees)
    truth = torch.cat([y[half:], other_y])
    scored = [_scores(own, truth, scale) for own in answers]
    known = [own for own in scored if own is not None and len(own) == len(truth)]
    if not known:
        return Told()
    best = max(known, key=lambda own: float(own.mean()))
    own, other = best[: len(y) - half], best[len(y) - half :]
    error = math.sqrt(own.var() / len(own) + other.var() / len(other))
    apart = float(own.mean() - other.mean())
    z = apart / error if error > 0 else math.copysign(math.inf, apart) if apart else 0.0
    return Told(float(own.mean()), float(other.mean()), z)


def _some(rows: Rows) -> tuple[Any, Tensor]:
    x, y = first_rows(rows, MOST)
    return (x.detach().cpu() if isinstance(x, Tensor) else x), y.detach().cpu()


def _scores(answer: Tensor, truth: Tensor, spread: float) -> Any:
    """Of each row; None where answers and targets do not fit."""
    if spread > 0:
        errors = (answer.double() - truth.detach().double().reshape(answer.shape)).abs()
        # A row that is far off counts no more than one that is told nothing of, or few would make up the mean.
        return 1 - np.minimum(errors.reshape(len(truth), -1).mean(1).numpy() / spread, 2.0)
    pair = right_rows(answer, truth, "probabilities")
    if pair is None:
        return None
    right = (pair[0] == pair[1]).double()
    return right.reshape(len(right), -1).mean(1).numpy()


def _classes_p(y: Tensor, held_y: Tensor) -> float:
    codes = [
        (own.argmax(1) if own.dim() > 1 and own.shape[1] > 1 else own.reshape(-1)).double()
        for own in (y, held_y)
    ]
    _, places = torch.unique(torch.cat(codes), return_inverse=True)
    count = int(places.max()) + 1
    table = np.array([np.bincount(part, minlength=count) for part in np.split(places.numpy(), [len(y)])])
    from scipy.stats import chi2_contingency  # half a second to load

    return float(chi2_contingency(table).pvalue) if count > 1 else 1.0
