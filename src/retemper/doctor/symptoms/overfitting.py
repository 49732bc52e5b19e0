"""Overfitting: the validation loss rises from its minimum while the training loss goes on falling."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, confidence, curve, smooth

REMEDIES = ("regularise_more", "less_capacity", "stop_earlier")


class Options(Base):
    """Thresholds. A rise of .03 to .05 found overfitting best on OverfitGuard's 40 real curves."""

    rise: float = Field(0.05, gt=0, description="(last − least) / least of the smoothed validation loss")
    rise_of_trivial: float = Field(0.005, ge=0, description="the same rise as a share of the trivial loss")
    noise_multiple: float = Field(2.5, ge=0, description="the rise in standard deviations of the jitter")
    fewest_epochs: int = Field(8, ge=3, description="epochs with a validation loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's curves.

    The rise must be large against the minimum, against the trivial loss (where known: near a loss of 0 every
    ripple is large against the minimum) and against the curve's own jitter.

    Raises:
        NotApplicable: a loss is missing or the curve is too short.

    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 1 / e, "val_loss": 1 / e + e / 50}, 1.0)
    >>> check(Case(h), Options()).evidence["best_epoch"]
    7
    """
    history = need(case.history, "history")
    val = curve(history, "val_loss", options.fewest_epochs)
    train = curve(history, "train_loss", options.fewest_epochs)
    course = smooth(val.values)
    best = int(np.argmin(course))
    risen = float(course[-1] - course[best])
    rise = risen / max(abs(float(course[best])), TINY)
    # By the median: the bend of the first epochs is no noise.
    noise = 1.4826 * float(np.median(np.abs(val.values - course)))
    trained = smooth(train.values)
    then = float(np.interp(val.epochs[best], train.epochs, trained))
    learns_on = float(trained[-1]) < then
    small = np.isfinite(history.trivial_loss) and risen < options.rise_of_trivial * history.trivial_loss
    if rise <= options.rise or small or risen <= options.noise_multiple * noise or not learns_on:
        return None
    message = (
        f"The validation loss rose by {rise:.0%} after epoch {val.epochs[best]:.0f} ({course[best]:.4g} to "
        f"{course[-1]:.4g}) while the training loss fell to {trained[-1]:.4g}: the network learns the "
        "training rows by heart."
    )
    evidence = {
        "rise": rise,
        "rise_threshold": options.rise,
        "noise": noise,
        "best_epoch": int(val.epochs[best]),
        "epochs": int(val.epochs[-1]),
        "best_val_loss": float(course[best]),
        "last_val_loss": float(course[-1]),
        "train_loss_at_best": then,
        "last_train_loss": float(trained[-1]),
    }
    sure = confidence(rise, options.rise, 4 * options.rise)
    return Finding("overfitting", "warning", sure, message, evidence, REMEDIES)
