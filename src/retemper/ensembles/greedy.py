"""Greedy ensemble selection (Caruana et al. 2004): from what is trained already, add what helps most.

Start from the best single network; again and again add, with replacement, the one that lowers the validation
loss of the mean prediction most; stop when none lowers it. A network's weight is its share of the picks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Predictions = NDArray[Any]
MOST_PICKS = 40
LEAST_GAIN = 1e-4
"""Relative gain below which adding stops."""


def select(
    outputs: Sequence[Predictions], loss: Callable[[Predictions], float], most_picks: int = MOST_PICKS
) -> list[tuple[int, float]]:
    """Which networks to average, and with what weights.

    Args:
        outputs: of each network for the validation rows, [N, C] probabilities or [N] values.
        loss: of a prediction for those rows; lower is better.
        most_picks: upper bound of picks, 1 or more.

    Returns:
        (number, weight) of each chosen network, weights summing to 1, the heaviest first.

    >>> y = np.array([1.0, 2.0])
    >>> select([y + 1, y - 1, y + 5], lambda p: float(((p - y) ** 2).mean()))
    [(0, 0.5), (1, 0.5)]
    """
    picks: list[int] = []
    total = np.zeros_like(outputs[0], dtype=np.float64)
    best = np.inf
    while len(picks) < most_picks:
        losses = [loss((total + own) / (len(picks) + 1)) for own in outputs]
        number = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
        if not losses[number] < best - LEAST_GAIN * abs(best if np.isfinite(best) else 0):
            break
        picks.append(number)
        total += outputs[number]
        best = losses[number]
    picks = picks or [0]
    shares = {number: picks.count(number) / len(picks) for number in picks}
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))
