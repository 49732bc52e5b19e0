"""Only the last layer learns: what the layers before it see is still worth seeing.

A linear fit to frozen features (linear probing): few numbers, so few rows do, and little is forgotten.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "the last layer learns from the new rows, the others stay"


class Options(Base):
    """How the head is trained."""

    rate: float = Field(1.0, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(30, ge=1, description="most passes over the rows")
    replay: float = Field(0.3, ge=0, lt=1, description="share of old rows in each batch, where there are any")


def plan(options: Options, means: Means) -> Course:
    """All weights but the head's stay."""
    share = options.replay if means.old_rows else 0.0
    return Course(moves="head", replay=share, rate=options.rate, epochs=options.epochs)
