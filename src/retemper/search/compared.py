"""Trials that trained alike: a loss after one epoch can't be compared with one after twenty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retemper.search.cells import Floats
from retemper.search.trials import Trial

REACHED = 0.9
"""The longest training counts that so many of the trials have had, of those that the most common one has."""


@dataclass(frozen=True)
class Compared:
    """Trials at one level.

    Args:
        trials: that reached it.
        loss: of each, NaN where it diverged.
        epochs, folds: of the level.
    """

    trials: list[Trial]
    loss: Floats
    epochs: int = 0
    folds: int = 0

    @property
    def lost(self) -> int:
        """Trials that diverged."""
        return int((~np.isfinite(self.loss)).sum())


def bounded(losses: Floats) -> Floats:
    """Losses, none beyond the upper quartile by more than 1.5 times the distance of the quartiles (Tukey 1977).

    One that diverged counts as the worst; without the bound a few of them would be all that is explained.

    >>> bounded(np.array([1, 2, 3, 4, 90, np.nan])).tolist()
    [1.0, 2.0, 3.0, 4.0, 7.0, 7.0]
    """
    sound = losses[np.isfinite(losses)]
    if not len(sound):
        return np.zeros(len(losses))
    low, high = np.quantile(sound, [0.25, 0.75])
    worst = min(float(sound.max()), float(high + 1.5 * (high - low)))
    return np.where(losses <= worst, losses, worst)


def compared_of(trials: Sequence[Trial]) -> Compared:
    """The level that most trials reached, or a longer one that nearly as many did.

    >>> from retemper.search.trials import Evaluation, Order
    >>> began = [Evaluation(Order(k, {}, 1, (0,)), {0: 0.5}) for k in range(3)]
    >>> went_on = Evaluation(Order(0, {}, 9, (0,)), {0: 0.4})
    >>> compared_of([Trial(0, {}, (began[0], went_on)), Trial(1, {}, (began[1],)), Trial(2, {}, (began[2],))]).epochs
    1
    """
    levels: dict[tuple[int, tuple[int, ...]], dict[int, float]] = {}
    for trial in trials:
        for then in trial.steps:
            own = then.last
            # One that could not be built, or crashed, says nothing of what its options do.
            if own is not None and own.losses.keys() >= set(own.order.folds):
                levels.setdefault((own.order.epochs, own.order.folds), {})[trial.number] = own.loss
    if not levels:
        return Compared([], np.array([]))
    most = max(len(own) for own in levels.values())
    epochs, folds = max(level for level, own in levels.items() if len(own) >= REACHED * most)
    reached = levels[epochs, folds]
    kept = [trial for trial in trials if trial.number in reached]
    return Compared(kept, np.array([reached[trial.number] for trial in kept]), epochs, len(folds))
