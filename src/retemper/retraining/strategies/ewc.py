"""Elastic weight consolidation: weights that mattered for the old rows are held back (Kirkpatrick et al. 2017).

    loss = CE(new) + λ/2·Σ F·(θ − champion)²

F is the Fisher information of the old rows: how much their likelihood bends with each weight.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "new rows alone, with weights that mattered held back"


class Options(Base):
    """How much is held back."""

    strength: float = Field(100.0, gt=0, description="λ")
    rate: float = Field(0.3, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(15, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From the champion's weights, on new rows.

    Raises:
        NotApplicable: there are no old rows, by which to tell what mattered.
    """
    means.demand_old("ewc")
    return Course(rate=options.rate, epochs=options.epochs, anchor=options.strength)
