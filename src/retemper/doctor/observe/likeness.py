"""Do training and held-out rows say the same? A simple model is asked, that learnt half of the training rows.

It is asked about the other half and about the held-out rows: it has seen neither. Where it does worse on the training
rows their targets are noisier; where it does worse on the held-out ones, they were prepared or drawn otherwise. How
well the network itself does is of no matter: it may be as misled as the simple model. (The idea of classifier
two-sample tests, Lopez-Paz & Oquab 2017, with the task's own targets in place of where a row comes from.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.stats import chi2_contingency
from torch import Tensor

from retemper.core.records import NotApplicable
from retemper.doctor.case import Task
from retemper.doctor.likeness import Likeness
from retemper.doctor.observe.reference import references
from retemper.doctor.observe.rows import Rows, first_rows
from retemper.doctor.observe.shares import right_rows

FEWEST, MOST = 40, 1000
"""Rows of each kind."""


def likeness_of(rows: Rows, held_out: Rows, task: Task) -> Likeness:
    """The likeness of two sets of rows; of classes that are too few to be learnt it is known how frequent they are.

    Args:
        rows: training inputs and targets in a random order.
        held_out: rows that are not trained on, likewise.
        task: of the training.

    Raises:
        NotApplicable: under 40 rows of values are to be judged, or rows are not such as a simple model can learn.

    >>> x = torch.rand(400, 2, generator=torch.Generator().manual_seed(0))
    >>> y = (x[:, 0] > 0.5).long()
    >>> swapped = likeness_of((x[:200], y[:200]), (x[200:], 1 - y[200:]), "classification")
    >>> swapped.z > 10
    True
    """
    (x, y), (held_x, held_y) = _some(rows), _some(held_out)
    half = len(y) // 2
    if not (isinstance(x, Tensor) and isinstance(held_x, Tensor)):
        raise NotApplicable("simple models learn one tensor of inputs")
    frequent = _classes_p(y, held_y) if task == "classification" else 1.0
    if min(len(y) - half, len(held_y)) < FEWEST:
        if task == "classification":
            return Likeness(math.nan, math.nan, math.nan, frequent)
        raise NotApplicable("there are too few rows to hold training rows against held-out ones")
    answers = references(x[:half], y[:half], torch.cat([x[half:], held_x]))
    truth = torch.cat([y[half:], held_y])
    spread = (
        float((y[half:] - y[:half].median(0).values).abs().double().mean()) if task == "regression" else 0.0
    )
    if task == "regression" and not spread > 0:
        raise NotApplicable("the targets do not vary")
    scored = [_scores(own, truth, spread) for own in answers]
    known = [own for own in scored if own is not None and len(own) == len(truth)]
    if not known:
        raise NotApplicable("no simple model could learn the rows")
    best = max(known, key=lambda own: float(own.mean()))
    train, held = best[: len(y) - half], best[len(y) - half :]
    error = math.sqrt(train.var() / len(train) + held.var() / len(held))
    apart = float(train.mean() - held.mean())
    z = apart / error if error > 0 else math.copysign(math.inf, apart) if apart else 0.0
    return Likeness(float(train.mean()), float(held.mean()), z, frequent)


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
    return float(chi2_contingency(table).pvalue) if count > 1 else 1.0
