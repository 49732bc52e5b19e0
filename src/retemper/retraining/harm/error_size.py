"""How large will a regression's error be on a row without its target? Learnt from rows that have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.evaluation.difficulty import Features, features_of, fit_difficulty, kinds_for
from retemper.evaluation.weighted import Floats
from retemper.retraining.harm.expected import error_power
from retemper.retraining.harm.rows import Rows

FOLDS = 3
LARGEST = float(np.finfo(np.float32).max)
"""Trees look at float32."""


def error_sizes(metric: str, reference: Rows, new: Rows, seed: int) -> tuple[Floats, Floats]:
    """Expected squared (RMSE) or absolute (MAE) errors of the reference rows, held out, and of the new rows.

    Direct loss estimation: a difficulty (constant, the networks' spread, or boosted trees on prediction, spread and
    inputs) is fitted fold by fold. The held-out likelihood of Laplace errors chooses among them, and the scale makes
    the mean right on the reference.

    Args:
        metric: ``rmse`` or ``mae``.
        reference: with labels.
        new: rows to predict for.
        seed: of folds and trees.

    Returns:
        (of the reference rows [n], of the new rows [m])

    >>> x = np.linspace(0, 1, 600)
    >>> errors = np.where(x > .5, 5.0, .1) * np.cos(np.arange(600))
    >>> then = Rows.of("regression", np.zeros(600), errors, features=x[:, None])
    >>> held_out, later = error_sizes("rmse", then, then.take(x > .6), 0)
    >>> bool(np.isclose(held_out.mean(), (errors**2).mean())), bool(later.mean() > 1.5 * held_out.mean())
    (True, True)
    """
    assert reference.y is not None
    residual = reference.y - reference.outputs
    middle = _middle(reference.features)
    of_reference, of_new = _features(reference, middle), _features(new, middle)
    fold = generator(seed, "error_size").permutation(reference.count) % FOLDS
    best: tuple[float, Floats, Floats] | None = None
    for kind in kinds_for(of_reference, residual):
        held_out, ahead = np.empty(reference.count), np.zeros((FOLDS, new.count))
        for number in range(FOLDS):
            learnt = fold != number
            found = fit_difficulty(kind, of_reference[learnt], residual[learnt], seed + number)
            held_out[~learnt] = found(of_reference[~learnt])
            ahead[number] = found(of_new)
        loss = _laplace(held_out, residual, reference.weight)
        if best is None or loss < best[0]:
            best = loss, held_out, ahead
    assert best is not None
    _, held_out, ahead = best
    true = np.average(error_power(metric, residual), weights=reference.weight)
    sizes = error_power(metric, held_out)
    scale = true / np.average(sizes, weights=reference.weight)
    return scale * sizes, scale * error_power(metric, ahead).mean(axis=0)


def _middle(features: Floats) -> Floats:
    """Each column's median; 0 for a column without any cell."""
    empty = np.isnan(features).all(axis=0)
    return np.nanmedian(np.where(empty, 0.0, features), axis=0) if features.shape[1] else np.empty(0)


def _features(rows: Rows, middle: NDArray[np.float64]) -> Features:
    dense = np.where(np.isnan(rows.features), middle, rows.features)
    dense = np.clip(dense, -LARGEST, LARGEST)
    return features_of(dense, rows.outputs, rows.spread)


def _laplace(size: Floats, residual: Floats, weight: Floats) -> float:
    """Mean negative log likelihood of Laplace errors with these sizes, up to a constant; the scale is fitted."""
    ratio = np.average(np.abs(residual) / size, weights=weight)
    return float(np.average(np.log(size), weights=weight) + np.log(max(ratio, np.finfo(np.float64).tiny)))
