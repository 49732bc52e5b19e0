"""A p-value from random permutations, which stops early where nothing is to be found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ENOUGH = 20
"""So many permutations that do as well end the search: the p-value is known to about a fifth of itself."""
FIRST, LARGEST = 64, 4096
"""Permutations in the first batch, and in a batch at most."""
ROUNDING = 1e-9


def p_value(observed: float, draw: Callable[[int], Floats], most: int, enough: int = ENOUGH) -> float:
    """The share of permutations whose statistic is at least the observed one; it holds for any number of rows.

    Sequential Monte Carlo test (Besag & Clifford 1991, "Sequential Monte Carlo p-values"): permutations are drawn until
    ``enough`` of them reach the observed value, p = enough / drawn, or until ``most`` are drawn,
    p = (reached + 1) / (most + 1). Either way P(p <= x) <= x when the two sides are alike.

    Args:
        observed: the statistic; large speaks against "alike".
        draw: gives the statistics [count] of so many random permutations.
        most: of them, at most; the smallest p-value is 1 / (most + 1).
        enough: stop at so many.

    Returns:
        The p-value, above 0 and at most 1.

    >>> draws = np.random.default_rng(0)
    >>> p_value(5.0, lambda count: draws.normal(size=count), 999)
    0.001
    >>> 0.3 < p_value(0.0, lambda count: draws.normal(size=count), 999) < 0.7
    True
    """
    threshold = observed - ROUNDING * abs(observed)
    drawn = reached = 0
    size = FIRST
    while drawn < most:
        hits = draw(min(size, most - drawn)) >= threshold
        so_far = reached + np.cumsum(hits)
        if so_far[-1] >= enough:
            return enough / (drawn + int(np.argmax(so_far >= enough)) + 1)
        reached, drawn = int(so_far[-1]), drawn + len(hits)
        size = min(2 * size, LARGEST)
    return (reached + 1) / (most + 1)


def shuffled(labels: NDArray[np.bool_], count: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Random permutations [count, N] of which row is of the current side.

    >>> shuffled(np.array([True, False, False]), 4, np.random.default_rng(0)).sum(axis=1).tolist()
    [1, 1, 1, 1]
    """
    return generator.permuted(np.broadcast_to(labels, (count, len(labels))), axis=1)
