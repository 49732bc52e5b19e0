"""Many columns of levels tested together: one set of random deals of the sides for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import gammaincc

from retemper.data.schema import Column
from retemper.retraining.two_samples.count_tables import Counts
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.monte_carlo import ENOUGH, ROUNDING, Floats, shuffled
from retemper.retraining.two_samples.samples import TwoSamples

FROM_COLUMNS = 31
"""With fewer columns, drawing tables for each of them costs less."""
PILOT, BATCH = 100, 250
MOST_CELLS = 5_000_000
"""Of both sides together; of more rows, as many are taken at random."""
RARE = 0.01
"""Added to each mean and variance: a statistic that no pilot deal has moved may move in one of a hundred."""
Statistic = Callable[[Floats, Floats], Floats]


def test(
    samples: TwoSamples, columns: Sequence[Column], statistic: Statistic, name: str, family: str
) -> Found:
    """One test a column, with p-values that are corrected for all of them (Westfall & Young 1993, single-step max-T).

    Rows are dealt to the sides anew, whole, so that columns keep their dependence. Each column's statistic is put on
    one scale: the upper tail of a gamma distribution with the mean and variance that pilot deals show. A column's
    corrected p-value is the share of further deals whose largest column reaches it, sequential as in
    :func:`retemper.retraining.two_samples.monte_carlo.p_value`. Its resolution does not fall with the number of
    columns, as that of a correction by their number would.

    Args:
        samples: both sides.
        columns: of levels.
        statistic: of the rows of each cell on both sides [K] and of the current side [K, deals]: large speaks against
            "alike".
        name: of the test.
        family: whose random numbers are taken.
    """
    draw, most = samples.generator(family), samples.draws(1)
    rows, is_current = samples.sampled(max(500, MOST_CELLS // len(columns) // 2))
    tables = [_Levels(samples.levels(column)[rows]) for column in columns]

    def statistics(deals: NDArray[np.bool_]) -> Floats:
        sides = np.ascontiguousarray(deals.T, dtype=np.float32)
        return np.stack([statistic(table.total, table.counts(sides)) for table in tables])

    found = statistics(is_current[None])[:, 0]
    pilot = statistics(shuffled(is_current, PILOT, draw))
    mean, variance = (pilot.mean(axis=1) + RARE)[:, None], (pilot.var(axis=1) + RARE)[:, None]

    def scores(values: Floats) -> Floats:
        tails = gammaincc(mean**2 / variance, values * mean / variance)
        return np.asarray(-np.log(np.maximum(tails, np.finfo(float).tiny)))

    observed = scores(found[:, None])[:, 0] * (1 - ROUNDING)
    largest = np.empty(0)
    while len(largest) < most and (largest >= observed.max()).sum() < ENOUGH:
        deals = shuffled(is_current, min(BATCH, most - len(largest)), draw)
        largest = np.concatenate([largest, scores(statistics(deals)).max(axis=0)])
    tests = [
        Tested(column.name, name, float(value), _sequential(largest >= score, most))
        for column, value, score in zip(columns, found, observed, strict=True)
    ]
    return Found(tuple(tests), corrected=True)


def chi_square(total: Floats, current: Floats) -> Floats:
    """Pearson's statistic [deals] of tables; 0 where a side has no rows."""
    rows, n_current = total.sum(), current.sum(axis=0)
    n_reference = rows - n_current
    expected = total[:, None] * (n_current / rows)
    squares = ((current - expected) ** 2 / total[:, None]).sum(axis=0)
    return np.asarray(squares * rows**2 / np.maximum(n_reference * n_current, 1.0))


def unseen(total: Floats, current: Floats) -> Floats:
    """Current rows [deals] in cells that the reference has none of."""
    return np.asarray((current * (current == total[:, None])).sum(axis=0))


def _sequential(hits: NDArray[np.bool_], most: int) -> float:
    so_far = np.cumsum(hits)
    if so_far[-1] >= ENOUGH:
        return ENOUGH / (int(np.argmax(so_far >= ENOUGH)) + 1)
    return float((so_far[-1] + 1) / (most + 1))


class _Levels:
    """A column's cells, ready to be counted for many deals: all but the most frequent one are added up."""

    def __init__(self, codes: Counts) -> None:
        """Codes [N] of levels, -1 where missing."""
        rows = len(codes)
        known, places, sizes = np.unique(codes, return_inverse=True, return_counts=True)
        order = np.argsort(-sizes, kind="stable")
        ranks = np.argsort(order, kind="stable")[places]
        # Rows by cell, which is what the column indices of a sparse indicator matrix are.
        ends = np.cumsum(sizes[order])
        of_others = np.argsort(ranks, kind="stable")[ends[0] :]
        ones = np.ones(len(of_others), dtype=np.float32)
        self._others = csr_array((ones, of_others, ends - ends[0]), shape=(len(known) - 1, rows))
        self._there = known[order] >= 0
        self.total = sizes[order][self._there].astype(np.float64)

    def counts(self, sides: NDArray[np.float32]) -> Floats:
        """Current rows [K, deals] of each level; ``sides`` [N, deals] is 1 for current rows."""
        others = np.asarray(self._others @ sides, dtype=np.float64)
        most_frequent = sides.sum(axis=0, dtype=np.float64) - others.sum(axis=0)
        return np.concatenate([most_frequent[None], others])[self._there]
