"""Oscillating: the training loss jumps up and down instead of settling."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, confidence, curve, fall, share_of_trivial, size, tail

REMEDIES = ("lower_learning_rate", "larger_batch", "reduce_on_plateau")


class Options(Base):
    """Thresholds."""

    swing: float = Field(
        0.1, gt=0, description="mean change from epoch to epoch / mean loss, in the last part"
    )
    of_trivial: float = Field(0.02, ge=0, description="the same change as a share of the trivial loss")
    back_and_forth: float = Field(
        3.0, gt=1, description="way up and down in the last part / what it falls or rises"
    )
    turns: float = Field(0.35, ge=0, le=1, description="share of steps at which the curve changes direction")
    thrown: float = Field(
        10.0, gt=1, description="highest / first loss: a training that works never climbs so far"
    )
    last: float = Field(0.5, gt=0, lt=1, description="the last part, as a share of the run")
    fewest_epochs: int = Field(12, ge=6, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the last part of one member's training curve by how far it goes up and down to get where it ends.

    The swings must be large against the loss itself and against the trivial loss: near a loss of 0 every ripple is
    large against the loss. A bend, a warm restart or a single spike is a swing too, so the curve must turn often. A
    loss that was once thrown far above its start tells of such steps as well, wherever it ends.

    Raises:
        NotApplicable: the training loss is missing or the curve is too short.

    >>> from retemper.core.history import History
    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 0.5 + 0.5 / e + 0.1 * (-1) ** e}, 1.0)
    >>> check(Case(h), Options()).code
    'oscillating'
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    last = tail(train.values, options.last, 6)
    steps = np.diff(last)
    change = float(np.mean(np.abs(steps)))
    swing = change / max(abs(float(last.mean())), size(train.values))
    net = abs(fall(last)) * max(abs(float(last[0])), size(last))
    there_and_back = change * len(steps) / max(net, TINY)
    turns = float(np.mean(np.sign(steps[1:]) * np.sign(steps[:-1]) < 0))
    large = swing > options.swing and change * share_of_trivial(history) > options.of_trivial
    highest = float(train.values.max() / max(float(train.values[0]), TINY))
    thrown = train.values.min() >= 0 and highest > options.thrown
    if not thrown and (not large or there_and_back <= options.back_and_forth or turns <= options.turns):
        return None
    message = (
        f"The training loss was thrown up to {highest:.3g} times its first value: the steps are too large."
        if thrown
        else f"The training loss swings by {swing:.0%} of its level from epoch to epoch in the last {len(last)} "
        "epochs: the steps are too large or too noisy."
    )
    evidence = {
        "swing": swing,
        "swing_threshold": options.swing,
        "turns": turns,
        "turns_threshold": options.turns,
        "highest": highest,
        "highest_threshold": options.thrown,
        "last_train_loss": float(np.median(last)),
    }
    sure = 0.8 if thrown else confidence(swing, options.swing, 3 * options.swing)
    return Finding("oscillating", "warning", sure, message, evidence, REMEDIES)
