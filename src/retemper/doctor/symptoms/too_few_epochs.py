"""A training that ended while the loss was still on its way down."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need

from retemper.doctor.curves import curve, fall, smooth, tail

REMEDIES = ("train_longer", "raise_learning_rate")


class Options(Base):
    """Thresholds."""

    fall: float = Field(0.02, gt=0, description="relative fall of the training loss over the last fifth of the run")
    left: float = Field(0.5, gt=0, description="training loss at the end / trivial loss")
    fewest_epochs: int = Field(3, ge=2, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the end of the training curve.

    Raises:
        NotApplicable: no curve was recorded, or it is too short, or the trivial loss is not known.
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    if not history.trivial_loss > 0:
        raise NotApplicable("the loss of a trivial prediction is not known")
    falling = fall(tail(train.values, 0.2, 3))
    left = float(smooth(train.values)[-1]) / history.trivial_loss
    if falling < options.fall or left < options.left:
        return None
    message = (
        f"The training loss still fell by {falling:.1%} over the last fifth of the run and is {left:.0%} of what guessing "
        "costs: train longer, or take larger steps."
    )
    evidence = {"fall": falling, "fall_threshold": options.fall, "left": left, "left_threshold": options.left}
    return Finding("too_few_epochs", "warning", 0.75, message, evidence, REMEDIES)
