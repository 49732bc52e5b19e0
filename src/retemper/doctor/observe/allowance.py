"""What the doctor may spend on a large network: a share of the training so far, in operations counted, not by a clock.

Operations are priced in seconds of one processor, so that work of different kinds can be compared; how long
anything really takes decides nothing, and the seed alone fixes what is found.
"""

from __future__ import annotations

import math

from retemper.doctor.case import Network

LARGE = 50_000
"""From so many parameters on the doctor keeps to a share of the training; smaller ones train in moments anyway."""
SHARE, FLOOR_S = 0.015, 0.06
"""Of the training, and what is spent in any case, on what is looked at once."""
CALL_S, PRODUCT_S = 15e-6, 2.5e-11
"""A call of an operation, and a product by a weight, each forward alone; backward costs twice as much again."""
JUDGED_SHARE, FEWEST_JUDGED = 0.01, 512
"""Rows that the network is judged by in the end: of the rows it was trained on, and in any case."""


def products_of(network: Network) -> float:
    """Products by weights of one row's pass; where calls could not be followed, each parameter once.

    >>> from retemper.doctor.case import Operation
    >>> products_of(Network((Operation("linear", (64, 10), inputs=20),), (64, 10), 0.0, 1.0, 210))
    200.0
    """
    rows = network.shape[0] if network.shape else 1
    of_all = sum(math.prod(each.shape) * each.inputs for each in network.operations)
    return of_all / max(rows, 1) or float(network.parameters)


def training_s(network: Network, steps: int, rows: int) -> float:
    """The price of a training so far.

    Args:
        network: as it was found at the start.
        steps: of the optimizer.
        rows: of all batches together.
    """
    return 3 * (steps * len(network.operations) * CALL_S + rows * products_of(network) * PRODUCT_S)


def allowed_s(network: Network | None, steps: int, rows: int) -> float:
    """What may be spent on what is looked at once; without bound on a small network, and before any training."""
    if network is None or network.parameters < LARGE or not steps:
        return math.inf
    return max(FLOOR_S, SHARE * training_s(network, steps, rows))


def judged_rows(network: Network | None, rows: int, most: int) -> int:
    """How many rows the network is judged by.

    >>> judged_rows(Network((), (64, 10), 0.0, 1.0, 200_000), rows=100_000, most=2048)
    1000
    """
    if network is None or network.parameters < LARGE or not rows:
        return most
    return min(most, max(FEWEST_JUDGED, int(JUDGED_SHARE * rows)))
