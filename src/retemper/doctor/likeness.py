"""Whether training and held-out rows say the same, as plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """What a simple model makes of training and of held-out rows that it did not learn; NaN where it can't be asked.

    Args:
        train, held_out: mean score of a row: 1 for a right class; of values 1 − |error| / that of the training median.
        z: their difference in standard errors, positive where the training rows are told better.
    """

    train: float = math.nan
    held_out: float = math.nan
    z: float = math.nan

    @property
    def gap(self) -> float:
        """By how much the training rows are told better."""
        return self.train - self.held_out


@dataclass(frozen=True)
class Likeness:
    """Both kinds of rows, as told by what half of either kind says.

    Rows that were drawn and prepared alike are told alike. Where training rows are told worse by both, their targets
    are noisier; where each kind is told better by its own, they mean something else.

    Args:
        by_train: told by a model that learnt half of the training rows.
        by_held_out: told by one that learnt half of the held-out rows.
        classes_p: of the hypothesis that classes are as frequent in both (χ²); 1 for values.
    """

    by_train: Told = Told()
    by_held_out: Told = Told()
    classes_p: float = 1.0
