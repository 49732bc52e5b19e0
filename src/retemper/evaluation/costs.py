"""What mistakes cost: the class of least expected cost, and the mean cost a row with its interval.

With costs L[t, c] of calling a row of class t a c, and probabilities p, calling c is expected to cost Σ_t p_t·L[t, c];
the c where that is least is the best call there is, if the probabilities are right (Elkan 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from retemper.core.records import Score
from retemper.evaluation.share_intervals import share_interval

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Costs:
    """``matrix[t][c]``: the cost of a row of class t that is called c, 0 or more; a right call costs 0."""

    matrix: tuple[tuple[float, ...], ...]

    @property
    def table(self) -> Floats:
        """The matrix [C, C]."""
        return np.asarray(self.matrix, dtype=np.float64)

    def least(self, probabilities: Floats) -> Codes:
        """The class of least expected cost of each row [N]; of equal ones, the likelier.

        Args:
            probabilities: rows that sum to 1 [N, C].

        >>> Costs(((0, 1), (9, 0))).least(np.array([[.85, .15], [.95, .05]])).tolist()
        [1, 0]
        """
        expected = probabilities @ self.table
        tie = expected <= expected.min(axis=1, keepdims=True) * (1 + 1e-12)
        return np.asarray(np.where(tie, probabilities, -1.0).argmax(axis=1), dtype=np.int64)

    def of_rows(self, y: Codes, called: Codes) -> Floats:
        """What each row costs [N]."""
        return np.asarray(self.table[y, called])

    def mean(
        self, y: Codes, called: Codes, weight: ArrayLike | None = None, units: csr_array | None = None
    ) -> Score:
        """The mean cost a row, with a 95 % interval.

        The bootstrap is blind to dear mistakes that happen not to be among the rows. So the share of rows of each cost
        has a score interval of its own, combined as in :mod:`retemper.evaluation.share_intervals` (Zou and Donner
        2008); costs that no row had count as one more kind, the dearest of them, seen in no row.

        Args:
            y: true classes [N].
            called: the classes called [N].
            weight: sample weights [N].
            units: [N, G], 1 where a row belongs to a group; None: each row stands for itself.

        >>> found = Costs(((0, 1), (9, 0))).mean(np.zeros(100, int), np.zeros(100, int))
        >>> found.value, found.low, round(found.high, 2)
        (0.0, 0.0, 0.33)
        """
        w = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        own = self.of_rows(y, called)
        seen = np.unique(own[(own > 0) & (w > 0)])
        unseen = np.setdiff1d(self.table, np.append(seen, 0.0))
        prices = np.append(seen, unseen[-1:])
        if not len(prices):
            return Score(0.0, 0.0, 0.0)
        alike = (own == prices[:, None]).astype(np.float64)
        share = alike @ w / w.sum()
        influence = w * (alike - share[:, None])
        together = influence if units is None else np.asarray(influence @ units)
        alone, grouped = np.square(influence).sum(axis=1), np.square(together).sum(axis=1)
        # Rows that can't show how alike a group is are taken as all alike.
        most = 1.0 if units is None else np.square(w @ units).sum() / np.square(w).sum()
        design = np.maximum(1.0, np.where(alone > 0, grouped / np.where(alone > 0, alone, 1.0), most))
        trials = w.sum() ** 2 / np.square(w).sum() / design
        low, high = share_interval(share, trials)
        value = float(prices @ share)
        below, above = (_reach(prices * side, together) for side in (share - low, high - share))
        return Score(value, max(0.0, value - below), min(float(prices.max()), value + above))


def _reach(distance: Floats, influence: Floats) -> float:
    """√Σ d_k·d_l·ρ_kl: how far a sum may lie off whose parts may lie d_k off and correlate by ρ."""
    spread = np.sqrt(np.square(influence).sum(axis=1))
    scale = np.where(spread > 0, spread, 1.0)
    correlation = (influence @ influence.T) / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return float(np.sqrt(max(0.0, distance @ correlation @ distance)))
