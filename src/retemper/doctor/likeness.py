"""Whether training and held-out rows say the same, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Likeness:
    """What a simple model that learnt half of the training rows makes of the other half and of held-out rows.

    It knows neither, so that it does as well on both where both were drawn and prepared alike.

    Args:
        train, held_out: mean score of a row: 1 for a right class; of values 1 − |error| / that of the training median;
            NaN where no simple model could be asked.
        z: their difference in standard errors, positive where the training rows are told better.
        classes_p: of the hypothesis that classes are as frequent in both (χ²); 1 for values.
    """

    train: float
    held_out: float
    z: float
    classes_p: float = 1.0
