"""Go on from the champion's weights on the new rows alone, at a lower rate: quick to learn, quick to forget."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "all weights learn from the new rows alone, at a lower rate"


class Options(Base):
    """How far it goes."""

    rate: float = Field(0.3, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(15, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From the champion's weights, on new rows."""
    return Course(rate=options.rate, epochs=options.epochs)
