"""Is the model as well calibrated in one region as in another? Where it is not, a shift makes its words wrong."""

from __future__ import annotations

import numpy as np

from retemper.evaluation.weighted import Floats
from retemper.retraining.harm.expected import Measure
from retemper.retraining.harm.jackknife import left_out, standard_error
from retemper.retraining.harm.rows import Rows

DIRECTIONS, BLOCKS = 8, 10
LEAST_SHARE = 0.1
"""Of the rows, in each of two regions."""


def regional_gap(reference: Rows, weights: Floats, true: Measure, expected: Measure, seed: int) -> float:
    """How far, in a half of the reference rows, the expected metric is off more than in all of them.

    Halves are cut at the median of up to 8 columns: those that move most with the importance weights, of the
    weights themselves, the features and the outputs. Of the squared gaps what chance alone gives is taken off, as in
    DerSimonian and Laird's (1986) variance between studies:

        τ² = max(0, mean over halves of gap² − error²)

    Args:
        reference: with labels.
        weights: importance weights [n].
        true, expected: the metric of the reference rows as a function of row weights.
        seed: of the blocks.

    Returns:
        τ, in the units of ``true``; a shift that takes one half away is wrong by about so much.

    >>> x = np.linspace(0, 1, 2000)
    >>> y = np.where(x > .5, 2.0, 1.0) * np.cos(np.arange(2000))
    >>> rows = Rows.of("regression", np.zeros(2000), y, features=x[:, None])
    >>> from retemper.retraining.harm.expected import average, known
    >>> flat = average(np.full(2000, (y**2).mean()))
    >>> round(regional_gap(rows, 1 + x, known("rmse", rows), flat, 0), 1)
    0.7
    """
    halves = [inside for own in _directions(reference, weights) for inside in _halves(own)]
    if not halves:
        return 0.0
    base = left_out(reference, seed, BLOCKS)

    def off(rows: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):  # all of a half's rows may be in one block
            return true(rows) - expected(rows)

    everywhere, found = off(base), []
    for inside in halves:
        gap = off(base * inside[:, None]) - everywhere
        if np.isfinite(gap).all():  # a class may be absent from a half
            found.append(gap[0] ** 2 - standard_error(gap) ** 2)
    return float(np.sqrt(max(0.0, np.mean(found)))) if found else 0.0


def _directions(rows: Rows, weights: Floats) -> Floats:
    """Columns [n, ≤ 8], those that correlate most with the logarithm of the weights."""
    log_weight = np.log(np.maximum(weights, np.finfo(np.float64).tiny))
    said = rows.outputs if rows.outputs.ndim == 1 else rows.outputs.max(axis=1)
    columns = np.column_stack([log_weight, said, rows.features])
    columns = columns[:, ~np.isnan(columns).any(axis=0)]
    centred = columns - columns.mean(axis=0)
    norm = np.sqrt(np.square(centred).sum(axis=0))
    with_weight = np.abs(centred.T @ (log_weight - log_weight.mean()))
    strength = with_weight / np.where(norm > 0, norm, np.inf)
    return columns[:, np.argsort(-strength, kind="stable")[:DIRECTIONS]].T


def _halves(column: Floats) -> list[Floats]:
    above = column > np.median(column)
    if not LEAST_SHARE <= above.mean() <= 1 - LEAST_SHARE:
        return []
    return [above.astype(np.float64), (~above).astype(np.float64)]
