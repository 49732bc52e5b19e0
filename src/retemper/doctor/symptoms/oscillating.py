"""Oscillating: the training loss jumps up and down instead of settling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import (
    TINY,
    Values,
    confidence,
    curve,
    fall,
    noise,
    share_of_trivial,
    size,
    smooth,
    swings,
    tail,
)

REMEDIES = ("lower_learning_rate", "larger_batch", "reduce_on_plateau")


class Options(Base):
    """Thresholds, chosen on half of benchmarks/curves.py: of 360 curves of other shapes one was thrown up by 1.3."""

    swing: float = Field(
        0.1, gt=0, description="mean change from epoch to epoch / mean loss, in the last part"
    )
    of_trivial: float = Field(0.02, ge=0, description="the same change as a share of the trivial loss")
    swing_of_wide: float = Field(0.04, gt=0, description="that swing where the change is wide")
    wide: float = Field(0.04, gt=0, description="change / trivial loss that is wide")
    val_swing: float = Field(0.04, ge=0, description="the same swing of the validation loss, where known")
    both: float = Field(
        0.1,
        gt=0,
        description="the same, and change / validation loss, of one that swings as widely, whatever guessing costs",
    )
    back_and_forth: float = Field(
        3.0, gt=1, description="way up and down in the last part / what it falls or rises"
    )
    turns: float = Field(0.35, ge=0, le=1, description="share of steps at which the curve changes direction")
    thrown: float = Field(
        1.5, gt=1, description="highest / first loss: a training that works never climbs so far"
    )
    thrown_noise: float = Field(5.0, gt=0, description="that climb in standard deviations of the jitter")
    last: float = Field(0.5, gt=0, lt=1, description="the last part, as a share of the run")
    fewest_epochs: int = Field(12, ge=6, description="epochs with a training loss")


@dataclass(frozen=True)
class _Read:
    """The last part of the curve: its swings as a share of its level and of the trivial loss, its way and turns."""

    swing: float
    of_trivial: float
    val_swing: float
    of_val: float
    there_and_back: float
    turns: float
    highest: float


def check(case: Case, options: Options) -> Finding | None:
    """Judge the last part of one member's training curve by how far it goes up and down to get where it ends.

    The swings must be large against the loss itself and against the trivial loss: near a loss of 0 every ripple is
    large against the loss. A bend, a warm restart or a single spike is a swing too, so the curve must turn often; steps
    that are too large move the validation loss as well. A loss that was once thrown above its start tells of such steps
    as well, wherever it ends.

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
    read = _read(history, train.values, last, options)
    # What was thrown up and is lost in the end has a code of its own.
    ended = bool(np.isfinite(history.series["train_loss"][-1]))
    thrown = ended and _thrown(train.values, read.highest, options)
    if not thrown and not _swings(read, options):
        return None
    message = (
        f"The training loss was thrown up to {read.highest:.3g} times its first value: the steps are too large."
        if thrown
        else f"The training loss swings by {read.swing:.0%} of its level from epoch to epoch in the last {len(last)} "
        "epochs: the steps are too large or too noisy."
    )
    evidence = {
        "swing": read.swing,
        "swing_threshold": options.swing,
        "of_trivial": read.of_trivial,
        "of_trivial_threshold": options.of_trivial,
        "turns": read.turns,
        "turns_threshold": options.turns,
        "highest": read.highest,
        "highest_threshold": options.thrown,
        "last_train_loss": float(np.median(last)),
    }
    sure = 0.8 if thrown else confidence(read.of_trivial, options.of_trivial, 5 * options.of_trivial)
    return Finding("oscillating", "warning", sure, message, evidence, REMEDIES)


def _read(history: History, train: Values, last: Values, options: Options) -> _Read:
    steps = np.diff(last)
    change = float(np.mean(np.abs(steps)))
    net = abs(fall(last)) * max(abs(float(last[0])), size(last))
    return _Read(
        swing=change / max(abs(float(last.mean())), size(train)),
        of_trivial=change * share_of_trivial(history),
        val_swing=swings(history, "val_loss", options.last, options.fewest_epochs),
        of_val=change / _level(history, options),
        there_and_back=change * len(steps) / max(net, TINY),
        turns=float(np.mean(np.sign(steps[1:]) * np.sign(steps[:-1]) < 0)),
        highest=float(train.max() / max(float(train[0]), TINY)) if train.min() >= 0 else 1.0,
    )


def _level(history: History, options: Options) -> float:
    """The validation loss of the last part; NaN where it was not recorded or is too short."""
    try:
        last = tail(curve(history, "val_loss", options.fewest_epochs).values, options.last, 6)
    except NotApplicable:
        return float("nan")
    return max(float(np.mean(np.abs(last))), TINY)


def _swings(read: _Read, options: Options) -> bool:
    deep = read.swing > options.swing and read.of_trivial > options.of_trivial
    wide = read.swing > options.swing_of_wide and read.of_trivial > options.wide
    both = read.swing > options.swing and min(read.val_swing, read.of_val) > options.both
    turns = read.turns > options.turns and read.there_and_back > options.back_and_forth
    plain = read.swing > options.swing and read.of_trivial > options.wide
    return (deep or wide or both) and turns and (plain or not read.val_swing < options.val_swing)


def _thrown(train: Values, highest: float, options: Options) -> bool:
    """Whether the loss climbed far above its start, by more than single batches' losses differ in a log of steps."""
    climbed = (highest - 1) * float(train[0])
    return highest > options.thrown and climbed > options.thrown_noise * noise(train, smooth(train))
