"""Not finite: the loss became infinite or not a number, and nothing was learnt from then on."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from retemper.core.options import Options as Base
from retemper.core.records import Finding, NotApplicable
from retemper.doctor.case import Case, need
from retemper.doctor.curves import epochs_of, gradient_evidence
from retemper.doctor.looks import Signals

REMEDIES = ("lower_learning_rate", "clip_gradients", "warm_up_longer")


class Options(Base):
    """Thresholds."""

    fewest_epochs: int = Field(1, ge=1, description="epochs at the end without a finite loss")


def check(case: Case, options: Options) -> Finding | None:
    """Judge what was seen step by step, else one member's losses.

    A gap in a curve may mean "not measured", so it fires on an infinite value, or when neither loss is a number
    from some epoch to the end.

    Raises:
        NotApplicable: the training loss was not recorded.

    >>> from retemper.core.history import History
    >>> h = History(0, {"epoch": np.arange(1.0, 4), "train_loss": np.array([0.7, np.nan, np.nan])}, 0.7)
    >>> check(Case(h), Options()).evidence["first_epoch"]
    2
    """
    if case.signals is not None and case.signals.non_finite[0]:
        return _of_signals(case.signals, case.data.not_finite if case.data else 0)
    if case.history is None and case.signals is not None:
        return None
    history = need(case.history, "history")
    train = history.series.get("train_loss")
    if train is None or not len(train):
        raise NotApplicable("train_loss was not recorded")
    val = history.series.get("val_loss", np.full(len(train), np.nan))
    infinite = np.isinf(train) | np.isinf(val)
    alive = np.flatnonzero(np.isfinite(train) | np.isfinite(val))
    lost = int(alive[-1]) + 1 if len(alive) else 0
    dead = len(train) - lost >= options.fewest_epochs
    if not dead and not infinite.any():
        return None
    first = min([lost] * dead + np.flatnonzero(infinite)[:1].tolist())
    epochs = epochs_of(history)
    before = train[:first][np.isfinite(train[:first])]
    message = (
        f"The loss was infinite or not a number from epoch {epochs[first]:.0f} on"
        + (f" (before: {before[-1]:.4g})" if len(before) else "")
        + ": the steps are too large, or the inputs are."
    )
    evidence = {
        "first_epoch": int(epochs[first]),
        "epochs": int(epochs[-1]),
        "epochs_lost": len(train) - lost,
        "epochs_lost_threshold": options.fewest_epochs,
        "last_finite_train_loss": float(before[-1]) if len(before) else None,
        **gradient_evidence(history),
    }
    return Finding("non_finite", "error", 0.98, message, evidence, REMEDIES)


def _of_signals(signals: Signals, rows: int) -> Finding:
    what, step = signals.non_finite
    known = signals.losses[np.isfinite(signals.losses) & (signals.steps < step)]
    message = (
        f"The {what} was infinite or not a number at step {step}"
        + (f" (the loss before: {known[-1]:.4g})" if len(known) else "")
        + ": the steps are too large, the inputs are, or a logarithm or a division met 0."
    )
    evidence = {
        "what": what,
        "first_step": step,
        "first_step_threshold": signals.taken,
        "steps": signals.taken,
        "rows_not_finite": rows,
    }
    if rows:
        message = f"{rows} training rows have missing or infinite inputs. " + message
    return Finding("non_finite", "error", 0.99 if rows else 0.98, message, evidence, REMEDIES)
