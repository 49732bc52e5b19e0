"""How many trials of a search there is time for, by the pace of those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from retemper.search.trials import Order

TOGETHER = 16
"""Networks a worker of a part, where nothing is known of how long they take."""
LEAST_S = 2.0
"""The first networks, and those that a model needs, have so long even where a slow start has used the time up."""
PART = 4
"""A part of the orders may double while it takes less than a fourth of what is left."""


def affordable(
    orders: Sequence[Order],
    left_s: float,
    first: int,
    full: int,
    seconds: Callable[[Sequence[Order]], float],
) -> int:
    """How many of the orders to train now, from the first on.

    A part at a time, so that each is planned by what the last one took. Of the time left the training of one trial in
    full is kept, as long as the orders are shorter: the best one is to be trained so.

    Args:
        orders: of the same epochs.
        left_s: seconds left for all of them.
        first: how many to begin with.
        full: epochs of a trial that trains in full.
        seconds: what orders are expected to take.

    >>> orders = [Order(number, {}, 9, (0,)) for number in range(64)]
    >>> [affordable(orders, left, 4, 9, lambda some: len(some)) for left in (1000.0, 100.0, 3.0, 0.5)]
    [64, 16, 2, 0]
    """
    count = min(first, len(orders))
    if orders[0].epochs < full:
        left_s -= seconds([replace(orders[0], epochs=full)])
    while 2 * count <= len(orders) and seconds(orders[: 2 * count]) < left_s / PART:
        count *= 2
    while count and seconds(orders[:count]) > left_s:
        count //= 2
    return count
