"""A learning rate so low that the weights hardly move."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("raise_learning_rate", "train_longer")
ADAPTIVE = ("adam", "adamw", "rmsprop", "nadam", "radam", "adamax")


class Options(Base):
    """Thresholds."""

    adaptive: float = Field(1e-5, gt=0, description="rate of an optimizer that scales its steps (Adam, RMSprop)")
    plain: float = Field(1e-4, gt=0, description="rate of gradient descent")
    way: float = Field(0.05, gt=0, description="steps × median of ‖Δw‖/‖w‖: how far the weights could have come")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the rate, and how far all steps together could have moved the weights.

    Raises:
        NotApplicable: the optimizer is not known.
    """
    optimizer = need(case.optimizer, "optimizer")
    limit = options.adaptive if optimizer.name in ADAPTIVE else options.plain
    way = float("inf")
    if case.signals is not None and case.signals.updates.size:
        way = float(np.median(np.nanmedian(case.signals.updates, axis=1)) * case.signals.steps[-1])
    low = optimizer.learning_rate < limit
    if not low and way >= options.way:
        return None
    message = (
        f"The learning rate is {optimizer.learning_rate:.3g}, and all steps together could move the weights by {way:.1%}: "
        "too little to learn much."
    )
    evidence = {"learning_rate": optimizer.learning_rate, "rate_threshold": limit, "way": way, "way_threshold": options.way}
    return Finding("learning_rate_too_low", "warning", 0.8 if low else 0.6, message, evidence, REMEDIES)
