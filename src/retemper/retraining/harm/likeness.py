"""How much more often does a reference row's like come up among the new rows? Importance weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from retemper.evaluation.calibration import fit_temperature
from retemper.evaluation.weighted import Floats
from retemper.retraining.harm.rows import Rows

FOLDS, TREES, LEAF_ROWS = 5, 50, 20
FEWEST_ROWS = 30
"""Of each side; fewer teach no weights."""
SMALLEST = 1e-6


@dataclass(frozen=True)
class Likeness:
    """Importance weights w(x) = p_new(x) / p_reference(x) of the reference rows.

    Args:
        weights: of mean 1, at most √n [n].
        effective_rows: so many rows without weights vary as little, (Σw)² / Σw² (Kish 1965).
        beyond: share of the new rows that are unlike any reference row: their ratio is above √n.
    """

    weights: Floats
    effective_rows: float
    beyond: float

    @property
    def shift(self) -> float:
        """Variance of the weights, the χ² divergence of new from reference rows; 1 where half of them went away."""
        return len(self.weights) / self.effective_rows - 1


def likeness(reference: Rows, new: Rows, seed: int) -> Likeness:
    """The odds of a classifier that tells new rows from reference rows (Sugiyama, Suzuki and Kanamori 2012).

    A logistic regression and boosted trees are cross-fitted, so that no row is judged by what learnt from it; the
    better one's log odds are divided by the temperature that held-out rows ask for. Without a shift nothing can be
    told apart, the temperature is high, and all weights are 1. Weights are cut at √n (Ionides 2008): beyond, a few
    rows would speak for all.

    Args:
        reference, new: at least 30 rows each; features and outputs are looked at.
        seed: of the folds.

    >>> x = np.linspace(-2, 2, 400)
    >>> then, later = (Rows.of("regression", np.zeros(n), features=x[-n:, None]) for n in (400, 200))
    >>> found = likeness(then, later, 0)
    >>> bool(found.weights[300:].mean() > 5 * found.weights[:100].mean()), found.beyond
    (True, 0.0)
    """
    table = np.vstack([_seen(reference), _seen(new)])
    side = np.repeat([0, 1], [reference.count, new.count])
    weight = np.concatenate([own.weight / own.weight.sum() for own in (reference, new)]) * len(side) / 2
    odds = _log_odds(table, side, weight, _groups(reference, new), seed)
    ratio = np.exp(np.clip(odds, -50, 50))
    own = ratio[side == 0] / np.average(ratio[side == 0], weights=reference.weight)
    most = float(np.sqrt(reference.count))
    cut = np.minimum(own, most)
    cut /= np.average(cut, weights=reference.weight)
    both = reference.weight * cut
    ratio_of_rows = (both.sum() ** 2 / (both**2).sum()) / (
        reference.weight.sum() ** 2 / (reference.weight**2).sum()
    )
    beyond = float(np.average(ratio[side == 1] > most, weights=new.weight))
    return Likeness(cut, float(min(1.0, ratio_of_rows) * reference.count), beyond)


def _seen(rows: Rows) -> Floats:
    """The features, and what the model says: that is what its losses depend on most."""
    if rows.task == "regression":
        return np.column_stack([rows.features, rows.outputs, rows.spread])
    said = rows.outputs[:, 1:] if rows.outputs.shape[1] == 2 else rows.outputs
    odds = np.log(np.clip(said, SMALLEST, 1 - SMALLEST) / (1 - np.clip(said, SMALLEST, 1 - SMALLEST)))
    return np.column_stack([rows.features, odds])


def _groups(reference: Rows, new: Rows) -> NDArray[Any] | None:
    """One number a group; None where rows are independent, or a side has too few groups to hold some out.

    Then a group is known again from its other rows, weights are extreme, and few effective rows are left: safe.
    """
    if reference.group is None or new.group is None:
        return None
    if min(len(np.unique(own)) for own in (reference.group, new.group)) < FOLDS:
        return None
    return np.unique(np.concatenate([reference.group, new.group]), return_inverse=True)[1]


def _log_odds(
    table: Floats, side: NDArray[np.int64], weight: Floats, group: NDArray[Any] | None, seed: int
) -> Floats:
    """Held-out, calibrated log odds of "new" [N], by the learner whose held-out log loss is lower."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    if group is not None:
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    held_out = np.zeros((2, len(side)))
    for learnt, judged in folds.split(table, side, group):
        for place, learner in enumerate(_learners()):
            step = f"{learner.steps[-1][0]}__sample_weight"
            learner.fit(table[learnt], side[learnt], **{step: weight[learnt]})
            p = np.clip(learner.predict_proba(table[judged])[:, 1], SMALLEST, 1 - SMALLEST)
            held_out[place, judged] = np.log(p / (1 - p))
    calibrated = []
    for own in held_out:
        logits = np.stack([np.zeros_like(own), own], 1)
        own = own / fit_temperature(logits, side, weight)
        loss = float(np.average(np.logaddexp(0, np.where(side == 1, -own, own)), weights=weight))
        calibrated.append((loss, own))
    return min(calibrated, key=lambda pair: pair[0])[1]


def _learners() -> tuple[Any, ...]:
    trees = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=15, min_samples_leaf=LEAF_ROWS, l2_regularization=1.0,
        early_stopping=False, random_state=0,
    )  # fmt: skip
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    return (
        make_pipeline(filled, StandardScaler(), LogisticRegression(max_iter=1000)),
        make_pipeline(trees),
    )
