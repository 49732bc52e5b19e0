"""Can the target be computed from other columns: as their sum, difference, product or ratio?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retemper.data.sampled import Floats

MOST_PARTS = 3
EXACT_R2 = 1 - 1e-6
LEAST_DISTINCT = 10


@dataclass(frozen=True)
class Formula:
    """``how`` is "sum" or "product"; ``parts`` are the columns, by number; ``r2`` of the best such formula."""

    how: str
    parts: tuple[int, ...]
    r2: float


def formula(x: Floats, y: Floats) -> Formula | None:
    """The fewest columns, two or three, of which the target is a weighted sum or a product of powers, exactly.

    Columns are added one at a time, each time the one that leaves least (orthogonal matching pursuit), to the target
    itself and, where all is positive, to its logarithm. A count that is the sum of two other columns, an amount
    that is price × pieces, a duration between two dates: all are found.

    Args:
        x: [rows, F]; columns with gaps are passed over.
        y: [rows].

    Returns:
        The formula, or None where none is exact (R² < 1 − 10⁻⁶) or the target has fewer than 10 values.

    >>> random = np.random.default_rng(0)
    >>> x = random.random((50, 4))
    >>> formula(x, x[:, 1] + x[:, 3]).parts
    (1, 3)
    """
    if len(np.unique(y)) < LEAST_DISTINCT or len(y) <= 2 * MOST_PARTS:
        return None
    whole = np.flatnonzero(~np.isnan(x).any(axis=0))
    found = _exact(x[:, whole], y)
    if found is not None:
        return Formula("sum", tuple(sorted(int(whole[i]) for i in found[0])), found[1])
    positive = whole[(x[:, whole] > 0).all(axis=0)]
    if (y <= 0).any():
        return None
    found = _exact(np.log(x[:, positive]), np.log(y))
    return found and Formula("product", tuple(sorted(int(positive[i]) for i in found[0])), found[1])


def _exact(x: Floats, y: Floats) -> tuple[Sequence[int], float] | None:
    centred = x - x.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    usable = length > 1e-9 * np.maximum(1.0, np.abs(x).max(axis=0, initial=0))
    directions = np.where(usable, centred / np.where(usable, length, 1.0), 0.0)
    goal = y - y.mean()
    chosen: list[int] = []
    rest = goal
    for _ in range(min(MOST_PARTS, int(usable.sum()))):
        chosen.append(_best(directions, chosen, goal, rest))
        basis = directions[:, chosen]
        rest = goal - basis @ np.linalg.lstsq(basis, goal, rcond=None)[0]
        r2 = 1 - float(rest @ rest) / float(goal @ goal)
        if r2 >= EXACT_R2:
            return (chosen, r2) if len(chosen) > 1 else None
    return None


def _best(directions: Floats, chosen: list[int], goal: Floats, rest: Floats) -> int:
    """The column whose part outside the chosen ones explains most of the rest."""
    outside = directions
    if chosen:
        q = np.linalg.qr(directions[:, chosen])[0]
        outside = directions - q @ (q.T @ directions)
    size = np.linalg.norm(outside, axis=0)
    gain = np.where(size > 1e-6, np.abs(rest @ outside) / np.where(size > 1e-6, size, 1.0), 0.0)
    gain[chosen] = -1.0
    return int(gain.argmax())
