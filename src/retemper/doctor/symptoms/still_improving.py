"""Still improving: the validation loss was falling when the run ended."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, confidence, curve, smooth

REMEDIES = ("train_longer", "raise_learning_rate", "slower_decay")


class Options(Base):
    """Thresholds."""

    cut: float = Field(0.02, gt=0, description="relative fall of the smoothed validation loss")
    last: float = Field(0.2, gt=0, lt=1, description="the last part of the run in which it fell, as a share")
    fewest_epochs: int = Field(5, ge=4, description="epochs with a validation loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's validation curve: a cut in the last part, with the minimum in it too.

    Raises:
        NotApplicable: the validation loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 11)
    >>> check(Case(History(0, {"epoch": e, "val_loss": 1 - e / 20}, 1.0)), Options()).remedies[0]
    'train_longer'
    """
    history = need(case.history, "history")
    val = curve(history, "val_loss", options.fewest_epochs)
    course = smooth(val.values)
    start = min(round((1 - options.last) * len(course)), len(course) - 2)
    cut = float(course[start] - course[-1]) / max(abs(float(course[start])), TINY)
    if cut <= options.cut or int(np.argmin(course)) < start:
        return None
    message = (
        f"The validation loss still fell by {cut:.1%} in the last {len(course) - 1 - start} of "
        f"{val.epochs[-1]:.0f} epochs: longer training should pay."
    )
    evidence = {
        "cut": cut,
        "cut_threshold": options.cut,
        "from_epoch": int(val.epochs[start]),
        "epochs": int(val.epochs[-1]),
        "last_val_loss": float(course[-1]),
    }
    sure = confidence(cut, options.cut, 5 * options.cut)
    return Finding("still_improving", "advice", sure, message, evidence, REMEDIES)
