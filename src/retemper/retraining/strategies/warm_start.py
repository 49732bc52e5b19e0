"""Go on from the champion's weights on old and new rows alike, the rate warmed up again.

What a growing table asks for: the same law, more rows. Warm starts lose a point or so against a fresh start where
training goes on to the end (Ash & Adams 2020); with decay and a full rate little of that is left.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "all weights learn from old and new rows alike, from where they are"


class Options(Base):
    """How far it goes."""

    rate: float = Field(1.0, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(15, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From the champion's weights, on all rows.

    Raises:
        NotApplicable: there are no old rows.
    """
    means.demand_old("warm_start")
    return Course(replay=None, rate=options.rate, epochs=options.epochs)
