"""Do targets belong to the inputs they stand beside? An exact permutation test, whatever form the inputs have.

Three views of the rows each say how well a row's target can be told from the other rows: a ridge of columns, squares
and products; the nearest neighbours; a kernel that knows smooth dependence of few columns. Each is a matrix that is
made once, so that a shuffle of the targets costs one product. The views are joined by the best fit of any of them, in
standard deviations of all shuffles (max-T, Westfall and Young 1993): the test keeps its level however the views depend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retemper.core import seeds
from retemper.doctor.observe.rows import parts_of

Array = NDArray[np.float64]
Single = NDArray[np.float32]
View = Callable[[Single], Single]
"""Of columns of targets [N, K] how well each is told: y · view(y) [K]."""
SHUFFLES = 99
FEWEST_ROWS, MOST_ROWS = 40, 900
COLUMNS, PAIRED, CODES = 48, 14, 6
"""Columns that are kept (of more, how rows vary most), those of which products are made, and columns of the targets."""
TOKENS = 128
"""Buckets that whole numbers such as words are counted in."""
NEIGHBOURS = 5
TURNS = 2
"""Of the subspace towards the columns that vary most."""


def aligned_p(x: Any, y: Tensor, most: int = MOST_ROWS) -> float:
    """How often shuffled targets fit the inputs as well as the true ones do: p between .01 and 1.

    Args:
        x: inputs, rows first, of any form.
        y: targets, rows first.
        most: rows that are looked at, the first ones.

    Returns:
        NaN where there are under 40 rows, no numbers, or targets that do not vary.

    >>> x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    >>> aligned_p(x, (x[:, 0] * x[:, 1] > 0).long())
    0.01
    """
    random = seeds.generator(0, "doctor_aligned")
    inputs, targets = _columns(x, random, most), _codes(y, random, most)
    if inputs is None or targets is None or len(inputs) < FEWEST_ROWS:
        return math.nan
    orders = [np.arange(len(targets)), *(random.permutation(len(targets)) for _ in range(SHUFFLES))]
    shuffled = np.hstack([targets[order] for order in orders]).astype(np.float32)
    fits = np.array([view(shuffled).reshape(len(orders), -1).sum(1) for view in _views(inputs)], np.float64)
    spreads = np.maximum(fits.std(1, keepdims=True), 1e-12)
    best = ((fits - fits.mean(1, keepdims=True)) / spreads).max(0)
    return float((best >= best[0]).mean())


def _views(inputs: Array) -> Iterator[View]:
    few = inputs[:, :PAIRED]
    left, right = np.triu_indices(few.shape[1])
    features = _scaled(np.hstack([inputs, few[:, left] * few[:, right], inputs[:, PAIRED:] ** 2]))
    yield _ridge(features)
    lengths = (inputs**2).sum(1)
    distances = lengths[:, None] + lengths - 2 * inputs @ inputs.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS].T
    yield lambda targets: (targets * sum(targets[near] for near in nearest)).sum(0)
    np.fill_diagonal(distances, 0)
    kernel = np.exp(-np.maximum(distances, 0) / (0.25 * max(float(np.median(distances)), 1e-12)))
    yield _dense(kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean())


def _dense(view: Array) -> View:
    """A matrix of what each row tells of each other; no row tells its own target."""
    np.fill_diagonal(view, 0.0)
    single = view.astype(np.float32)
    return lambda targets: (targets * (single @ targets)).sum(0)


def _ridge(features: Array) -> View:
    """What a ridge of the features tells of each row by all others' targets, worked out on the shorter side."""
    count = features.shape[1]
    if count >= len(features):
        gram = features @ features.T
        return _dense(np.asarray(np.linalg.solve(gram + count * np.eye(len(gram)), gram)))
    factor = np.linalg.cholesky(features.T @ features + count * np.eye(count))
    root = np.linalg.solve(factor, features.T).astype(np.float32)  # rootᵀ root is the ridge's hat
    own = (root**2).sum(0)[:, None]
    return lambda targets: ((root @ targets) ** 2).sum(0) - (own * targets**2).sum(0)


def _principal(columns: Array, random: np.random.Generator) -> Array:
    """Coordinates by which the rows vary most; of many columns in a random subspace (Halko and others 2011)."""
    if columns.shape[1] <= 4 * COLUMNS:
        _, axes = np.linalg.eigh(columns.T @ columns)
        return np.asarray(columns @ axes[:, ::-1][:, :COLUMNS])
    single = columns.astype(np.float32)
    span = random.standard_normal((columns.shape[1], min(2 * COLUMNS, *columns.shape)), dtype=np.float32)
    for _ in range(TURNS):
        span, _ = np.linalg.qr(single.T @ (single @ span))
    left, lengths, _ = np.linalg.svd(single @ span, full_matrices=False)
    return np.asarray(left[:, :COLUMNS] * lengths[:COLUMNS], dtype=np.float64)


def _columns(x: Any, random: np.random.Generator, most: int) -> Array | None:
    """Up to ``COLUMNS`` scaled columns: numbers as they are, whole numbers as counts of each."""
    parts = [_numbers(part[:most]) for part in parts_of(x)]
    if not parts:
        return None
    flat = np.hstack(parts)
    flat = flat[:, np.isfinite(flat).all(0)]
    flat = _scaled(flat[:, flat.std(0) > 0])
    if not flat.shape[1]:
        return None
    if flat.shape[1] > COLUMNS:
        flat = _principal(flat, random)
        flat = flat / max(float(flat[:, 0].std()), 1e-12)
    return flat


def _numbers(part: Tensor) -> Array:
    own = part.detach().cpu().reshape(len(part), -1)
    if own.is_floating_point() or own.dtype == torch.uint8 or own.shape[1] == 1:
        return np.asarray(own.double().numpy(), dtype=np.float64)
    if own.dtype == torch.bool:
        return np.asarray(own.numpy(), dtype=np.float64)
    counts = np.zeros((len(own), TOKENS))
    np.add.at(counts, (np.arange(len(own))[:, None], own.numpy() % TOKENS), 1.0)
    return np.hstack([np.log1p(counts), own[:, :PAIRED].double().numpy()])


def _codes(y: Tensor, random: np.random.Generator, most: int) -> Array | None:
    """Targets as up to ``CODES`` columns: values by their ranks, classes each by a random code."""
    own = y[:most].detach().cpu().reshape(min(len(y), most), -1)
    if not own.shape[1] or not bool(torch.isfinite(own.double()).all()):
        return None
    if own.is_floating_point():
        columns = own.double().numpy()
        ranks = np.array([_ranks(column) for column in columns.T[:500]]).T
        if ranks.shape[1] > CODES:
            ranks = ranks @ random.standard_normal((ranks.shape[1], CODES))
        codes = ranks
    else:
        names, places = np.unique(own.numpy(), return_inverse=True)
        table = random.standard_normal((len(names), own.shape[1] if own.shape[1] <= 64 else 1, CODES))
        if len(names) <= CODES and own.shape[1] == 1:
            table = np.eye(len(names))[:, None, :]
        places = places.reshape(own.shape)
        codes = table[places, np.arange(own.shape[1]) % table.shape[1]].sum(1)
    codes = codes - codes.mean(0)
    return codes / codes.std() if codes.std() > 0 else None


def _ranks(column: Array) -> Array:
    """Ranks, of equal values their mean."""
    _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    middles: Array = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return middles


def _scaled(columns: Array) -> Array:
    middle: Array = (columns - columns.mean(0)) / np.maximum(columns.std(0), 1e-12)
    return middle
