"""Since when? The change point of a stream of rows, by a scan with a permutation p-value."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from retemper.core.change_records import ChangePoint
from retemper.core.seeds import generator
from retemper.retraining.two_samples.monte_carlo import Floats, p_value

MOST_PAIRED = 30
"""With more columns, their products with each other are left out, and only their squares are looked at."""
EDGE = 0.02
"""Of the rows at either end no change is looked for: too few rows speak there."""
DRAWS = 999
CELLS_AT_ONCE = 2_000_000


def scan(values: Floats, names: tuple[str, ...], block: int, seed: int, period: float | None) -> ChangePoint:
    """The row before and after which the rows differ most.

    Features f are the columns' ranks less their middle, and their products, standardised: means, spreads and
    dependences. The statistic is the largest over k of Σ_f (mean before - mean after)² k (n - k) / n, the CUSUM scan
    (James, James & Siegmund 1987, "Tests for a change-point"). Its p-value comes from random orders of blocks of rows,
    which holds where blocks know little of each other: a block must be longer than rows remember.

    Args:
        values: float64 [N, D], NaN where missing.
        names: of the D columns.
        block: rows of a block, 1 or more and at most a tenth of N.
        seed: of the orders.
        period: for the record.
    """
    features, owners = _features(values)
    row, statistic, own = _largest(features)
    blocks = len(features) // block
    sums = features[: blocks * block].reshape(blocks, block, -1).sum(axis=1)
    draw = generator(seed, "change point")

    def statistics(count: int) -> Floats:
        at_once = max(1, CELLS_AT_ONCE // sums.size)
        sizes = [min(at_once, count - start) for start in range(0, count, at_once)]
        return np.concatenate([_scanned(_ordered(sums, size, draw), block) for size in sizes])

    observed = float(_scanned(sums[None], block)[0])
    found = p_value(observed, statistics, DRAWS)
    shares = np.bincount(owners[:, 0], own / 2, len(names)) + np.bincount(owners[:, 1], own / 2, len(names))
    order = np.argsort(-shares, kind="stable")
    columns = {names[k]: float(shares[k] / max(own.sum(), 1e-300)) for k in order}
    return ChangePoint(row, found, statistic, columns, len(values), block, period)


def _features(values: Floats) -> tuple[Floats, np.ndarray]:
    """Standardised features [N, F], and the two columns that each is made of."""
    ranks = np.stack([_ranks(column) for column in values.T], axis=1)
    width = ranks.shape[1]
    pairs = np.array(
        [(i, j) for i in range(width) for j in range(i, width if width <= MOST_PAIRED else i + 1)]
    )
    features = np.concatenate([ranks, ranks[:, pairs[:, 0]] * ranks[:, pairs[:, 1]]], axis=1)
    owners = np.concatenate([np.repeat(np.arange(width)[:, None], 2, axis=1), pairs])
    spread = features.std(axis=0)
    varied = spread > 1e-12
    return (features[:, varied] - features[:, varied].mean(axis=0)) / spread[varied], owners[varied]


def _ranks(column: Floats) -> Floats:
    """Ranks in -1/2 ... 1/2, 0 where missing."""
    there = ~np.isnan(column)
    ranks = np.zeros(len(column))
    ranks[there] = rankdata(column[there]) / max(1, int(there.sum())) - 0.5
    return ranks


def _largest(features: Floats) -> tuple[int, float, Floats]:
    """The row of the largest statistic, that statistic, and each feature's part of it."""
    rows = len(features)
    before = np.arange(1, rows)
    sums = np.cumsum(features, axis=0)[:-1]
    # The features' means are 0: the difference of the means is the sum before times n / (k (n - k)).
    scale = rows / (before * (rows - before))
    parts = sums**2 * scale[:, None]
    whole = parts.sum(axis=1)
    whole[(before < EDGE * rows) | (before > (1 - EDGE) * rows)] = -np.inf
    best = int(np.argmax(whole))
    return best + 1, float(whole[best]), parts[best]


def _ordered(sums: Floats, count: int, draw: np.random.Generator) -> Floats:
    """Random orders [count, blocks, F] of the blocks."""
    orders = draw.permuted(np.broadcast_to(np.arange(len(sums)), (count, len(sums))), axis=1)
    return np.asarray(sums[orders])


def _scanned(sums: Floats, block: int) -> Floats:
    """The largest statistics [count] of blocks [count, blocks, F], at the ends of blocks."""
    blocks = sums.shape[1]
    rows, before = blocks * block, np.arange(1, blocks) * block
    centred = sums - sums.mean(axis=1, keepdims=True)
    whole = (np.cumsum(centred, axis=1)[:, :-1] ** 2).sum(axis=2) * (rows / (before * (rows - before)))
    inside = (before >= EDGE * rows) & (before <= (1 - EDGE) * rows)
    return np.asarray(whole[:, inside].max(axis=1))
