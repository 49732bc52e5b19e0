"""What guessing costs, where nobody says it: as far as the curves themselves tell."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from retemper.core.history import History

MOST_CLASSES = 1000
ABOVE = 0.95
"""A first loss is a little above that of guessing: the start knows less than nothing."""


def guessed_trivial(history: History) -> float:
    """The loss of a trivial prediction, guessed from a history.

    A training starts about there, but what is logged first is the mean over an epoch that has learnt already: the
    guess is too low rather than too high. Where an accuracy is known beside the loss, the loss of equally frequent
    classes, log C, takes its place, with the least C for which the first loss is at most 5 % above it (an error rate:
    1 − 1/C).

    Args:
        history: with ``train_loss`` or ``val_loss``.

    Returns:
        The guess; NaN where the losses are negative (no loss of guessing is known to them) or there are none.

    >>> round(guessed_trivial(History(0, {"train_loss": np.array([0.6, 0.3])}, float("nan"))), 3)
    0.6
    >>> digits = {"train_loss": np.array([2.1, 0.3]), "train_accuracy": np.array([0.3, 0.9])}
    >>> round(guessed_trivial(History(0, digits, float("nan"))), 3)  # log 8
    2.079
    """
    losses = [_finite(history, name) for name in ("train_loss", "val_loss")]
    firsts = [values[0] for values in losses if len(values)]
    if not firsts or min(float(values.min()) for values in losses if len(values)) < 0:
        return math.nan
    first = float(firsts[0])
    accuracy = _finite(history, "train_accuracy") if len(losses[0]) else _finite(history, "val_accuracy")
    if not len(accuracy):
        return first
    rate = bool(np.isclose(first, 1 - accuracy[0]))
    classes = np.arange(2, MOST_CLASSES + 1)
    costs = 1 - 1 / classes if rate else np.log(classes)
    enough = np.flatnonzero(costs >= ABOVE * first)
    return float(costs[enough[0]]) if len(enough) else first


def _finite(history: History, name: str) -> NDArray[np.float64]:
    values = history.series.get(name, np.empty(0))
    return values[np.isfinite(values)]
