"""Standard errors of any smooth metric: leave out one block of rows after the other."""

from __future__ import annotations

import numpy as np

from retemper.core.seeds import generator
from retemper.evaluation.weighted import Floats
from retemper.retraining.harm.rows import Rows

BLOCKS = 40


def left_out(rows: Rows, seed: int, blocks: int = BLOCKS) -> Floats:
    """Row weights of all rows, then without each block [N, 1 + B].

    Rows of a group are in one block; with fewer rows or groups than blocks, each is a block.

    Args:
        rows: 2 or more.
        seed: of the blocks.
        blocks: B.

    >>> rows = Rows.of("regression", np.zeros(3), weight=[1, 1, 2])
    >>> left_out(rows, 0).sum(axis=0).tolist()[0], left_out(rows, 0).shape
    (4.0, (3, 4))
    """
    units = rows.units
    count = int(units.max()) + 1
    block = generator(seed, "jackknife").permutation(count)[units] % blocks
    without = block[:, None] != np.arange(min(blocks, count))
    return np.asarray(rows.weight[:, None] * np.column_stack([np.ones(rows.count), without]))


def standard_error(values: Floats) -> float:
    """√((B − 1)/B · Σ(v − mean)²) of values with all rows, then without each block [1 + B] (Tukey 1958).

    >>> draw = np.random.default_rng(0).normal(size=1000)
    >>> weights = left_out(Rows.of("regression", draw), 0)
    >>> bool(.7 < standard_error(draw @ weights / weights.sum(axis=0)) * np.sqrt(1000) < 1.3)
    True
    """
    without = values[1:]
    if len(without) < 2:
        return np.inf
    share = (len(without) - 1) / len(without)
    return float(np.sqrt(share * np.square(without - without.mean()).sum()))
