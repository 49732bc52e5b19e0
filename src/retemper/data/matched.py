"""Matched cases and controls: rows of one group whose labels foretell each other's opposite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_TOGETHER = 10
"""Rows of a group that is matched by design; the pairs of larger groups depend on each other too much."""
LEAST_Z = 5.0
"""Standard errors that like-labelled pairs fall short by; 5,000 columns of chance together give one in 700."""


def matched_groups(columns: NDArray[np.float64], given: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The groups of the column in which equal labels are rarest, where they are rarer than by chance; else None.

    Where every group has its share of each class by design (a case and two controls of one clinic), a model that has
    seen the other rows of a group is sure of the wrong class for the last one. Of the P pairs of rows with the same
    value, a share p = Σ π(i)² would have the same label by chance, with the standard error √(P p (1 − p)).

    Args:
        columns: [N, F]; NaN where missing, and in no group.
        given: [N] class codes.

    Returns:
        [N] the group of each row, or None; rows without a value, or with one of many rows, are groups of their own.

    >>> strata, dealt = np.repeat(np.arange(100.0), 2), np.tile([0, 1], 100)
    >>> matched_groups(strata[:, None], dealt)[:4].tolist()
    [0, 0, 1, 1]
    >>> matched_groups(strata[:, None], np.repeat([0, 1], 100)) is None
    True
    """
    classes, rows = int(given.max()) + 1, np.arange(len(given))
    alike = float(((np.bincount(given) / len(given)) ** 2).sum())
    best, least = None, -LEAST_Z
    for column in columns.T:
        value, sizes = np.unique(column, return_inverse=True, return_counts=True, equal_nan=False)[1:]
        few = sizes[value] <= MOST_TOGETHER
        size = sizes[sizes <= MOST_TOGETHER]
        together = np.unique(value[few] * classes + given[few], return_counts=True)[1]
        pairs, same = (size * (size - 1) / 2).sum(), (together * (together - 1) / 2).sum()
        error = np.sqrt(pairs * alike * (1 - alike))
        z = (same - alike * pairs) / error if error else 0.0
        if z < least:
            best, least = np.where(few, value, len(sizes) + rows).astype(np.int64), z
    return best
