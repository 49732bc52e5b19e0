"""Matched cases and controls: rows of one group whose labels foretell each other's opposite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
        [N] the group of each row, or None; rows that miss the value have a group of their own.

    >>> strata, dealt = np.repeat(np.arange(100.0), 2), np.tile([0, 1], 100)
    >>> matched_groups(strata[:, None], dealt)[:4].tolist()
    [0, 0, 1, 1]
    >>> matched_groups(strata[:, None], np.repeat([0, 1], 100)) is None
    True
    """
    classes = int(given.max()) + 1
    alike = float(((np.bincount(given) / len(given)) ** 2).sum())
    best, least = None, -LEAST_Z
    for column in columns.T:
        group = np.unique(column, return_inverse=True, equal_nan=False)[1]
        sizes = np.bincount(group)
        together = np.unique(group * classes + given, return_counts=True)[1]
        pairs, same = (sizes * (sizes - 1) / 2).sum(), (together * (together - 1) / 2).sum()
        error = np.sqrt(pairs * alike * (1 - alike))
        z = (same - alike * pairs) / error if error else 0.0
        if z < least:
            best, least = group.astype(np.int64), z
    return best
