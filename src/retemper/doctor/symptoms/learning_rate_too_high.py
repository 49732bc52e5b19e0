"""A learning rate beyond what its optimizer bears."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need

REMEDIES: tuple[str, ...] = ("lower_learning_rate", "warm_up_longer")
ADAPTIVE = ("adam", "adamw", "rmsprop", "nadam", "radam", "adamax")


class Options(Base):
    """Thresholds."""

    adaptive: float = Field(0.03, gt=0, description="rate of an optimizer that scales its steps (Adam, RMSprop)")
    plain: float = Field(0.5, gt=0, description="rate of gradient descent")
    update: float = Field(0.1, gt=0, description="median of ‖Δw‖/‖w‖ of one step")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the rate, and what a step moves.

    Raises:
        NotApplicable: the optimizer is not known.
    """
    optimizer = need(case.optimizer, "optimizer")
    limit = options.adaptive if optimizer.name in ADAPTIVE else options.plain
    times = optimizer.learning_rate / limit
    moved = 0.0
    if case.signals is not None and case.signals.updates.size:
        moved = float(np.median(np.nanmax(case.signals.updates, axis=1)))
    if times <= 1 and moved <= options.update:
        return None
    message = (
        f"The learning rate is {optimizer.learning_rate:.3g}; {optimizer.name} bears up to some {limit:g}, and a step moves "
        f"the weights by {moved:.1%}."
    )
    evidence = {
        "learning_rate": optimizer.learning_rate,
        "rate_threshold": limit,
        "update": moved,
        "update_threshold": options.update,
    }
    return Finding("learning_rate_too_high", "warning", 0.85 if times > 1 else 0.6, message, evidence, REMEDIES)
