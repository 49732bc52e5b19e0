"""Plateau: the loss stands still, either where guessing stands or while the learning rate is still high."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.history import History
from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import Curve, confidence, curve, fall, smooth, tail

STUCK = ("lower_learning_rate", "raise_learning_rate", "more_capacity", "less_regularisation")
STALLED = ("reduce_on_plateau", "lower_learning_rate", "larger_batch")


class Options(Base):
    """Thresholds."""

    flat: float = Field(0.01, gt=0, description="change over the last part that still counts as flat")
    last: float = Field(0.25, gt=0, lt=1, description="the last part, as a share of the run")
    fewest_flat_epochs: int = Field(10, ge=4, description="epochs in the last part, at least")
    near_trivial: float = Field(0.95, gt=0, le=1, description="loss / trivial loss that counts as not learnt")
    learnt_enough: float = Field(0.05, ge=0, lt=1, description="loss / trivial loss too low to complain of")
    rate_share: float = Field(
        0.5, gt=0, le=1, description="learning rate / its peak that counts as still high"
    )


def check(case: Case, options: Options) -> Finding | None:
    """Judge one member's curves (the validation loss; without one, the training loss).

    Flat near the trivial loss: nothing is learnt, an error. Flat while the rate is still high: the steps may be
    too large to get further down, so lowering the rate is worth a try.

    Raises:
        NotApplicable: the curve is too short, or flat with neither trivial loss nor learning rate known.

    >>> e = np.arange(1.0, 31)
    >>> h = History(0, {"epoch": e, "train_loss": 0.69 + 0 * e, "val_loss": 0.69 + 0 * e}, 0.69)
    >>> check(Case(h), Options()).severity
    'error'
    """
    history = need(case.history, "history")
    losses = _loss(history, options.fewest_flat_epochs)
    last = tail(losses.values, options.last, options.fewest_flat_epochs)
    change = fall(last)
    if abs(change) >= options.flat:
        return None
    level = float(smooth(losses.values)[-1]) / history.trivial_loss if history.trivial_loss > 0 else np.nan
    rate = _rate_share(history)
    if not (np.isfinite(level) or np.isfinite(rate)):
        raise NotApplicable("the loss is flat, but neither the trivial loss nor the learning rate is known")
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
    if level >= options.near_trivial:
        message = f"{flat} and is {level:.0%} of what guessing the average costs: the network learns nothing."
        return Finding("plateau", "error", 0.9, message, evidence, STUCK)
    if rate >= options.rate_share and not level < options.learnt_enough:
        message = (
            f"{flat} while the learning rate was still {rate:.0%} of its peak: a lower rate may get further."
        )
        sure = confidence(abs(change), options.flat, 0.0)
        return Finding("plateau", "advice", sure, message, evidence, STALLED)
    return None


def _loss(history: History, fewest: int) -> Curve:
    try:
        return curve(history, "val_loss", fewest)
    except NotApplicable:
        return curve(history, "train_loss", fewest)


def _rate_share(history: History) -> float:
    try:
        rates = curve(history, "learning_rate", 1).values
    except NotApplicable:
        return float("nan")
    return float(rates[-1] / rates.max()) if rates.max() > 0 else float("nan")
