"""Which rows a course lets networks meet, how often, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.retraining.course import Course
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import Ground

Floats = NDArray[np.float64]
FEWEST_ROWS = 16
"""Rows of a batch at least, where the data have as many."""
STEPS_AN_EPOCH = 10
"""Few rows are met in smaller batches, so that an epoch has so many steps."""


@dataclass(frozen=True)
class Diet:
    """What each network meets.

    Args:
        allowed: [N] rows of the lessons that the course uses at all.
        odds: [N] odds to be met; None: each once an epoch.
        meets: rows that are met in an epoch.
        epochs: passes.
        batch_size: rows a step.
    """

    allowed: NDArray[np.bool_]
    odds: Floats | None
    meets: int
    epochs: int
    batch_size: int

    @property
    def visits(self) -> int:
        """Rows that a network meets in all, repeats counted."""
        return self.meets * self.epochs


def diet_of(ground: Ground, course: Course, visits: float) -> Diet:
    """What a course may eat for so many visits.

    Args:
        ground: the rows.
        course: which of them, and at most how often.
        visits: rows that a network may meet in all. Where they don't suffice for one epoch, a draw is met.
    """
    new = ground.is_new
    allowed = ground.fold != NEVER
    if course.memory_only:
        allowed &= _memory(ground, course.memory_only)
    elif not course.uses_old:
        allowed &= new
    least = _fewest(ground, allowed)
    odds = None if course.memory_only else _odds(ground, course, allowed)
    meets = least
    if odds is not None and course.replay:
        fresh = _fewest(ground, allowed & new)
        meets = max(2, round(fresh / (1 - course.replay)))
    wanted = ground.grown.recipe.training.batch_size or 256
    small = 2 ** int(np.log2(max(1, min(meets, visits) / STEPS_AN_EPOCH)))
    batch = int(min(wanted, max(FEWEST_ROWS, small)))
    most = course.epochs or ground.grown.recipe.training.epochs
    epochs = int(np.clip(np.ceil(visits / meets), 1, most))
    # Of one pass and a half none is lost: both passes leave rows out, each others.
    meets = int(np.clip(visits / epochs, 2, meets))
    return Diet(allowed, odds, meets, epochs, batch)


def _fewest(ground: Ground, allowed: NDArray[np.bool_]) -> int:
    """Rows that the network with the largest fold is left with."""
    own = [int((allowed & (ground.fold != fold)).sum()) for fold in range(1, ground.count + 1)]
    return max(2, min(own))


def _odds(ground: Ground, course: Course, allowed: NDArray[np.bool_]) -> Floats | None:
    """Odds by side, and by class within each side where these are balanced."""
    if course.replay is None and not course.balanced:
        return None
    odds = np.zeros(len(allowed))
    new = ground.is_new
    shares = [(new, 1 - (course.replay or 0.0)), (~new, course.replay or 0.0)]
    if course.replay is None:
        shares = [(np.ones(len(allowed), dtype=bool), 1.0)]
    for side, share in shares:
        rows = np.flatnonzero(side & allowed)
        if len(rows) and share > 0:
            odds[rows] = share * _within(ground, course, rows)
    return odds if (course.replay or course.balanced) else None


def _within(ground: Ground, course: Course, rows: NDArray[np.int64]) -> Floats:
    """Odds of a side's rows, which sum to 1."""
    if not course.balanced:
        return np.full(len(rows), 1 / len(rows))
    codes = ground.warm.lessons.y[rows]
    counts = np.bincount(codes)
    odds: Floats = 1.0 / counts[codes]
    odds /= odds.sum()
    return odds


def _memory(ground: Ground, count: int) -> NDArray[np.bool_]:
    """So many rows, classes at equal shares as far as they go; of a regression, drawn alike."""
    allowed = np.flatnonzero(ground.fold != NEVER)
    order = generator(ground.options.seed, "memory").permutation(allowed)
    if ground.grown.classes:
        codes = ground.warm.lessons.y[order]
        # The first row of each class, then the second of each, and so on.
        turn = np.zeros(len(order), dtype=np.int64)
        for code in np.unique(codes):
            own = codes == code
            turn[own] = np.arange(own.sum())
        order = order[np.argsort(turn, kind="stable")]
    kept = np.zeros(len(ground.fold), dtype=bool)
    kept[order[:count]] = True
    return kept
