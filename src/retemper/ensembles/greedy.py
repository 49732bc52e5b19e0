"""Greedy ensemble selection (Caruana et al. 2004, 2006): from what is trained already, average what helps.

One greedy pass starts from the best network and again and again adds, with replacement, the one that lowers the
validation loss of the mean prediction most, until none does. Where validation rows are few, a single pass picks
by luck; so it is done in many bags, each with a random half of the networks and a bootstrap of half as many rows, and a
network's weight is its mean share of the picks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core import seeds

Votes = NDArray[np.floating[Any]]
"""[networks, rows]: what a network says of each row, averaged linearly: the probability of the row's own class, or
the predicted value."""
Loss = Callable[[Votes, NDArray[np.int64]], float]
"""(mean votes [rows of a bag], numbers of these rows) → loss; lower is better."""

BAGS = 20
MOST_PICKS = 25
FEW = 8
"""So few networks are all in every bag: half of them would often leave the best out."""
LEAST_WEIGHT = 0.02
"""Networks with less weight are left out: they cost time and change nothing."""


def select(votes: Votes, loss: Loss, seed: int, bags: int = BAGS) -> list[tuple[int, float]]:
    """Which networks to average, and with what weights.

    Args:
        votes: [networks, rows] of the validation rows.
        loss: see :data:`Loss`.
        seed: of the bags.
        bags: how many, 1 or more.

    Returns:
        (number, weight) of each chosen network, weights summing to 1, the heaviest first.

    >>> y = np.linspace(0, 1, 200)
    >>> loss = lambda mean, rows: float(((mean - y[rows]) ** 2).mean())
    >>> select(np.stack([y + 1, y - 1]), loss, seed=0)
    [(0, 0.5), (1, 0.5)]
    """
    networks, rows = votes.shape
    weights = np.zeros(networks)
    for bag in range(bags):
        random = seeds.generator(seed, "ensemble", 0, bag)
        count = networks if networks < FEW else networks // 2
        some = np.sort(random.choice(networks, count, replace=False))
        drawn = random.integers(rows, size=max(1, rows // 2))
        picks = greedy(votes[some][:, drawn], lambda mean, own=drawn: loss(mean, own))  # type: ignore[misc]
        for pick in picks:
            weights[some[pick]] += 1 / len(picks) / bags
    weights[weights < min(LEAST_WEIGHT, weights.max())] = 0
    weights /= weights.sum()
    order = sorted(np.flatnonzero(weights), key=lambda number: (-weights[number], number))
    return [(int(number), float(weights[number])) for number in order]


def greedy(votes: Votes, loss: Callable[[Votes], float], most_picks: int = MOST_PICKS) -> list[int]:
    """One greedy pass: numbers of the picked networks, in order, some of them more than once.

    >>> y = np.array([1.0, 2.0])
    >>> greedy(np.stack([y + 1, y - 1, y + 5]), lambda mean: float(((mean - y) ** 2).mean()))
    [0, 1]
    """
    picks: list[int] = []
    total = np.zeros(votes.shape[1])
    best = np.inf
    while len(picks) < most_picks:
        losses = np.array([loss((total + own) / (len(picks) + 1)) for own in votes])
        number = int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
        if picks and not losses[number] < best:
            break
        picks.append(number)
        total += votes[number]
        best = losses[number]
    return picks
