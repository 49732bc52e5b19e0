"""Forget everything, and learn anew from a small balanced memory (Prabhu et al. 2020).

It asks what all the cleverness is worth: a memory of rows, classes at equal shares, and a fresh network.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "a fresh start on a small balanced memory of old and new rows"


class Options(Base):
    """The memory."""

    memory: int = Field(500, ge=10, description="rows, classes at equal shares")
    epochs: int = Field(60, ge=1, description="most passes over the memory")


def plan(options: Options, means: Means) -> Course:
    """A fresh start on the memory.

    Raises:
        NotApplicable: there are no old rows to remember.
    """
    means.demand_old("gdumb")
    return Course(start="fresh", replay=None, memory_only=options.memory, rate=1.0, epochs=options.epochs)
