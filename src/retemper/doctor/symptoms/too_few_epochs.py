"""A training that ended while the loss was still on its way down."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, broke_down, curve, fall, smooth, tail

REMEDIES = ("train_longer", "raise_learning_rate")


class Options(Base):
    """Thresholds."""

    fall: float = Field(
        0.02, gt=0, description="relative fall of the training loss over the last fifth of the run"
    )
    left: float = Field(0.5, gt=0, description="training loss at the end / trivial loss")
    fewest_epochs: int = Field(3, ge=2, description="epochs with a training loss")
    hardly_begun: int = Field(3, ge=1, description="epochs of a run that had hardly begun")
    steps: int = Field(100, ge=1, description="steps of such a run; warm-ups alone are as long")
    few_steps: int = Field(30, ge=1, description="steps of a run in which even a slow fall has just begun")
    slow_fall: float = Field(0.02, gt=0, description="such a fall between the last two looks of so few steps")
    between_looks: float = Field(0.1, gt=0, description="relative fall between such a run's last two looks")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the end of the training curve; of a run of a few steps, its last two looks at the loss.

    A loss that was lost on the way ended the training, whatever it did before: that has a code of its own.

    Raises:
        NotApplicable: no curve was recorded, or it is too short, or the trivial loss is not known.
    """
    if _lost(case):
        return None
    begun = _hardly_begun(case, options)
    if begun is not None:
        return begun
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    if not history.trivial_loss > 0:
        raise NotApplicable("the loss of a trivial prediction is not known")
    falling = fall(tail(train.values, 0.2, 3))
    left = float(smooth(train.values)[-1]) / history.trivial_loss
    if falling < options.fall or left < options.left:
        return None
    message = (
        f"The training loss still fell by {falling:.1%} over the last fifth of the run and is {left:.0%} of what "
        "guessing costs: train longer, or take larger steps."
    )
    evidence = {"fall": falling, "fall_threshold": options.fall, "left": left, "left_threshold": options.left}
    return Finding("too_few_epochs", "warning", 0.75, message, evidence, REMEDIES)


def _lost(case: Case) -> bool:
    """Whether a loss, a gradient or a weight stopped being a number."""
    if case.signals is not None and case.signals.non_finite[0]:
        return True
    return case.history is not None and broke_down(case.history)


def _hardly_begun(case: Case, options: Options) -> Finding | None:
    """Few epochs of few steps, and a loss that falls steeply where they end."""
    signals, history = case.signals, case.history
    if signals is None or history is None or not 0 < signals.taken <= options.steps:
        return None
    epochs = len(history.series.get("train_loss", ()))
    seen = signals.probe_losses[np.isfinite(signals.probe_losses)]
    if not 0 < epochs <= options.hardly_begun or len(seen) < 2:
        return None
    falling = float(seen[-2] - seen[-1]) / max(abs(float(seen[-2])), TINY)
    least = options.slow_fall if signals.taken <= options.few_steps else options.between_looks
    if falling < least:
        return None
    message = (
        f"The training ended after {signals.taken} steps while the loss fell by {falling:.0%} between two looks: "
        "it had hardly begun."
    )
    evidence = {
        "steps": signals.taken,
        "steps_threshold": options.steps,
        "epochs": epochs,
        "epochs_threshold": options.hardly_begun,
        "fall": falling,
        "fall_threshold": least,
    }
    return Finding("too_few_epochs", "warning", 0.95, message, evidence, REMEDIES)
