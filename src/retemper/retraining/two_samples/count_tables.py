"""A column as a table of counts, cells x {reference, current}, and random tables with the same margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.retraining.two_samples.monte_carlo import Floats, p_value

Counts = NDArray[np.int64]
MOST_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class CountTable:
    """How many rows of each cell there are, in all and on the current side.

    When the sides are alike, every choice of rows for the current side is as likely as every other, so that its counts
    given the totals are multivariate hypergeometric: tables are drawn from that, whatever the number of rows.

    Args:
        total: int64 [K], above 0: rows of each cell on both sides together.
        current: int64 [K]: those of the current side.

    >>> table = CountTable.of(np.array([0, 0, 1, 1]), np.array([False, False, True, True]))
    >>> table.total.tolist(), table.current.tolist(), float(table.chi_square(table.current))
    ([2, 2], [0, 2], 4.0)
    """

    total: Counts
    current: Counts

    @classmethod
    def of(cls, cells: Counts, is_current: NDArray[np.bool_]) -> CountTable:
        """The table of rows by their cells [N], numbers from 0; empty cells are left out."""
        total = np.bincount(cells)
        current = np.bincount(cells[is_current], minlength=len(total))
        return cls(total[total > 0], current[total > 0])

    @property
    def n(self) -> tuple[int, int]:
        """Rows of the reference and of the current side."""
        current = int(self.current.sum())
        return int(self.total.sum()) - current, current

    def draws(self, generator: np.random.Generator) -> Callable[[int], Counts]:
        """A function that gives the current side's counts [count, K] of random tables with these margins."""
        _, current = self.n
        return lambda count: generator.multivariate_hypergeometric(
            self.total, current, size=count, method="marginals"
        )

    def p_value(
        self, statistic: Callable[[Counts], Floats | float], generator: np.random.Generator, most: int
    ) -> float:
        """The Monte Carlo p-value of a statistic of the current side's counts [..., K].

        Args:
            statistic: large speaks against "alike".
            generator: for the tables.
            most: tables at most.
        """
        draw = self.draws(generator)
        at_once = max(16, MOST_CELLS_AT_ONCE // len(self.total))

        def statistics(count: int) -> Floats:
            sizes = [min(at_once, count - start) for start in range(0, count, at_once)]
            return np.concatenate([np.asarray(statistic(draw(size))) for size in sizes])

        return p_value(float(statistic(self.current)), statistics, most)

    def chi_square(self, current: Counts) -> Floats:
        """Pearson's statistic of the counts [..., K] against equal shares of the cells on both sides."""
        n_reference, n_current = self.n
        rows = n_reference + n_current
        expected = self.total * (n_current / rows)
        scale = rows**2 / (n_reference * n_current * self.total)
        return np.asarray(((current - expected) ** 2 * scale).sum(axis=-1))

    def largest_step(self, current: Counts) -> Floats:
        """Kolmogorov and Smirnov's statistic of the counts [..., K] of cells in their order."""
        n_reference, n_current = self.n
        gaps = np.cumsum(current / n_current - (self.total - current) / n_reference, axis=-1)
        return np.asarray(np.abs(gaps).max(axis=-1))

    def unseen(self, current: Counts) -> Floats:
        """Current rows in cells that the reference has none of."""
        return np.asarray((current * (current == self.total)).sum(axis=-1, dtype=np.float64))
