"""Oscillating: the training loss jumps up and down instead of settling."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, confidence, curve, jitter, tail

REMEDIES = ("lower_learning_rate", "larger_batch", "reduce_on_plateau")


class Options(Base):
    """Thresholds."""

    spread: float = Field(0.1, gt=0, description="jitter of the last part / range of the whole curve")
    of_level: float = Field(0.02, ge=0, description="jitter / mean loss of the last part")
    last: float = Field(0.3, gt=0, lt=1, description="the last part, as a share of the run")
    turns: float = Field(0.4, ge=0, le=1, description="share of steps at which the curve changes direction")
    fewest_epochs: int = Field(12, ge=6, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's training curve after its straight trend is taken out.

    A bend also leaves a spread, so the curve must turn often as well.

    Raises:
        NotApplicable: the training loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 0.5 + 0.5 / e + 0.1 * (-1) ** e}, 1.0)
    >>> check(Case(h), Options()).code
    'oscillating'
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    last = tail(train.values, options.last, 6)
    noise = jitter(last)
    spread = noise / max(float(np.ptp(train.values)), TINY)
    of_level = noise / max(abs(float(last.mean())), TINY)
    directions = np.sign(np.diff(last))
    turns = float(np.mean(directions[1:] * directions[:-1] < 0))
    if spread <= options.spread or of_level <= options.of_level or turns <= options.turns:
        return None
    message = (
        f"The training loss swings by {of_level:.0%} of its level ({spread:.0%} of the whole curve's range) in the "
        f"last {len(last)} epochs: the steps are too large or too noisy."
    )
    evidence = {
        "spread": spread,
        "spread_threshold": options.spread,
        "of_level": of_level,
        "of_level_threshold": options.of_level,
        "turns": turns,
        "turns_threshold": options.turns,
    }
    sure = confidence(spread, options.spread, 3 * options.spread)
    return Finding("oscillating", "warning", sure, message, evidence, REMEDIES)
