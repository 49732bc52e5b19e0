"""What the loss at the start tells: how far it is beyond that of outputs that prefer nothing."""

from __future__ import annotations

import math

from retemper.doctor.case import LossFacts


def chance_of(loss: LossFacts) -> float:
    """What a guess costs: outputs that prefer nothing, or the best constant where that is worse; NaN: not known."""
    chance = (
        max(loss.even, loss.trivial) if math.isfinite(loss.even) and math.isfinite(loss.trivial) else math.nan
    )
    return chance if chance > 0 else math.nan


def beyond_chance(loss: LossFacts) -> float:
    """(first loss − what a guess costs) / what a guess costs; NaN where either is not known.

    >>> beyond_chance(LossFacts("logits", trivial=0.5, initial=1.5, even=0.5))
    2.0
    """
    return loss.initial / chance_of(loss) - 1
