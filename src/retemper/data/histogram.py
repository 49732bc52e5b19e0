"""Counts of numbers in bins, however close to each other or far from zero the numbers lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bin_edges(values: Floats, bins: int) -> Floats:
    """Edges of bins of one width from the lowest to the highest value; fewer where floats are too coarse for so many.

    Args:
        values: finite, at least one, and no further apart than the largest float.
        bins: 1 or more.

    >>> bin_edges(np.array([0.0, 1.0]), 2).tolist(), len(bin_edges(np.array([1e17, 1e17 + 32]), 20))
    ([0.0, 0.5, 1.0], 3)
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = min(low - 0.5, np.nextafter(low, -np.inf)), max(high + 0.5, np.nextafter(high, np.inf))
    edges: Floats = np.unique(np.linspace(low, high, bins + 1))
    return edges


def histogram(values: Floats, bins: int) -> tuple[NDArray[np.int64], Floats]:
    """How many values lie in each bin of :func:`bin_edges`, and the edges.

    >>> histogram(np.array([1e17, 1e17 + 32, 1e17 + 32]), 20)[0].tolist()
    [1, 2]
    """
    edges = bin_edges(values, bins)
    if len(edges) == bins + 1:
        return np.histogram(values, bins, (edges[0], edges[-1]))
    return np.histogram(values, edges)
