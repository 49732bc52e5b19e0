"""Overfitting: the training loss leaves the validation loss behind, which rises or no longer falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import (
    Curve,
    Values,
    broke_down,
    confidence,
    curve,
    fall,
    noise,
    share_of_trivial,
    size,
    smooth,
    tail,
    then_and_now,
)

REMEDIES = ("regularise_more", "less_capacity", "stop_earlier")
MOST_SURE = 0.8


class Options(Base):
    """Thresholds. A rise of .03 to .05 found overfitting best on OverfitGuard's 40 real curves."""

    rise: float = Field(0.05, gt=0, description="(last − least) / least of the smoothed validation loss")
    rise_of_trivial: float = Field(0.02, ge=0, description="the same rise as a share of the trivial loss")
    by_heart: float = Field(
        0.1, gt=0, lt=1, description="training / validation loss of rows that were learnt by heart"
    )
    rise_by_heart: float = Field(
        0.005, ge=0, description="the rise as a share of the trivial loss that then suffices"
    )
    learns: float = Field(0.02, ge=0, description="fall of the training loss since the best epoch")
    noise_multiple: float = Field(2.5, ge=0, description="the rise in standard deviations of the jitter")
    gap: float = Field(
        0.5, gt=0, lt=1, description="(validation − training) / validation loss without a rise"
    )
    gap_of_trivial: float = Field(0.12, ge=0, description="the same gap as a share of the trivial loss")
    most_gone: float = Field(
        0.6, gt=0, lt=1, description="a gap so wide that a smaller share of the trivial loss suffices"
    )
    most_gone_of_trivial: float = Field(0.03, ge=0, description="that smaller share")
    flat: float = Field(0.05, gt=0, description="fall of the validation loss that still counts as flat")
    flat_of_gap: float = Field(0.05, ge=0, description="the same fall as a share of the gap")
    last: float = Field(0.3, gt=0, lt=1, description="the last part of the run, as a share")
    fewest_epochs: int = Field(8, ge=3, description="epochs with a validation loss")


@dataclass(frozen=True)
class _Read:
    """Both courses at the best epoch of the validation loss and at the end."""

    best_epoch: float
    best: float
    last: float
    train_then: float
    train_last: float
    rise: float
    gap: float


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's curves, in two ways.

    By a rise: it must be large against the minimum, against the trivial loss (where known: near a loss of 0 every
    ripple is large against the minimum, less so where the training loss is next to nothing beside it) and against the
    curve's own jitter, and the training loss must go on falling.
    By a gap: most of the validation loss is gone from the training loss, and the validation loss stands still.

    Raises:
        NotApplicable: a loss is missing or the curve is too short.

    >>> from retemper.core.history import History
    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e + e / 50}, 1.0)
    >>> check(Case(h), Options()).evidence["best_epoch"]
    7
    """
    history = need(case.history, "history")
    val = curve(history, "val_loss", options.fewest_epochs)
    train = curve(history, "train_loss", options.fewest_epochs)
    if broke_down(history):
        return None
    course = smooth(val.values)
    read = _read(val, train, course)
    share = share_of_trivial(history)
    rises = _rises(read, noise(val.values, course), share, options)
    least = options.most_gone_of_trivial if read.gap > options.most_gone else options.gap_of_trivial
    wide = read.gap > options.gap and (read.last - read.train_last) * share > least
    end = tail(course, options.last, 4)
    falling = fall(end)
    flat = falling < options.flat or falling * float(end[0]) < options.flat_of_gap * (
        read.last - read.train_last
    )
    if not rises and not (wide and flat):
        return None
    ends = f"while the training loss fell to {read.train_last:.4g}: the network learns the training rows by heart."
    start = (
        f"The validation loss rose by {read.rise:.0%} after epoch {read.best_epoch:.0f} ({read.best:.4g} to "
        f"{read.last:.4g})"
        if rises
        else f"The validation loss stands still at {read.last:.4g}"
    )
    evidence = {
        "rise": read.rise,
        "rise_threshold": options.rise,
        "noise": noise(val.values, course),
        "gap": read.gap,
        "gap_threshold": options.gap,
        "best_epoch": int(read.best_epoch),
        "epochs": int(val.epochs[-1]),
        "best_val_loss": read.best,
        "last_val_loss": read.last,
        "train_loss_at_best": read.train_then,
        "last_train_loss": read.train_last,
    }
    # A wide gap is how some data are; a strong rise has a code of its own, overtrained.
    sure = min(confidence(read.rise, options.rise, 4 * options.rise) if rises else 0.6, MOST_SURE)
    return Finding(
        "overfitting", "warning" if rises else "advice", sure, f"{start} {ends}", evidence, REMEDIES
    )


def _read(val: Curve, train: Curve, course: Values) -> _Read:
    best = int(np.argmin(course))
    low, last = float(course[best]), float(course[-1])
    then, now = then_and_now(train, float(val.epochs[best]))
    gap = (last - now) / max(abs(last), size(course))
    return _Read(float(val.epochs[best]), low, last, then, now, (last - low) / size(course), gap)


def _rises(read: _Read, jitter: float, share: float, options: Options) -> bool:
    risen = read.last - read.best
    by_chance = risen <= options.noise_multiple * jitter
    by_heart = read.train_last < options.by_heart * read.last
    enough = options.rise_by_heart if by_heart else options.rise_of_trivial
    large = read.rise > options.rise and risen * share > enough
    learns_on = read.train_last < read.train_then - options.learns * abs(read.train_then)
    return large and not by_chance and learns_on
