"""Numbers far from all others: bounds to clip them to, and training rows to leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from retemper.core.prepare_options import PrepareOptions
from retemper.core.seeds import generator
from retemper.data.scaling import Floats

NORMAL_IQR = 1.349
TREES, TREE_ROWS = 100, 256


@dataclass(frozen=True)
class Bounds:
    """The range [low, high] of each column beyond which a value counts as an outlier.

    It ends where the robust z-score, (x − median)/(interquartile range/1.349), reaches ±``distance``: the
    interquartile range of a normal distribution is 1.349 standard deviations. A column with equal quartiles (mostly
    zeros, say) has no outliers by this measure: its bounds are the largest floats.
    """

    low: Floats
    high: Floats

    @classmethod
    def fit(cls, x: Floats, distance: float) -> Bounds:
        """Fit on training rows' numbers [rows, F], NaN for missing.

        >>> bounds = Bounds.fit(np.arange(101.0)[:, None], 3.0)
        >>> bounds.apply(np.array([[1e9], [np.nan]])).round(1).ravel().tolist()
        [161.2, nan]
        """
        no_end = np.finfo(np.float64).max
        low, high = np.full(x.shape[1], -no_end), np.full(x.shape[1], no_end)
        for k, column in enumerate(x.T):
            present = column[~np.isnan(column)]
            if not len(present):
                continue
            lower, middle, upper = np.quantile(present, [0.25, 0.5, 0.75])
            if upper > lower:
                reach = distance * (upper - lower) / NORMAL_IQR
                low[k], high[k] = middle - reach, middle + reach
        return cls(low, high)

    def beyond(self, x: Floats) -> NDArray[np.bool_]:
        """Which cells [rows, F] are outliers; missing ones are not."""
        return np.asarray((x < self.low) | (x > self.high))

    def apply(self, x: Floats) -> Floats:
        """x with outliers set to the nearest bound."""
        return np.clip(x, self.low, self.high)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Bounds:
        """The bounds that :meth:`to_json` wrote."""
        return cls(*(np.array(data[end], dtype=np.float64) for end in ("low", "high")))


Judge = Callable[[Floats], NDArray[np.bool_]]
"""Numbers of any rows [rows, F] → which of them are outliers [rows]."""


def outlying_rows(x: Floats, options: PrepareOptions) -> NDArray[np.bool_]:
    """The training rows [rows] that ``options.outliers`` leaves out, by their numbers x [rows, F]."""
    return outlying_by(x, options)(x)


def outlying_by(x: Floats, options: PrepareOptions) -> Judge:
    """What ``options.outliers`` takes for an outlier, fitted on the numbers x [rows, F] of training rows.

    ``drop``: rows with a cell beyond ``outlier_distance``; ``isolation_forest``: rows that are as isolated as the
    ``outlier_share`` most isolated of these.
    """
    if options.outliers == "isolation_forest":
        return isolated_by(x, options.outlier_share)
    bounds = Bounds.fit(x, options.outlier_distance)
    return lambda others: np.asarray(bounds.beyond(others).any(axis=1))


def isolated_by(x: Floats, share: float) -> Judge:
    """Isolated are the rows that an isolation forest cuts off from the others first.

    Random trees part rare combinations of values from the rest in few cuts (Liu et al. 2008, "Isolation forest").

    Args:
        x: numbers [rows, F] of the rows that it is fitted on, NaN for missing (the median takes its place).
        share: of these rows, between 0 and .5, is isolated: at most so many of them.

    >>> x = np.r_[np.random.default_rng(0).normal(size=(99, 2)), [[9.0, -9.0]]]
    >>> np.flatnonzero(isolated_by(x, 0.01)(x)).tolist()
    [99]
    """
    count = int(share * len(x))
    if not count or not x.shape[1]:
        return lambda others: np.zeros(len(others), dtype=bool)
    middle = np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0.0 for c in x.T])

    def filled(others: Floats) -> Floats:
        return np.clip(np.where(np.isnan(others), middle, others), -1e30, 1e30)  # trees compare in float32

    seed = int(generator(0, "isolation forest").integers(2**31))
    forest = IsolationForest(n_estimators=TREES, max_samples=min(TREE_ROWS, len(x)), random_state=seed)
    scores = forest.fit(filled(x)).score_samples(filled(x))
    least = np.partition(scores, count)[count]
    one_at_a_time = Lock()  # scikit-learn changes the warning filters of the whole process while it scores

    def judge(others: Floats) -> NDArray[np.bool_]:
        with one_at_a_time:
            return np.asarray(forest.score_samples(filled(others)) < least)

    return judge
