"""Small tries on copies of a network: can it learn a few rows by heart, and do the targets belong to the inputs?"""

from __future__ import annotations

import copy
import math
import time
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from retemper.doctor.case import Sample
from retemper.doctor.observe.loss_kind import LossFunction

ROWS, STEPS, RATE = 16, 150, 0.01
MOST_S = 0.5
SHUFFLES = 19


def try_sample(network: nn.Module, loss: LossFunction, x: Any, y: Tensor) -> Sample:
    """Train a copy on a few rows by Adam at .01, whatever the training's own optimizer; and test the alignment.

    Args:
        network: before training; it stays as it is.
        loss: of (outputs, targets).
        x, y: training rows; the first ``ROWS`` are learnt.
    """
    own = copy.deepcopy(network)
    rows = tuple(each[:ROWS] for each in x) if isinstance(x, tuple) else x[:ROWS]
    optimizer = torch.optim.Adam([p for p in own.parameters() if p.requires_grad], RATE)
    first, last, began = math.nan, math.nan, time.perf_counter()
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own.train()
        for module in own.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()
        for step in range(STEPS):
            value = loss(own(*rows) if isinstance(rows, tuple) else own(rows), y[:ROWS])
            last = float(value)
            first = last if step == 0 else first
            if not math.isfinite(last) or time.perf_counter() - began > MOST_S:
                break
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return Sample(first, last, aligned_p(x, y))


def aligned_p(x: Any, y: Tensor) -> float:
    """How often shuffled targets fit the inputs as well as the true ones do, by a ridge of squares and products.

    A permutation test over ``SHUFFLES`` shuffles, on rows that the ridge did not see; NaN for other than tables.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.dim() != 2 or len(x) < 40:
        return math.nan
    inputs = StandardScaler().fit_transform(x.detach().double().numpy()[:2000, :50])
    inputs = np.hstack([inputs, inputs**2])
    target = y.detach().double().reshape(len(y), -1).numpy()[:2000]
    if target.shape[1] == 1 and not y.is_floating_point():
        target = np.eye(int(target.max()) + 1)[target[:, 0].astype(int)]
    random = np.random.default_rng(0)
    fits = [_fit(inputs, target)]
    fits += [_fit(inputs, target[random.permutation(len(target))]) for _ in range(SHUFFLES)]
    return (1 + sum(own >= fits[0] for own in fits[1:])) / (1 + SHUFFLES)


def _fit(inputs: Any, target: Any) -> float:
    half = len(inputs) // 2
    ridge = RidgeCV(np.logspace(-2, 4, 7)).fit(inputs[:half], target[:half])
    return float(ridge.score(inputs[half:], target[half:]))
