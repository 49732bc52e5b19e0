"""A first loss far above that of a guess: the network begins sure of what it can't know."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.first_loss import beyond_chance, chance_of

REMEDIES: tuple[str, ...] = ("another_initialisation", "scale_inputs")


class Options(Base):
    """Thresholds; 25 % beyond chance is where TheDeepChecker's check of the initial loss begins to be trusted."""

    classes: float = Field(
        0.25, gt=0, description="share by which the first loss of classes exceeds that of a guess"
    )
    values: float = Field(
        1.0, gt=0, description="the same of values, whose outputs begin with a spread of their own"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge the loss at the start against outputs that prefer nothing, or the best constant where that is worse.

    A first loss below chance is no fault: networks that were trained before begin so.

    Raises:
        NotApplicable: no loss function was given, or it is not known what a guess costs.
    """
    loss = need(case.loss, "loss")
    chance = chance_of(loss)
    if np.isnan(chance):
        raise NotApplicable("it is not known what a guess costs")
    if np.isnan(loss.initial):
        raise NotApplicable("the loss at the start is not known")
    over, limit = beyond_chance(loss), options.values if loss.wants == "values" else options.classes
    if over <= limit:
        return None
    message = (
        f"The loss begins at {loss.initial:.4g}, while outputs that prefer nothing cost "
        f"{chance:.4g}: weights of the last "
        "layer begin too large, or inputs are not scaled."
    )
    evidence = {"initial": loss.initial, "chance": chance, "over": float(over), "over_threshold": limit}
    return Finding("initial_loss_off", "warning", 0.6, message, evidence, REMEDIES)
