"""Train anew on old and new rows, by the champion's recipe, everything fitted anew: the mark for cost and quality."""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "a fresh start on old and new rows, with everything fitted anew"


class Options(Base):
    """How far it goes."""

    epochs: int = Field(
        0, ge=0, description="most passes over the rows; 0: as many as the champion's recipe says"
    )


def plan(options: Options, means: Means) -> Course:
    """A fresh start on all rows; on the new ones alone where no old one is there."""
    share = None if means.old_rows else 0.0
    return Course(start="fresh", replay=share, rate=1.0, epochs=options.epochs)
