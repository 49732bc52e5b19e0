"""The network that serves is the mean of those that were trained beside it from the same weights.

Networks that begin at one point and are tuned by nearly the same rows end in one basin, and the mean of their weights
does about as well as the mean of their answers, for the cost of one network (model soups, Wortsman et al. 2022). The
networks of the folds are trained in any case, to judge.

It is for new classes with few old rows, where networks learn all that there is by heart and differ in what they make of
it. Where the law itself has changed the mean is worse: who lacks a fold has come less far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.bundle.parts import Part
from retemper.evaluation.metrics import row_losses
from retemper.models.layers.build import network_of
from retemper.retraining.sight import Sight
from retemper.training.plan import predict

MOST_ROWS = 4_096
"""Rows that show whether the way between networks is free; a barrier is no small thing."""


def averaged(
    sight: Sight, parts: Sequence[Part], mates: Sequence[Sequence[int]], allowed: NDArray[np.bool_]
) -> list[Part]:
    """Parts, of which those that have mates are replaced by the mean, unless it lies on a barrier.

    On rows that may be trained on the mean must lose no more than its mates do on average (linear mode connectivity,
    Frankle et al. 2020); else they lie in different basins and the part stays.

    Args:
        sight: the rows as the networks see them.
        parts: one network each.
        mates: for each part the numbers of the parts, itself included, that began where it began; empty: none.
        allowed: [N] lessons that may be trained on; no row that judges is among them.
    """
    found = list(parts)
    rows = np.flatnonzero(allowed)
    rows = rows[:: -(-len(rows) // MOST_ROWS)]
    for number, others in enumerate(mates):
        if len(others) < 2:
            continue
        own = torch.stack([parts[k].row for k in others])
        mean = own.double().mean(0, keepdim=True).to(own)
        *losses, loss = _losses(sight, parts[number], torch.cat([own, mean]), rows)
        if loss <= np.mean(losses):
            found[number] = replace(parts[number], row=mean[0])
    return found


def _losses(sight: Sight, part: Part, networks: Tensor, rows: NDArray[np.int64]) -> list[float]:
    """Each network's mean loss; of the last one no number where any of them isn't finite."""
    model = sight.model
    network = network_of(part.model, model.shape, model.loss.n_outputs(len(model.classes)))
    index = np.tile(rows, (len(networks), 1))
    said = predict(network, networks, sight.lessons.rows(), model.loss, index).double().numpy()
    y, weight = sight.lessons.y[rows], sight.lessons.weight[rows].astype(np.float64)
    if not np.isfinite(said).all():
        return [np.inf] * (len(networks) - 1) + [np.nan]
    losses = (row_losses(model.task, y, own) for own in said)
    return [float(np.average(own, weights=weight)) for own in losses]
