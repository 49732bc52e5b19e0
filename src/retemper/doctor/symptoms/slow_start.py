"""Slow start: the loss stands still at first and falls only later, as from a bad initialisation."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import Curve, Values, confidence, curve, noise, size, smooth

REMEDIES = ("another_initialisation", "normalise_layers", "raise_learning_rate")
SHORT = 20


class Options(Base):
    """Thresholds, chosen on half of benchmarks/curves.py.

    Of 240 curves of other shapes that do not swing, two had a first part that brought a third of a later one.
    """

    start: float = Field(0.15, gt=0, lt=0.5, description="the longest first part of the run, as a share")
    early: float = Field(0.08, gt=0, lt=0.5, description="a shorter first part, as a share")
    earliest: float = Field(0.05, gt=0, lt=0.5, description="the shortest first part, as a share")
    later: float = Field(
        3.0, gt=1, description="fall of the steepest later part of that length / of the first"
    )
    steepest: float = Field(0.12, gt=0, lt=1, description="that steepest fall / the whole fall, at least")
    whole: float = Field(0.2, gt=0, lt=1, description="(first − least) / first: a fall worth waiting for")
    rose: float = Field(1.4, gt=1, description="highest / first loss: it did not stand still, it broke out")
    noise_multiple: float = Field(
        4.0, ge=0, description="that steepest fall in standard deviations of the jitter"
    )
    fewest: int = Field(3, ge=2, description="epochs in the first part, one less in runs of 20 at most")
    fewest_epochs: int = Field(10, ge=6, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the start of one member's training curve.

    Gradient descent gains most at the start. A fall that comes later tells of a start from which gradients lead nowhere
    at first (all units alike, saturated, or far too small), unless the learning rate was still warming up.

    Raises:
        NotApplicable: the training loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 31)
    >>> late = 0.1 + 0.6 / (1 + np.exp((e - 12)))
    >>> check(Case(History(0, {"epoch": e, "train_loss": late}, 0.7)), Options()).code
    'slow_start'
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    course = smooth(train.values, 0.05)
    whole = float(course[0] - course.min())
    fewest = options.fewest - (len(course) <= SHORT)
    long = max(round(options.start * len(course)), fewest)
    rose = float(course.max()) > options.rose * abs(float(course[0]))
    small = whole <= options.whole * max(abs(float(course[0])), size(course))
    if small or rose or _warms_up(history, train, long):
        return None
    held = _held_up(course / whole, fewest, options)
    if held is None or held[1] * whole <= options.noise_multiple * noise(train.values, course):
        return None
    gained, steepest = held
    ends = int(_last_flat(course, whole * max(steepest / options.later, 0.0)))
    message = (
        f"The training loss stood still for the first {ends} of {len(course)} epochs ({course[0]:.4g} to "
        f"{course[ends]:.4g}) and fell to {course.min():.4g} later: the initialisation, or a rate that is too low at "
        "first, held it up."
    )
    evidence = {
        "gained": gained,
        "steepest_later": steepest,
        "gained_threshold": steepest / options.later,
        "flat_until_epoch": int(train.epochs[ends]),
        "epochs": int(train.epochs[-1]),
    }
    sure = confidence(ends / len(course), 0.5 * options.start, 2 * options.start)
    return Finding("slow_start", "advice", sure, message, evidence, REMEDIES)


def _held_up(course: Values, fewest: int, options: Options) -> tuple[float, float] | None:
    """What a first part brings and the best later one, as shares of the whole fall, where the first stands still."""
    for share in (options.start, options.early, options.earliest):
        first = max(round(share * len(course)), fewest)
        gains = course[:-first] - course[first:]
        gained, steepest = float(gains[0]), float(gains.max())
        if options.later * abs(gained) < steepest and steepest >= options.steepest:
            return gained, steepest
    return None


def _last_flat(course: Values, gain: float) -> np.intp:
    """The last point before the loss is lower than at the start by a gain."""
    return np.argmax(course < course[0] - gain) - 1


def _warms_up(history: History, train: Curve, first: int) -> bool:
    """Whether the learning rate still rose in the first part."""
    try:
        rates = curve(history, "learning_rate", 2)
    except NotApplicable:
        return False
    early = rates.values[rates.epochs <= train.epochs[first]]
    return len(early) > 0 and float(early[0]) < 0.5 * float(early.max())
