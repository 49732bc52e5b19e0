"""Scores of cross-validation, with intervals that know that folds share their training rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retemper.core.records import Score, Task
from retemper.evaluation.intervals import scores

LOSSES = ("log_loss", "rmse", "mae")
"""Metrics above 0 without an upper bound: their intervals are widened as ratios."""


@dataclass(frozen=True)
class Repeat:
    """What one pass of the outer folds says.

    Args:
        rows: numbers of the rows that were judged [N], each by networks that have not seen it.
        y: their class codes or values [N].
        outputs: probabilities [N, C] or values [N].
        weight: sample weights [N]; None: each row counts once.
        called: class codes that a threshold called [N]; None: the likeliest class.
    """

    rows: NDArray[np.int64]
    y: NDArray[Any]
    outputs: NDArray[np.float64]
    weight: NDArray[np.float64] | None = None
    called: NDArray[np.int64] | None = None


def nested_scores(
    task: Task,
    repeats: Sequence[Repeat],
    folds: int,
    resamples: int = 1000,
    seed: int = 0,
    group: ArrayLike | None = None,
) -> dict[str, Score]:
    """Every metric over all repeats, with a 95 % interval for the networks that such rows give.

    A row's outcomes in several repeats vary together, as do rows of one group, so the bootstrap draws rows or groups
    whole. It takes the networks as given, though each other sample of rows would give other networks, and each other
    deal of the folds other choices. Nadeau & Bengio (2003; for repeated k-fold Bouckaert & Frank 2004) put the whole
    variance at 1 / repeats + k / (k − 1) of the rows' own, so the intervals are widened by its root: 1.5 for one
    repeat of five folds, 1.32 for two, never less than √(k / (k − 1)), however many repeats there are.

    Args:
        task: ``"classification"`` or ``"regression"``.
        repeats: one or more.
        folds: outer folds, 2 or more.
        resamples: of the bootstrap, 100 or more.
        seed: of the resampling.
        group: label of each row's group, by row number [all rows]; None: rows are independent.

    Returns:
        metric → score.

    Raises:
        InputError: as :func:`retemper.evaluation.intervals.scores`.

    >>> rows = np.arange(100)
    >>> once = Repeat(rows, rows % 2 * 1.0, rows % 2 * 0.9)
    >>> found = nested_scores("regression", [once, once], folds=5, resamples=200)["rmse"]
    >>> round(found.value, 3), found.low < 0.0707 < found.high
    (0.071, True)
    """
    rows = np.concatenate([repeat.rows for repeat in repeats])
    units = rows if group is None else np.asarray(group)[rows]
    weights = [repeat.weight for repeat in repeats if repeat.weight is not None]
    called = [repeat.called for repeat in repeats if repeat.called is not None]
    found = scores(
        task,
        np.concatenate([repeat.y for repeat in repeats]),
        np.concatenate([repeat.outputs for repeat in repeats]),
        resamples,
        seed,
        np.concatenate(weights) if weights else None,
        np.concatenate(called) if called else None,
        units,
    )
    factor = math.sqrt(1 / len(repeats) + folds / (folds - 1))
    return {name: widened(name, score, factor) for name, score in found.items()}


def widened(name: str, score: Score, factor: float) -> Score:
    """The interval ``factor`` times as wide on both sides; of losses by ratio, of the others within their bounds.

    >>> widened("rmse", Score(2.0, 1.0, 4.0), 2.0)
    Score(value=2.0, low=0.5, high=8.0)
    >>> widened("accuracy", Score(0.9, 0.8, 0.95), 3.0).high
    1.0
    """
    value, low, high = score.value, score.low, score.high
    if low is None or high is None:
        return score
    if name in LOSSES:
        if value <= 0 or low <= 0:
            return Score(value, low, high)
        return Score(value, value * (low / value) ** factor, value * (high / value) ** factor)
    least = -math.inf if name == "r2" else 0.0
    return Score(value, max(least, value - factor * (value - low)), min(1.0, value + factor * (high - value)))
