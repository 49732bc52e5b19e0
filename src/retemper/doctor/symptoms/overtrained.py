"""Overtrained: the validation loss rises from a minimum that lies well before the end."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable, Severity
from retemper.doctor.case import Case, need
from retemper.doctor.curves import (
    broke_down,
    confidence,
    curve,
    noise,
    share_of_trivial,
    size,
    smooth,
    then_and_now,
)

REMEDIES = ("stop_earlier", "regularise_more", "lower_learning_rate")


class Options(Base):
    """Thresholds. A best step in the first tenth is the Tuning Playbook's sign of too long a run."""

    rise: float = Field(0.1, gt=0, description="(last − least) / least of the smoothed validation loss")
    wasted: float = Field(0.2, gt=0, lt=1, description="share of the run after the best epoch")
    long_wasted: float = Field(
        0.75, gt=0, lt=1, description="such a share, from which on a small rise suffices"
    )
    small_rise: float = Field(0.02, gt=0, description="that small rise")
    rise_of_trivial: float = Field(0.02, ge=0, description="the rise as a share of the trivial loss")
    by_heart: float = Field(
        0.1, gt=0, lt=1, description="training / validation loss of rows that were learnt by heart"
    )
    rise_by_heart: float = Field(
        0.005, ge=0, description="the rise as a share of the trivial loss that then suffices"
    )
    learns: float = Field(0.02, ge=0, description="fall of the training loss since the best epoch")
    noise_multiple: float = Field(2.5, ge=0, description="the rise in standard deviations of the jitter")
    fewest_wasted: int = Field(3, ge=1, description="epochs after the best one")
    fewest_epochs: int = Field(8, ge=4, description="epochs with a validation loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's validation curve by its minimum and how far it ends above it.

    A shorter schedule ends its decay where the network is best, so the same gain comes sooner and often lower. Where
    the training loss rises as well the training breaks down, which has a code of its own.

    Raises:
        NotApplicable: the validation loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 41)
    >>> check(Case(History(0, {"epoch": e, "val_loss": np.abs(e - 5) + 1}, 1.0)), Options()).evidence["best_epoch"]
    5
    """
    history = need(case.history, "history")
    val = curve(history, "val_loss", options.fewest_epochs)
    if broke_down(history):
        return None
    course = smooth(val.values)
    at = int(np.argmin(course))
    best, end = float(val.epochs[at]), float(val.epochs[-1])
    wasted = (len(course) - 1 - at) / len(course)
    risen = float(course[-1] - course[at])
    rise = risen / size(course)
    enough = options.small_rise if wasted > options.long_wasted else options.rise
    early = wasted > options.wasted and len(course) - 1 - at >= options.fewest_wasted
    then, now = _trained(history, best)
    by_heart = now < options.by_heart * float(course[-1])
    enough_of_all = risen * share_of_trivial(history) > (
        options.rise_by_heart if by_heart else options.rise_of_trivial
    )
    learns_on = not now >= then - options.learns * abs(then)
    by_chance = risen <= options.noise_multiple * noise(val.values, course)
    if not (early and rise > enough and enough_of_all) or by_chance or not learns_on:
        return None
    message = (
        f"The validation loss was least in epoch {best:.0f} of {end:.0f} and rose by {rise:.0%} since: "
        f"{wasted:.0%} of the run brought no gain."
    )
    evidence = {
        "rise": rise,
        "rise_threshold": enough,
        "wasted": wasted,
        "wasted_threshold": options.wasted,
        "best_epoch": int(best),
        "epochs": int(end),
    }
    severity: Severity = "warning" if rise > options.rise else "advice"
    sure = confidence(rise, 0.5 * options.rise, 1.5 * options.rise)
    return Finding("overtrained", severity, sure, message, evidence, REMEDIES)


def _trained(history: History, best: float) -> tuple[float, float]:
    """The training loss after the best epoch and at the end; NaN where it is not known."""
    try:
        return then_and_now(curve(history, "train_loss", 3), best)
    except NotApplicable:
        return math.nan, math.nan
