"""Tables of several groups of rows, tested together: sides are permuted within each group only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.monte_carlo import Floats, p_value


def chi_square(tables: Sequence[CountTable], draw: np.random.Generator, most: int) -> tuple[float, float]:
    """Pearson's chi-square summed over the groups that hold rows of both sides, and its p-value.

    Args:
        tables: one a group.
        draw: for the random tables.
        most: random tables at most.

    >>> table = CountTable(np.array([50, 50]), np.array([50, 0]))
    >>> chi_square([table, table], np.random.default_rng(0), 999)
    (200.0, 0.001)
    """
    tables = [table for table in tables if 0 not in table.n]
    if not tables:
        return 0.0, 1.0
    draws = [table.draws(draw) for table in tables]

    def statistics(count: int) -> Floats:
        of_groups = [table.chi_square(drawn(count)) for table, drawn in zip(tables, draws, strict=True)]
        return np.asarray(np.sum(of_groups, axis=0))

    observed = float(sum(table.chi_square(table.current) for table in tables))
    return observed, p_value(observed, statistics, most)
