"""Learn the new rows with old ones in every batch, classes at equal odds (experience replay).

The plainest cure for forgetting, and hard to beat (Chaudhry et al. 2019; van de Ven et al. 2022).
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "new rows with old ones in every batch"


class Options(Base):
    """How much of the past each batch holds."""

    share: float = Field(0.5, gt=0, lt=1, description="share of old rows in each batch")
    rate: float = Field(0.5, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(20, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From the champion's weights, on new rows and old ones.

    Raises:
        NotApplicable: there are no old rows.
    """
    means.demand_old("replay")
    return Course(
        replay=share_of(options.share, means),
        balanced=bool(means.new_classes),
        averaged=means.new_task,
        rate=rate_of(options.rate, means),
        epochs=options.epochs,
    )


def share_of(share: float, means: Means) -> float:
    """The share of old rows; where new classes come, each class has its equal part of a batch.

    >>> share_of(0.5, Means(100, 100, 0, 2)), share_of(0.5, Means(100, 100, 2, 10))
    (0.5, 0.8)
    """
    return 1 - means.new_classes / means.classes if means.new_classes else share


NEW_TASK = 4.0
"""A new class begins improbable and has far to go; a low rate ends before it is told from the old ones."""


def rate_of(rate: float, means: Means) -> float:
    """The rate, higher for a new task: new classes, or rows that their mean tells better than the champion.

    >>> rate_of(0.5, Means(100, 100, 0, 2)), rate_of(0.5, Means(100, 100, 2, 10))
    (0.5, 2.0)
    """
    return NEW_TASK * rate if means.new_task else rate
