"""Plateau: the loss fell, and stands still since while the learning rate is still high."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import (
    TINY,
    Values,
    calmed,
    confidence,
    curve,
    fall,
    jitter,
    smooth,
    swings,
    tail,
    trivial_of,
)

STUCK = ("lower_learning_rate", "raise_learning_rate", "more_capacity", "less_regularisation")
STALLED = ("reduce_on_plateau", "lower_learning_rate", "larger_batch")

RESTLESS = 0.65
"""How sure a plateau is whose loss never rests: it oscillates as well, and how widely decides what is said first."""


class Options(Base):
    """Thresholds."""

    flat: float = Field(0.03, gt=0, description="change over the last part that still counts as flat")
    flat_in_noise: float = Field(
        0.3, gt=0, description="the same where the jitter alone may bring it about, in two standard errors"
    )
    last: float = Field(0.4, gt=0, lt=1, description="the last part, as a share of the run")
    fewest_flat_epochs: int = Field(6, ge=4, description="epochs in the last part, at least")
    near_trivial: float = Field(0.95, gt=0, le=1, description="loss / trivial loss that counts as not learnt")
    most_left: float = Field(0.6, gt=0, lt=1, description="loss / trivial loss; above it: underfitting")
    most_left_guessed: float = Field(
        0.65,
        gt=0,
        lt=1,
        description="the same by a guess of the trivial loss, which is too low rather than too high",
    )
    learnt_enough: float = Field(0.05, ge=0, lt=1, description="loss / trivial loss too low to complain of")
    unknown_rate: float = Field(0.25, ge=0, lt=1, description="the same where the learning rate is not known")
    restless: float = Field(
        0.03, gt=0, description="mean change from epoch to epoch / loss of steps that are large, in training"
    )
    val_restless: float = Field(0.05, gt=0, description="the same of the validation loss")
    restless_left: float = Field(
        0.1, gt=0, lt=1, description="loss / trivial loss that is worth a lower rate where both are restless"
    )
    restless_most: float = Field(0.85, gt=0, lt=1, description="the same; above it nothing is learnt")
    calmed: float = Field(
        0.25, ge=0, description="jitter at the end / in the middle that shows a rate's decay"
    )
    still: float = Field(0.0005, ge=0, description="jitter / loss of steps that are too small to move it")
    rate_share: float = Field(
        0.5, gt=0, le=1, description="learning rate / its peak that counts as still high"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's training curve (the validation loss where there is none).

    Flat where guessing stands, by a trivial loss that is known: nothing is learnt, an error. Flat after a fall, while
    the rate is still high: the steps may be too large to get further down, so lowering the rate is worth a try. Where
    the rate was not recorded the jitter must show that the steps are as large as before, and more of the loss must be
    left.

    Raises:
        NotApplicable: the curve is too short, or what guessing costs is not known.

    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 0.69 + 0 * e, "val_loss": 0.69 + 0 * e}, 0.69)
    >>> check(Case(h), Options()).severity
    'error'
    """
    history = need(case.history, "history")
    values = _loss(history, 2 * options.fewest_flat_epochs)
    last = tail(values, options.last, options.fewest_flat_epochs)
    change = fall(last)
    if abs(change) >= _flat(last, options):
        return None
    trivial = trivial_of(history)
    level = float(smooth(values)[-1]) / trivial.loss
    rate = _rate_share(history)
    evidence = {
        "change": change,
        "flat_threshold": options.flat,
        "flat_epochs": len(last),
        "level": level,
        "near_trivial_threshold": options.near_trivial,
        "rate_share": rate,
        "rate_share_threshold": options.rate_share,
    }
    flat = f"The loss changed by {abs(change):.1%} over the last {len(last)} epochs"
    if level >= options.near_trivial and trivial.known:
        message = f"{flat} and is {level:.0%} of what guessing the average costs: the network learns nothing."
        return Finding("plateau", "error", 0.9, message, evidence, STUCK)
    if not np.isfinite(rate) and _steps_are_small(history, last, options):
        return None
    restless = _restless(history, options)
    least, most = _worth(trivial.known, bool(np.isfinite(rate)), restless, options)
    if (
        not least <= level <= most
        or rate < options.rate_share
        or not (restless or abs(change) < options.flat)
    ):
        return None
    seen = (
        f"while the learning rate was still {rate:.0%} of its peak"
        if np.isfinite(rate)
        else "well above zero"
    )
    message = f"{flat} {seen}: a lower rate may get further."
    sure = RESTLESS if restless else confidence(abs(change), options.flat, 0.0)
    return Finding("plateau", "advice", sure, message, evidence, STALLED)


def _flat(last: Values, options: Options) -> float:
    """The largest change that still counts as flat: more where the jitter would bring it about."""
    error = jitter(last) * math.sqrt(12 / len(last)) / max(abs(float(last.mean())), TINY)
    return max(options.flat, min(2 * error, options.flat_in_noise))


def _restless(history: History, options: Options) -> bool:
    """Whether both losses go up and down all the time: the steps are as large as what is left to learn."""
    fewest = 2 * options.fewest_flat_epochs
    trained = swings(history, "train_loss", options.last, fewest)
    return (
        trained > options.restless
        and swings(history, "val_loss", options.last, fewest) > options.val_restless
    )


def _worth(known: bool, rate_known: bool, restless: bool, options: Options) -> tuple[float, float]:
    """Least and most of the trivial loss that is left where a lower rate is worth a try."""
    if restless:
        return options.restless_left, options.restless_most
    least = options.learnt_enough if rate_known else options.unknown_rate
    return least, options.most_left if known else options.most_left_guessed


def _loss(history: History, fewest: int) -> Values:
    try:
        return curve(history, "train_loss", fewest).values
    except NotApplicable:
        return curve(history, "val_loss", fewest).values


def _steps_are_small(history: History, last: Values, options: Options) -> bool:
    """Whether the losses of a training whose rate is not known come to rest as the steps grow small."""
    if jitter(last) < options.still * max(abs(float(last.mean())), TINY):
        return True
    try:
        return calmed(curve(history, "val_loss", 2 * options.fewest_flat_epochs).values) < options.calmed
    except NotApplicable:
        return calmed(last) < options.calmed


def _rate_share(history: History) -> float:
    try:
        rates = curve(history, "learning_rate", 1).values
    except NotApplicable:
        return float("nan")
    return float(rates[-1] / rates.max()) if rates.max() > 0 else float("nan")
