"""Are slices that a search proposed really worse? Measured on rows that had no part in the search.

Several slices are asked at once, so that one would look bad by luck more often than 1 time in 20. The losses are
dealt out anew among the rows many times; the largest studentised gap of each dealing says what luck can do (the
max-T method of Westfall and Young 1993). Its quantiles also make the intervals, which so hold for all slices together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.evaluation.weighted import Floats

Pair = tuple[Floats, Floats]
CHUNK_CELLS = 2_000_000
TINY = 1e-300


@dataclass(frozen=True)
class Proof:
    """A slice on the rows that did not find it.

    Args:
        rows: in the slice.
        share: of all rows.
        metric, elsewhere: log loss or RMSE in the slice, and on the other rows.
        gap: metric − elsewhere; ``low`` and ``high`` are a 95 % interval that holds for all slices together.
        p_value: of a gap this large in any of the slices, if losses had nothing to do with them.
    """

    rows: int
    share: float
    metric: float
    elsewhere: float
    gap: float
    low: float
    high: float
    p_value: float

    @property
    def confirmed(self) -> bool:
        """Whether the gap is above 0 beyond what luck among all slices can do."""
        return self.low > 0


def proofs(
    inside: NDArray[np.bool_],
    losses: Floats,
    weight: Floats,
    root: bool = False,
    group: NDArray[np.int64] | None = None,
    permutations: int = 999,
    seed: int = 0,
) -> list[Proof]:
    """Measure slices.

    Args:
        inside: whether each row lies in each slice [N, K]; some rows in and some out.
        losses: row losses [N].
        weight: sample weights [N].
        root: compare the roots of the means (RMSE).
        group: rows of one group are not independent; standard errors are then those of whole groups.
        permutations: 199 or more.
        seed: of the permutations.

    >>> draw = np.random.default_rng(0)
    >>> inside = np.arange(400)[:, None] < [100, 200]
    >>> bad, fine = proofs(inside, draw.exponential(size=400) + 2.0 * inside[:, 0], np.ones(400), permutations=199)
    >>> bad.confirmed, round(bad.gap), bad.p_value
    (True, 2, 0.005)
    """
    sides = inside.astype(np.float64)
    ends = np.stack([_ends(sides, weight, losses, root), _ends(1 - sides, weight, losses, root)])
    rows = moments(weight, losses)
    gap, error = gaps([own @ sides for own in rows], [own.sum() for own in rows], root)
    if group is not None:
        error = _grouped_error(sides, weight, losses, root, group)
    largest, smallest = _luck(sides, weight, losses, root, permutations, seed)
    up, down = np.quantile(largest, 0.975), np.quantile(smallest, 0.025)
    found = []
    for k in range(inside.shape[1]):
        found.append(
            Proof(
                rows=int(inside[:, k].sum()),
                share=float(inside[:, k].mean()),
                metric=float(ends[0, k]),
                elsewhere=float(ends[1, k]),
                gap=float(gap[k]),
                low=float(gap[k] - up * error[k]),
                high=float(gap[k] - down * error[k]),
                p_value=(1 + int((largest >= gap[k] / max(error[k], TINY)).sum())) / (1 + permutations),
            )
        )
    return found


def moments(weight: Floats, losses: Floats) -> list[Floats]:
    """What must be summed over a side's rows for its mean and the variance of that: w, wl, w², w²l, w²l²."""
    return [weight, weight * losses, weight**2, weight**2 * losses, weight**2 * losses**2]


def gaps(inside: Sequence[Floats], total: Sequence[Floats], root: bool, middle: float = 0.0) -> Pair:
    """Gap between two sides and its standard error (Welch), of any shape.

    Args:
        inside: the :func:`moments` summed over the slice's rows.
        total: summed over all rows.
        root: the gap of the roots of the means, by the delta method.
        middle: what was taken off the losses before, so that sums of squares keep their digits.

    Returns:
        (gap, error), 0 where a side is empty.
    """
    outside = [every - own for every, own in zip(total, inside, strict=True)]
    sides = [_side(sums, root, middle) for sums in (inside, outside)]
    return sides[0][0] - sides[1][0], np.sqrt(sides[0][1] + sides[1][1])


def _side(sums: Sequence[Floats], root: bool, middle: float) -> Pair:
    w, wl, w2, w2l, w2l2 = sums
    safe = np.where(w > 0, w, 1)
    mean = wl / safe
    variance = np.maximum(w2l2 - 2 * mean * w2l + mean**2 * w2, 0) / safe**2
    mean = mean + middle
    if not root:
        return mean, variance
    return np.asarray(np.sqrt(np.maximum(mean, 0))), variance / (4 * np.maximum(mean, TINY))


def _ends(sides: Floats, weight: Floats, losses: Floats, root: bool) -> Floats:
    means = (weight * losses) @ sides / (weight @ sides)
    return np.asarray(np.sqrt(means) if root else means)


def _grouped_error(
    sides: Floats, weight: Floats, losses: Floats, root: bool, group: NDArray[np.int64]
) -> Floats:
    """The standard error where rows of one group move together: how far each group moves the gap, squared."""
    moved = _influence(sides, weight, losses, root) - _influence(1 - sides, weight, losses, root)
    _, codes = np.unique(group, return_inverse=True)
    summed = np.zeros((codes.max() + 1, moved.shape[1]))
    np.add.at(summed, codes, moved)
    return np.asarray(np.sqrt((summed**2).sum(0) * len(summed) / max(1, len(summed) - 1)))


def _influence(side: Floats, weight: Floats, losses: Floats, root: bool) -> Floats:
    """How far each row moves a side's metric [N, K]: w(l − mean)/Σw, by the chain rule for a root."""
    heavy = side * weight[:, None]
    total = heavy.sum(0)
    mean = losses @ heavy / total
    moved = heavy * (losses[:, None] - mean) / total
    return np.asarray(moved / (2 * np.sqrt(np.maximum(mean, TINY))) if root else moved)


def _luck(
    sides: Floats, weight: Floats, losses: Floats, root: bool, permutations: int, seed: int
) -> tuple[Floats, Floats]:
    """The largest and the smallest studentised gap over the slices in each dealing [permutations]."""
    random = generator(seed, "dealt losses")
    rows = len(losses)
    chunk = max(1, CHUNK_CELLS // rows)
    total = [every.sum() for every in moments(weight, losses)]
    largest, smallest = [], []
    for start in range(0, permutations, chunk):
        count = min(chunk, permutations - start)
        order = random.permuted(np.tile(np.arange(rows), (count, 1)), axis=1)
        dealt = [own @ sides for own in moments(weight[order], losses[order])]
        gap, error = gaps(dealt, total, root)
        t = gap / np.maximum(error, TINY)
        largest.append(t.max(1))
        smallest.append(t.min(1))
    return np.concatenate(largest), np.concatenate(smallest)
