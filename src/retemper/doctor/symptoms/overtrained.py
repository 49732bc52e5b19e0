"""Overtrained: the best epoch came early, and most of the run brought no gain."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import confidence, curve, smooth

REMEDIES = ("stop_earlier", "lower_learning_rate", "regularise_more")


class Options(Base):
    """Thresholds."""

    wasted: float = Field(0.75, gt=0, lt=1, description="share of the run after the best epoch")
    fewest_wasted: int = Field(15, ge=1, description="epochs after the best one")
    fewest_epochs: int = Field(10, ge=4, description="epochs with a validation loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's validation curve by where its minimum lies.

    A shorter schedule ends its decay where the network is best, so the same gain comes sooner and often lower.

    Raises:
        NotApplicable: the validation loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 41)
    >>> check(Case(History(0, {"epoch": e, "val_loss": np.abs(e - 5) + 1}, 1.0)), Options()).evidence["best_epoch"]
    5
    """
    history = need(case.history, "history")
    val = curve(history, "val_loss", options.fewest_epochs)
    course = smooth(val.values)
    best, end = float(val.epochs[int(np.argmin(course))]), float(val.epochs[-1])
    wasted = (end - best) / end
    if wasted <= options.wasted or end - best < options.fewest_wasted:
        return None
    message = f"The best epoch was {best:.0f} of {end:.0f}: {wasted:.0%} of the run brought no gain."
    evidence = {
        "wasted": wasted,
        "wasted_threshold": options.wasted,
        "best_epoch": int(best),
        "epochs": int(end),
    }
    sure = confidence(wasted, options.wasted, 1.0)
    return Finding("overtrained", "advice", sure, message, evidence, REMEDIES)
