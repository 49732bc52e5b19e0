"""How much single columns tell about the target: mutual information, permutation importance."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.inspection import permutation_importance

from retemper.core.seeds import generator
from retemper.data.features.goal import Codes, Goal, quantile_codes
from retemper.data.scaling import Floats

ROWS, CELLS = 20_000, 20_000_000
LEAST_ROWS = 2_000
SHUFFLED_SCORES = 200
FOREST_ROWS, FOREST_COLUMNS = 8_000, 200
TREES, LEAF_ROWS, REPEATS = 60, 3, 3


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


def information(columns: Iterable[Codes], target: Codes) -> Floats:
    """Mutual information of each column with the target, in nats, less what chance alone would give.

    I(X; Y) = Σ p(x, y) ln(p(x, y)/(p(x)p(y))), less (|X| − 1)(|Y| − 1)/(2N), its bias where X and Y have nothing
    in common (Miller 1955, "Note on the bias of information estimates"). Around 0 for noise, either side of it.

    Args:
        columns: codes from 0 [rows] each.
        target: codes from 0 [rows].

    >>> y = np.arange(1000) % 2
    >>> information([y, np.arange(1000) // 2 % 5], y).round(2).tolist()
    [0.69, -0.0]
    """
    return np.array([_information(codes, target) for codes in columns])


def _information(codes: Codes, target: Codes) -> float:
    n, width = len(target), int(target.max()) + 1
    joint = np.bincount(codes * width + target, minlength=(int(codes.max()) + 1) * width).reshape(-1, width)
    rows, columns = joint.sum(1), joint.sum(0)
    bias = (np.count_nonzero(rows) - 1) * (np.count_nonzero(columns) - 1) / (2 * n)
    entropy = _plogp(rows / n) + _plogp(columns / n) - _plogp(joint.ravel() / n)
    return float(-entropy - bias)


def _plogp(p: Floats) -> float:
    present = p[p > 0]
    return float(present @ np.log(present))


def by_information(numbers: Floats, levels: NDArray[np.int64], goal: Goal) -> tuple[Floats, float]:
    """Mutual information of every column, and the largest that columns have with a shuffled target.

    Args:
        numbers: float64 [rows, F], NaN for missing.
        levels: codes of categories [rows, K].
        goal: of the same rows.

    Returns:
        scores [F + K], and the score that noise reaches: the largest of 200 or more.
    """
    coded = [quantile_codes(column) for column in numbers.T] + list(levels.T)
    target = goal.codes()
    order = generator(0, "shuffled target")
    rounds = math.ceil(SHUFFLED_SCORES / max(1, len(coded)))
    noise = [information(coded, order.permutation(target)) for _ in range(rounds)]
    return information(coded, target), float(np.max(noise, initial=0.0))


def by_permutation(numbers: Floats, levels: NDArray[np.int64], goal: Goal) -> tuple[Floats, float]:
    """Permutation importance of every column in a small forest, on rows that it did not learn from.

    The importance is what the score (accuracy or R²) loses when the column's cells are shuffled (Breiman 2001, "Random
    forests"). It sees what columns tell together, which mutual information does not. Beyond 200 columns the 200
    with the most mutual information take part; the others score below 0.

    Args, returns: as of :func:`by_information`; noise reaches the size of the most negative importance.
    """
    every = np.concatenate([np.where(np.isnan(numbers), _below(numbers), numbers), levels], axis=1)
    taking_part = np.arange(every.shape[1])
    if len(taking_part) > FOREST_COLUMNS:
        known = by_information(numbers, levels, goal)[0]
        taking_part = np.sort(np.argsort(-known, kind="stable")[:FOREST_COLUMNS])
    order = generator(0, "permutation importance").permutation(len(every))[:FOREST_ROWS]
    learn, held = order[: 2 * len(order) // 3], order[2 * len(order) // 3 :]
    make = ExtraTreesClassifier if goal.labels else ExtraTreesRegressor
    seed = int(generator(0, "permutation importance", 1).integers(2**31))
    forest = make(TREES, min_samples_leaf=LEAF_ROWS, max_features=0.5, random_state=seed)
    x = every[:, taking_part].astype(np.float32)
    forest.fit(x[learn], goal.values[learn])
    found = permutation_importance(forest, x[held], goal.values[held], n_repeats=REPEATS, random_state=seed)
    scores = np.full(every.shape[1], -np.inf)
    scores[taking_part] = found.importances_mean
    return scores, float(max(0.0, -found.importances_mean.min(initial=0.0)))


def _below(numbers: Floats) -> Floats:
    """For each column a value under all of its own, so that trees can tell missing cells apart."""
    low = np.where(np.isnan(numbers), np.inf, numbers).min(axis=0, initial=np.inf)
    return np.where(np.isfinite(low), low - 1 - np.abs(low) * 1e-3, 0.0)
