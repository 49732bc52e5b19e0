"""How much single columns tell about the target: mutual information, permutation importance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.inspection import permutation_importance

from retemper.core.seeds import generator
from retemper.data.features.goal import BINS, TARGET_BINS, Codes, Goal, quantile_codes
from retemper.data.scaling import Floats

ROWS, CELLS = 20_000, 20_000_000
LEAST_ROWS = 2_000
SHUFFLED_SCORES = 200
ROWS_A_BIN, LEAST_BINS = 50, 4
FOREST_ROWS, HELD_ROWS, FOREST_COLUMNS = 6_000, 1_000, 100
TREES, LEAF_ROWS = 32, 4


def sampled_rows(rows: int, columns: int, most: int = ROWS) -> Codes:
    """Row numbers, in order, that a choice of features looks at: all, or a fixed random sample.

    At most ``most`` rows, and fewer where columns are many: 20 million cells in all, yet 2,000 rows at least.

    >>> len(sampled_rows(100, 3)), len(sampled_rows(1_000_000, 3)), len(sampled_rows(1_000_000, 5_000))
    (100, 20000, 4000)
    """
    wanted = min(most, max(LEAST_ROWS, CELLS // max(1, columns)))
    if rows <= wanted:
        return np.arange(rows)
    return np.sort(generator(0, "feature rows").choice(rows, wanted, replace=False))


@dataclass(frozen=True)
class Information:
    """What one column tells about the target, in nats, less what chance alone would give.

    I(X; Y) = Σ p(x, y) ln(p(x, y)/(p(x)p(y))), less (|X| − 1)(|Y| − 1)/(2N), its bias where X and Y have nothing
    in common (Miller 1955, "Note on the bias of information estimates"). ``spread`` is its standard deviation then,
    for 2N·I is χ² distributed with (|X| − 1)(|Y| − 1) degrees of freedom.
    """

    nats: float
    spread: float

    @classmethod
    def of(cls, codes: Codes, target: Codes) -> Information:
        """Measure it on codes from 0 [rows] of both.

        >>> y = np.arange(1000) % 2
        >>> round(Information.of(y, y).nats, 2), abs(Information.of(np.arange(1000) // 2 % 5, y).nats) < 0.01
        (0.69, True)
        """
        n, width = len(target), int(target.max()) + 1
        joint = np.bincount(codes * width + target, minlength=(int(codes.max()) + 1) * width)
        joint = joint.reshape(-1, width)
        rows, columns = joint.sum(1), joint.sum(0)
        freedom = (np.count_nonzero(rows) - 1) * (np.count_nonzero(columns) - 1)
        nats = _plogp(joint.ravel() / n) - _plogp(rows / n) - _plogp(columns / n)
        return cls(float(nats - freedom / (2 * n)), math.sqrt(2 * freedom) / (2 * n))


def _plogp(p: Floats) -> float:
    present = p[p > 0]
    return float(present @ np.log(present))


def by_information(numbers: Floats, levels: NDArray[np.int64], goal: Goal) -> tuple[Floats, Floats]:
    """Mutual information of every column with the target, and what it would reach with a shuffled one.

    Args:
        numbers: float64 [rows, F], NaN for missing.
        levels: codes of categories [rows, K].
        goal: of the same rows.

    Returns:
        scores [F + K], and what noise reaches in each column: as many standard deviations as the largest of 200 or more
        scores with a shuffled target.
    """
    # Chance grows with the number of bins: of few rows coarse bins see more.
    bins = max(LEAST_BINS, len(levels) // ROWS_A_BIN)
    coded = [quantile_codes(column, min(BINS, bins)) for column in numbers.T] + list(levels.T)
    target = goal.codes(min(TARGET_BINS, bins))
    order = generator(0, "shuffled target")
    largest = 0.0
    for _ in range(math.ceil(SHUFFLED_SCORES / max(1, len(coded)))):
        shuffled = order.permutation(target)
        noise = [Information.of(codes, shuffled) for codes in coded]
        largest = max(largest, *(own.nats / own.spread for own in noise if own.spread > 0), 0.0)
    found = [Information.of(codes, target) for codes in coded]
    return np.array([own.nats for own in found]), largest * np.array([own.spread for own in found])


def by_permutation(numbers: Floats, levels: NDArray[np.int64], goal: Goal) -> tuple[Floats, Floats]:
    """The order in which columns are given up, the least important half of them in each round.

    Each round fits a small forest and shuffles one column after the other in rows that it did not learn from; what that
    costs is the column's permutation importance (Breiman 2001, "Random forests"). Of columns that say the same none
    looks important while the others are there, hence the rounds (Guyon et al. 2002, "Gene selection for cancer
    classification"). Unlike mutual information it sees what columns tell together. Of more than 100 columns the 100
    with the most mutual information are taken to start with.

    Args: as of :func:`by_information`.

    Returns:
        scores [F + K], the round that a column reached plus its place there, between 0 and 1; and the round whose
        columns had the lowest loss on the rows that were not learnt from, [F + K] times: above it are its columns.
    """
    every = np.concatenate([np.where(np.isnan(numbers), _below(numbers), numbers), levels], axis=1)
    every = np.clip(every, -1e30, 1e30).astype(np.float32)
    order = generator(0, "permutation importance").permutation(len(every))[:FOREST_ROWS]
    held, learn = np.split(order, [min(HELD_ROWS, len(order) // 3)])
    alive, scores, losses = np.arange(every.shape[1]), np.zeros(every.shape[1]), []
    while len(alive):
        if len(alive) > FOREST_COLUMNS:
            loss, importance = np.inf, by_information(numbers, levels, goal)[0]
        else:
            rows = [(every[np.ix_(part, alive)], goal.values[part]) for part in (learn, held)]
            loss, importance = _forest_round(*rows)
        losses.append(loss)
        ranked = alive[np.argsort(importance, kind="stable")]
        scores[ranked] = len(losses) - 1 + (np.arange(len(ranked)) + 1) / (len(ranked) + 1)
        alive = np.sort(ranked[len(ranked) - min(len(ranked) // 2, FOREST_COLUMNS) :])
    best = len(losses) - 1 - int(np.argmin(losses[::-1]))
    return scores, np.full(len(scores), float(best))


_Rows = tuple[NDArray[np.float32], NDArray[Any]]


def _forest_round(learn: _Rows, held: _Rows) -> tuple[float, Floats]:
    """The held rows' loss of a forest, and what shuffling each column adds to it."""
    seeds = generator(0, "permutation importance", 1).integers(2**31, size=2).tolist()
    make = RandomForestRegressor if learn[1].dtype.kind == "f" else RandomForestClassifier
    forest = make(TREES, min_samples_leaf=LEAF_ROWS, max_features=0.6, random_state=seeds[0]).fit(*learn)
    found = permutation_importance(
        forest, *held, scoring=lambda *args: -_forest_loss(*args), n_repeats=1, random_state=seeds[1]
    )
    return _forest_loss(forest, *held), found.importances_mean


def _forest_loss(forest: Any, x: NDArray[np.float32], y: NDArray[Any]) -> float:
    """Squared error, or log loss with no probability under 1 in 1,000."""
    if y.dtype.kind == "f":
        return float(np.square(forest.predict(x) - y).mean())
    found = forest.predict_proba(x)
    place = np.searchsorted(forest.classes_, y).clip(max=len(forest.classes_) - 1)
    told = np.where(forest.classes_[place] == y, found[np.arange(len(y)), place], 0.0)
    return float(-np.log(np.maximum(told, 1e-3)).mean())


def _below(numbers: Floats) -> Floats:
    """For each column a value under all of its own, so that trees can tell missing cells apart."""
    low = np.where(np.isnan(numbers), np.inf, numbers).min(axis=0, initial=np.inf)
    low = np.where(np.isfinite(low), low, 1.0)
    return np.asarray(low - 1 - np.abs(low) * 1e-3)
