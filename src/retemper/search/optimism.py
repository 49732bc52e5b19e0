"""How much the best of many trials flatters itself: it was chosen by the rows that judge it.

Bias-corrected bootstrap (BBC-CV; Tsamardinos, Greasidou & Borboudakis 2018): rows are drawn with replacement, the best
trial is chosen by the rows drawn, and judged by those that were not. The mean over many draws is what the choice is
worth on rows that had no say in it. Nothing is trained: the loss of every row, by a network that had not seen it, is
enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.evaluation.resampling import draws

RESAMPLES = 1000
SPREAD = math.sqrt(math.e - 1)
"""A row is left out of a draw with probability 1/e; a mean of so few of the rows scatters √(e − 1) times as much about
the mean of all rows as that does about the truth."""


@dataclass(frozen=True)
class Optimism:
    """What the best trial promises, and what that is worth.

    Args:
        apparent: loss of the best trial on the rows it was chosen by.
        loss: the same, corrected; ``low``, ``high``: its 95 % interval.
        trials: how many the choice was among.
    """

    apparent: float
    loss: float
    low: float
    high: float
    trials: int

    @property
    def amount(self) -> float:
        """By how much the choice flatters: corrected − apparent."""
        return self.loss - self.apparent

    @property
    def sentence(self) -> str:
        """For a person.

        >>> Optimism(0.30, 0.32, 0.28, 0.36, 40).sentence
        'Being the best of 40 flatters it by 0.02: of new rows expect 0.32 (95 %: 0.28 to 0.36).'
        """
        flatters = max(0.0, self.amount)
        return (
            f"Being the best of {self.trials} flatters it by {flatters:.2g}: "
            f"of new rows expect {self.loss:.4g} (95 %: {self.low:.4g} to {self.high:.4g})."
        )


def optimism(
    row_losses: NDArray[Any],
    weight: NDArray[Any] | None = None,
    group: NDArray[Any] | None = None,
    root: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Optimism | None:
    """Correct the loss of the best of N trials for having been chosen.

    Args:
        row_losses: [trials, rows] by networks that have not seen the row; finite.
        weight: of the rows, 0 or more; None: all alike.
        group: rows with the same label are drawn together; None: each by itself.
        root: the loss is the root of the mean (RMSE of squared errors).
        seed: of the draws.
        resamples: 100 or more.

    Returns:
        In the loss's units, lower is better. None: no draw leaves a row out, since all are of one group.

    >>> useless = np.random.default_rng(0).exponential(size=(100, 200))
    >>> found = optimism(useless)
    >>> found.apparent < 0.9 < found.low < 1 < found.high
    True
    """
    losses = np.asarray(row_losses, dtype=np.float64)
    own = np.ones(losses.shape[1]) if weight is None else np.asarray(weight, dtype=np.float64)
    apparent = float((losses @ own).min() / own.sum())
    outside: list[NDArray[np.float64]] = []
    for counts in draws(losses.shape[1], resamples, seed, group):
        inside, left = counts * own[:, None], (counts == 0) * own[:, None]
        # A draw of all rows, or of rows without weight, judges nothing.
        told = (inside.sum(axis=0) > 0) & (left.sum(axis=0) > 0)
        inside, left = inside[:, told], left[:, told]
        best = (losses @ inside).argmin(axis=0)
        outside.append(np.einsum("rn,nr->r", losses[best], left) / left.sum(axis=0))
    means = np.concatenate(outside)
    if not len(means):
        return None
    middle = float(means.mean())
    low, high = middle + (np.quantile(means, [0.025, 0.975]) - middle) / SPREAD
    scale = math.sqrt if root else float
    return Optimism(scale(apparent), scale(middle), scale(max(0.0, low)), scale(high), len(losses))
