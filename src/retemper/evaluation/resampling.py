"""The bootstrap's draws (Efron 1979): rows with replacement, as counts of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator

CHUNK_CELLS = 1_000_000
"""Counts held at once (8 MB)."""


def draws(rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each row is drawn: chunks [N, R] of all resamples, each column's sum N.

    >>> [chunk.sum(axis=0).tolist() for chunk in draws(5, 3, 0)]
    [[5.0, 5.0, 5.0]]
    """
    random = generator(seed, "bootstrap")
    width = max(1, min(resamples, CHUNK_CELLS // rows))
    for start in range(0, resamples, width):
        columns = min(width, resamples - start)
        drawn = random.integers(rows, size=(columns, rows), dtype=np.int64)
        cells = (drawn * columns + np.arange(columns)[:, None]).ravel()
        yield np.bincount(cells, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
