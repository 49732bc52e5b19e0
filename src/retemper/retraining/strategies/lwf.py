"""Learning without forgetting: no old row is kept, the champion itself speaks for them (Li & Hoiem 2017).

loss = CE(new) + w·T²·KL(champion(new) ‖ f(new)), both softened by T
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "new rows alone, held to what the champion says of them"


class Options(Base):
    """How much the champion's word counts."""

    weight: float = Field(1.0, ge=0, description="w, weight of the champion's softened outputs")
    temperature: float = Field(2.0, gt=0, description="T, how soft they are")
    rate: float = Field(0.3, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(15, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From the champion's weights, on new rows."""
    return Course(
        rate=options.rate,
        epochs=options.epochs,
        teaching="softened",
        teach=options.weight,
        temperature=options.temperature,
    )
