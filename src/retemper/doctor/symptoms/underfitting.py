"""Underfitting: even the training loss stays high, and no longer falls."""

from __future__ import annotations

import math

from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import TINY, confidence, curve, fall, jitter, size, smooth, tail, trivial_of

REMEDIES = ("more_capacity", "less_regularisation", "raise_learning_rate", "train_longer")


class Options(Base):
    """Thresholds."""

    share_of_trivial: float = Field(0.5, gt=0, lt=1, description="training loss / trivial loss at the end")
    nothing: float = Field(0.95, gt=0, le=1, description="the same, where nothing at all was learnt")
    flat: float = Field(0.02, gt=0, description="fall over the last part that still counts as flat")
    held_back: float = Field(
        1.4,
        gt=1,
        description="training / validation loss: regularisation holds the training up by more than this",
    )
    poor: float = Field(
        0.35, gt=0, lt=1, description="validation / trivial loss of a network that it holds back"
    )
    noise_multiple: float = Field(
        2.0, ge=0, description="the fall in standard errors that the jitter gives it"
    )
    rise: float = Field(0.1, gt=0, description="rise over the last part, as decay of weights brings about")
    last: float = Field(0.3, gt=0, lt=1, description="the last part, as a share of the run")
    gap: float = Field(0.15, gt=0, description="(validation − training) / validation; beyond it: overfits")
    fewest_epochs: int = Field(8, ge=4, description="epochs with a training loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's curves.

    The level is the lower of both losses at the end: dropout and label smoothing raise the training loss. Where they
    raise it much, and the validation loss is no good either, its own level counts. Data may simply hold no more (a
    noise floor), which curves can't tell: the confidence stays modest.

    Raises:
        NotApplicable: the trivial loss or the training loss is not known, or the curve is too short.

    >>> import numpy as np
    >>> from retemper.core.history import History
    >>> e = np.arange(1.0, 21)
    >>> h = History(0, {"epoch": e, "train_loss": 0.8 + 0.1 / e, "val_loss": 0.82 + 0.1 / e}, 1.0)
    >>> check(Case(h), Options()).code
    'underfitting'
    """
    history = need(case.history, "history")
    train = curve(history, "train_loss", options.fewest_epochs)
    trivial = trivial_of(history)
    trained = float(smooth(train.values)[-1])
    try:
        validated = float(smooth(curve(history, "val_loss", options.fewest_epochs).values)[-1])
    except NotApplicable:
        validated = trained
    poor = validated > options.poor * trivial.loss
    held_back = poor and trained > options.held_back * validated
    level = (trained if held_back else min(trained, validated)) / trivial.loss
    last = tail(train.values, options.last, 4)
    fallen = fall(last)
    by_chance = fallen * size(last) <= options.noise_multiple * jitter(last) * math.sqrt(12 / len(last))
    gap = (validated - trained) / max(abs(validated), TINY)
    if level <= options.share_of_trivial or fallen <= -options.rise or gap > options.gap:
        return None
    if fallen >= options.flat and not by_chance:
        return None
    nothing = level >= options.nothing
    message = (
        f"The training loss stays at {trained:.4g}, {level:.0%} of what guessing the average costs "
        f"({trivial.loss:.4g}), and changed by {abs(fallen):.1%} at the end: "
        + (
            "nothing was learnt."
            if nothing
            else "the network is too small or held back, or the columns tell no more."
        )
    )
    evidence = {
        "level": level,
        "level_threshold": options.share_of_trivial,
        "fall": fallen,
        "flat_threshold": options.flat,
        "gap": gap,
        "gap_threshold": options.gap,
        "last_train_loss": trained,
        "last_val_loss": validated,
        "trivial_loss": trivial.loss,
        "trivial_loss_known": trivial.known,
    }
    sure = round(0.8 * confidence(level, options.share_of_trivial, 1.0), 3)
    return Finding("underfitting", "advice", sure, message, evidence, REMEDIES)
