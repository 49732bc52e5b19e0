"""Diverging: the training loss climbs far above what had been reached."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import (
    TINY,
    Values,
    confidence,
    curve,
    gradient_evidence,
    noise,
    share_of_trivial,
    size,
    smooth,
    tail,
)

REMEDIES = ("lower_learning_rate", "clip_gradients", "warm_up_longer")


class Options(Base):
    """Thresholds; a loss of twice its minimum is TheDeepChecker's rule."""

    times: float = Field(2.0, gt=1, description="last / least smoothed training loss, or last / trivial loss")
    rise_of_trivial: float = Field(0.05, ge=0, description="the rise as a share of the trivial loss")
    noise_multiple: float = Field(4.0, ge=0, description="the rise in standard deviations of the jitter")
    stayed: float = Field(0.8, gt=0, description="last / first loss of one that blew up in the first epoch")
    blown: float = Field(50.0, gt=1, description="loss of the first tenth / of the second half")
    first_of_peak: float = Field(
        0.3, gt=0, lt=1, description="first loss / that peak of one that blew up before it was first seen"
    )
    blown_far: float = Field(1e5, gt=1, description="the same where no target is large enough to explain it")
    val_times: float = Field(
        100.0, gt=1, description="last validation / larger first loss: more than overfitting"
    )
    unsettled: float = Field(
        0.1,
        gt=0,
        description="change from epoch to epoch / mean training loss in the second half; validation: twice",
    )
    fewest_epochs: int = Field(3, ge=2, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's training curve.

    It fires when the loss ends at ``times`` its minimum, or at ``times`` the trivial loss (it may have blown up
    in the first epoch), or when it was far higher at the start and never settled since.

    Raises:
        NotApplicable: the training loss is missing or the curve is too short.

    >>> from retemper.core.history import History
    >>> e = np.arange(1.0, 11)
    >>> check(Case(History(0, {"epoch": e, "train_loss": np.exp(e / 3)}, 1.0)), Options()).severity
    'error'
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    course = smooth(train.values)
    best, last = int(np.argmin(course)), float(course[-1])
    times = (last - float(course[best])) / size(course) + 1
    trivial = history.trivial_loss if np.isfinite(history.trivial_loss) else None
    risen = last - float(course[best])
    large = risen * share_of_trivial(history) >= options.rise_of_trivial
    by_chance = risen <= options.noise_multiple * noise(train.values, course)
    climbed = times >= options.times and large and not by_chance
    stayed = last >= options.stayed * float(train.values[0])
    above = trivial is not None and trivial > 0 and last >= options.times * trivial and stayed
    blew_up = _blew_up(train.values, history.series.get("val_loss"), options)
    val_climbed = _val_climbed(train.values, history.series.get("val_loss"), options)
    if not (climbed or above or blew_up or val_climbed):
        return None
    reached = f"{times:.3g} times its minimum"
    if not climbed:
        reached = (
            f"{last / (trivial or 1):.3g} times the trivial loss"
            if above
            else "after it blew up at the start"
        )
    if val_climbed:
        reached = "and the validation loss far above all that it had been"
    message = (
        f"The training loss ended at {last:.4g}, {reached} ({course[best]:.4g} in epoch "
        f"{train.epochs[best]:.0f}): the steps are too large."
    )
    evidence = {
        "times": times,
        "times_threshold": options.times,
        "best_epoch": int(train.epochs[best]),
        "best_train_loss": float(course[best]),
        "last_train_loss": last,
        "trivial_loss": trivial,
        **gradient_evidence(history),
    }
    sure = confidence(times, options.times, 5 * options.times) if climbed else 0.8
    return Finding("diverging", "error", sure, message, evidence, REMEDIES)


def _blew_up(train: Values, val: Values | None, options: Options) -> bool:
    """Whether the loss was thrown far up at first: that of a large target falls as far, but then comes to rest.

    A training loss alone may fall as far towards nothing; the validation loss tells what level was come back to.
    """
    if val is None or np.isfinite(val).sum() < options.fewest_epochs:
        return False
    halves = [tail(values, 0.5, 2) for values in (train, val[np.isfinite(val)])]
    peak = float(train[: max(len(train) // 10, 1)].max())
    if float(train[0]) < options.first_of_peak * peak:
        return False  # it was thrown up after it began and came back: that is oscillating
    times = peak / max(*(float(np.median(np.abs(half))) for half in halves), TINY)
    trained, validated = map(_change, halves)
    swings = trained > options.unsettled and validated > 2 * options.unsettled
    return times > options.blown_far or (times > options.blown and swings)


def _val_climbed(train: Values, val: Values | None, options: Options) -> bool:
    """Whether the validation loss ended beyond what rows learnt by heart can cost."""
    known = np.empty(0) if val is None else val[np.isfinite(val)]
    if len(known) < options.fewest_epochs or min(known.min(), train.min()) < 0:
        return False
    return float(np.median(known[-3:])) > options.val_times * max(float(known[0]), float(train[0]))


def _change(values: Values) -> float:
    """Mean change from epoch to epoch / mean."""
    return float(np.mean(np.abs(np.diff(values)))) / max(float(np.mean(np.abs(values))), TINY)
