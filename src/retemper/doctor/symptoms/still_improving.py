"""Still improving: the loss was falling when the run ended."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import confidence, curve, fall, jitter, share_of_trivial, size, smooth, tail

REMEDIES = ("train_longer", "raise_learning_rate", "slower_decay")


class Options(Base):
    """Thresholds."""

    cut: float = Field(0.02, gt=0, description="relative fall of the validation loss")
    last: float = Field(0.2, gt=0, lt=1, description="the last part of the run in which it fell, as a share")
    with_training: float = Field(
        0.015, gt=0, description="such a fall that suffices where the training loss falls more"
    )
    training: float = Field(0.04, gt=0, description="relative fall of the training loss that is more")
    of_trivial: float = Field(0.003, ge=0, description="the fall as a share of the trivial loss")
    noise_multiple: float = Field(
        1.5, ge=0, description="the fall in standard errors that the jitter gives it"
    )
    lasting: float = Field(0.2, ge=0, description="fall in the second half of the last part / in all of it")
    fewest_epochs: int = Field(5, ge=4, description="epochs with a validation loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge the end of one member's validation curve, or of the training's where there is none.

    It must fall along a straight line through its last part by more than its jitter brings about, and have its least
    value there.

    Raises:
        NotApplicable: neither loss is known, or the curve is too short.

    >>> e = np.arange(1.0, 11)
    >>> check(Case(History(0, {"epoch": e, "val_loss": 1 - e / 20}, 1.0)), Options()).remedies[0]
    'train_longer'
    """
    history = need(case.history, "history")
    name = _name(history, options.fewest_epochs)
    losses = curve(history, name, options.fewest_epochs)
    last = tail(losses.values, options.last, 4)
    course = smooth(losses.values)
    cut, learnt = fall(last), _training(history, options)
    enough = options.with_training if learnt > options.training else options.cut
    by_chance = cut * size(last) <= options.noise_multiple * jitter(last) * np.sqrt(12 / len(last))
    worth = cut * size(last) * share_of_trivial(history) > options.of_trivial
    lasts = fall(last[len(last) // 2 :]) > options.lasting * cut
    if (
        cut <= enough
        or by_chance
        or not (lasts and worth)
        or int(np.argmin(course)) < len(course) - len(last)
    ):
        return None
    what = "validation" if name == "val_loss" else "training"
    message = (
        f"The {what} loss still fell by {cut:.1%} in the last {len(last)} of {losses.epochs[-1]:.0f} epochs: longer "
        "training should pay."
    )
    evidence = {
        "cut": cut,
        "cut_threshold": enough,
        "training_cut": learnt,
        "from_epoch": int(losses.epochs[-len(last)]),
        "epochs": int(losses.epochs[-1]),
        f"last_{name}": float(course[-1]),
    }
    sure = confidence(cut, enough, 5 * enough)
    return Finding("still_improving", "advice", sure, message, evidence, REMEDIES)


def _name(history: History, fewest: int) -> str:
    known = np.isfinite(history.series.get("val_loss", np.empty(0)))
    return "val_loss" if known.sum() >= fewest or "train_loss" not in history.series else "train_loss"


def _training(history: History, options: Options) -> float:
    """Relative fall of the training loss in the last part; 0 where it is not known."""
    try:
        return fall(tail(curve(history, "train_loss", options.fewest_epochs).values, options.last, 4))
    except NotApplicable:
        return 0.0
