"""Noisy validation: the validation loss jitters more than the gap to the training loss, so the gap tells nothing."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, confidence, curve, tail

REMEDIES = ("lower_learning_rate", "larger_batch")


class Options(Base):
    """Thresholds."""

    of_level: float = Field(0.03, gt=0, description="jitter / mean validation loss of the last part")
    intervals: float = Field(1.96, gt=0, description="half width of the interval in jitters")
    last: float = Field(0.3, gt=0, lt=1, description="the last part, as a share of the run")
    fewest_epochs: int = Field(12, ge=6, description="epochs with a validation loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the jitter of the last part of one member's validation curve, by second differences: a bend is no jitter.

    Raises:
        NotApplicable: a loss is missing or the curve is too short.

    >>> from retemper.core.history import History
    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 0.5 + 0 * e, "val_loss": 0.52 + 0.1 * (-1) ** e}, 1.0)
    >>> check(Case(h), Options()).code
    'noisy_validation'
    """
    history = need(case.history, "history")
    val = tail(curve(history, "val_loss", options.fewest_epochs).values, options.last, 6)
    train = tail(curve(history, "train_loss", options.fewest_epochs).values, options.last, 6)
    noise, level = float(np.std(np.diff(val, 2))) / math.sqrt(6), float(val.mean())
    gap = abs(level - float(train.mean()))
    of_level, half_width = noise / max(abs(level), TINY), options.intervals * noise
    if of_level <= options.of_level or half_width <= gap:
        return None
    message = (
        f"The validation loss jitters by {of_level:.0%} from epoch to epoch, more than its distance from the "
        f"training loss ({gap:.3g}): whether the network overfits can't be told."
    )
    evidence = {
        "of_level": of_level,
        "of_level_threshold": options.of_level,
        "half_width": half_width,
        "gap": gap,
        "last_val_loss": float(np.median(val)),
    }
    sure = confidence(of_level, options.of_level, 5 * options.of_level)
    return Finding("noisy_validation", "advice", sure, message, evidence, REMEDIES)
