"""The bootstrap's draws (Efron 1979): rows with replacement, as counts of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator

CHUNK_CELLS = 1_000_000
"""Counts held at once (8 MB)."""


def draws(
    rows: int, resamples: int, seed: int, group: NDArray[Any] | None = None
) -> Iterator[NDArray[np.float64]]:
    """How often each row is drawn: chunks [N, R] of all resamples.

    Each column's sum is N; where rows belong to groups, whole groups are drawn, and only their number is fixed.

    Args:
        rows: N.
        resamples: R in all.
        seed: 0 or more.
        group: rows with the same label belong together [N]; None: rows are independent.

    >>> [chunk.sum(axis=0).tolist() for chunk in draws(5, 3, 0)]
    [[5.0, 5.0, 5.0]]
    >>> [(chunk[0] == chunk[1]).all().item() for chunk in draws(4, 9, 0, np.array([7, 7, 3, 3]))]
    [True]
    """
    if group is not None:
        names, place = np.unique(group, return_inverse=True)
        for counts in draws(len(names), resamples, seed):
            yield counts[place]
        return
    random = generator(seed, "bootstrap")
    width = max(1, min(resamples, CHUNK_CELLS // rows))
    for start in range(0, resamples, width):
        columns = min(width, resamples - start)
        drawn = random.integers(rows, size=(columns, rows), dtype=np.int64)
        cells = (drawn * columns + np.arange(columns)[:, None]).ravel()
        yield np.bincount(cells, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
