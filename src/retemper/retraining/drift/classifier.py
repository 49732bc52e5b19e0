"""All columns together: can a classifier tell current rows from reference rows that it has not seen?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import config_context
from sklearn.tree import ExtraTreeRegressor

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples.encoded import encoded
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.monte_carlo import Floats, p_value, shuffled
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "all columns together, by trees that tell current from reference rows"
FEWEST_ROWS, MOST_ROWS = 20, 2_000
"""Of each side."""
TREES, LEAF_ROWS = 60, 5


def run(samples: TwoSamples) -> Found:
    """One test, of at most 2,000 rows of each side (Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests").

    Extremely randomised trees learn the side from half of the rows of each side. Given that half, every deal of the
    sides to the other half is as likely as every other when the sides are alike: the ROC AUC there has an exact
    permutation p-value.

    Raises:
        NotApplicable: there is no column, or a side has fewer than 20 rows.
    """
    if not samples.columns:
        raise NotApplicable("there is no column to compare")
    if min(samples.n_reference, samples.n_current) < FEWEST_ROWS:
        raise NotApplicable(f"a side has fewer than {FEWEST_ROWS} rows, too few to learn from")
    rows, is_current = samples.sampled(MOST_ROWS)
    matrix = encoded(samples, rows, indicators=False).astype(np.float32)
    draw = samples.generator("classifier")
    learnt = _half(is_current, draw)
    scores = _scored(matrix[learnt], is_current[learnt], matrix[~learnt], draw)
    auc, found = _told_apart(scores, is_current[~learnt], draw, samples.draws(1))
    return Found((Tested("all columns", "classifier, held-out ROC AUC", auc, found),), by_column=False)


def _scored(
    learnt: NDArray[np.float32],
    sides: NDArray[np.bool_],
    held_out: NDArray[np.float32],
    draw: np.random.Generator,
) -> Floats:
    """How current each held-out row looks: the sum of trees of squares on 0 and 1, which split by Gini's index."""
    values, weights = sides.astype(np.float64), np.where(sides, 1 / sides.sum(), 1 / (~sides).sum())
    scores = np.zeros(len(held_out))
    # One by one: a forest of them spends a third of its time on cloning them.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for seed in draw.integers(2**31, size=TREES).tolist():
            tree = ExtraTreeRegressor(max_features="sqrt", min_samples_leaf=LEAF_ROWS, random_state=seed)
            scores += tree.fit(learnt, values, weights).predict(held_out)
    return scores


def _half(is_current: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Half of the rows of each side, at random."""
    chosen = np.zeros(len(is_current), dtype=np.bool_)
    for side in (False, True):
        rows = np.flatnonzero(is_current == side)
        chosen[generator.choice(rows, len(rows) // 2, replace=False)] = True
    return chosen


def _told_apart(
    scores: Floats, is_current: NDArray[np.bool_], generator: np.random.Generator, most: int
) -> tuple[float, float]:
    """ROC AUC of scores, and its permutation p-value against .5, one-sided."""
    ranks = rankdata(scores)
    n_current = int(is_current.sum())
    lowest, pairs = n_current * (n_current + 1) / 2, n_current * (len(ranks) - n_current)

    def auc(sides: NDArray[np.bool_]) -> Floats:
        return np.asarray((sides @ ranks - lowest) / pairs)

    observed = float(auc(is_current))
    return observed, p_value(observed, lambda count: auc(shuffled(is_current, count, generator)), most)
