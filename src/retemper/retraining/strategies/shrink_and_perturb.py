"""Shrink the champion's weights towards zero, add noise, then train on old and new rows (Ash & Adams 2020).

θ ← λθ + σ·(a fresh start). Shrinking keeps what each layer prefers and takes back how sure it is; the noise frees units
that no gradient moves any more. It closes most of the gap between a warm start and a fresh one.
"""

from __future__ import annotations

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.retraining.course import Course, Means

ABOUT = "the weights are shrunk and stirred, then learn from old and new rows"


class Options(Base):
    """How much of the champion is left."""

    keep: float = Field(0.6, gt=0, le=1, description="λ, what the weights are multiplied by")
    noise: float = Field(0.1, ge=0, le=1, description="σ, noise as a share of a fresh start")
    rate: float = Field(1.0, gt=0, description="learning rate, as a multiple of the champion's")
    epochs: int = Field(20, ge=1, description="most passes over the rows")


def plan(options: Options, means: Means) -> Course:
    """From shrunk weights, on all rows."""
    share = None if means.old_rows else 0.0
    return Course(
        keep=options.keep, noise=options.noise, replay=share, rate=options.rate, epochs=options.epochs
    )
