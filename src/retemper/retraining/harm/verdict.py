"""From a difference with its interval to a verdict, and the sentence that tells it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retemper.core.errors import InputError, nearest
from retemper.core.harm_records import HarmVerdict, Standing
from retemper.core.records import Task

POINT = 0.01
"""Of a rate, a log loss in nats, or R²; of an RMSE or MAE it is 1 % of what it was before."""
HARM_POINTS = 1.0
"""A loss up to this is let pass, however sure it is."""
HIDDEN_POINTS = 5.0
"""An interval that does not rule out such a loss says nothing."""
SIGNS = {
    "classification": {
        "log_loss": -1,
        "accuracy": 1,
        "balanced_accuracy": 1,
        "precision_macro": 1,
        "recall_macro": 1,
        "f1_macro": 1,
        "roc_auc": 1,
        "ece": -1,
    },
    "regression": {"rmse": -1, "mae": -1, "r2": 1},
}
"""Task → metric → 1 where more is better."""


@dataclass(frozen=True)
class Change:
    """A metric before and now, in its own sign.

    Args:
        metric: its name.
        sign: 1 where more is better, else −1.
        before, now: values.
        low, high: 95 % interval of now − before.
    """

    metric: str
    sign: int
    before: float
    now: float
    low: float
    high: float

    @property
    def point(self) -> float:
        """A point in the metric's units."""
        return point_of(self.metric, self.before)

    @property
    def lost(self) -> float:
        """What was lost, positive when worse."""
        return self.sign * (self.before - self.now)

    @property
    def lost_ends(self) -> tuple[float, float]:
        """The interval of what was lost."""
        return (-self.high, -self.low) if self.sign > 0 else (self.low, self.high)

    def verdict(self) -> HarmVerdict:
        """Harm and gain must be proved and be more than a point; a large loss must be ruled out for "none".

        >>> [Change("accuracy", 1, .9, .9 + d, d - w, d + w).verdict() for d, w in ((-.03, .02), (0, .02), (0, .2))]
        ['harm', 'none', 'cannot tell']
        """
        least, most = self.lost_ends
        if least > 0 and self.lost > HARM_POINTS * self.point:
            return "harm"
        if most < 0 and -self.lost > HARM_POINTS * self.point:
            return "better"
        return "cannot tell" if not most <= HIDDEN_POINTS * self.point else "none"

    def told(self) -> str:
        """The verdict in a sentence, without its full stop.

        >>> Change("accuracy", 1, .9, .87, -.05, -.01).told()
        'accuracy went from 0.9 to 0.87 (change -0.03, 95 % interval -0.05 to -0.01): a loss of 3.0 points'
        """
        numbers = f"change {self.now - self.before:+.3g}, 95 % interval {self.low:+.3g} to {self.high:+.3g}"
        said = f"{self.metric} went from {self.before:.4g} to {self.now:.4g} ({numbers})"
        verdict, size = self.verdict(), abs(self.lost) / self.point if self.point else np.inf
        if verdict in ("harm", "better"):
            return f"{said}: a {'loss' if verdict == 'harm' else 'gain'} of {size:.1f} points"
        if verdict == "cannot tell":
            return f"{said}: a loss of {HIDDEN_POINTS:g} points is not ruled out"
        if self.lost_ends[0] > 0:
            return f"{said}: a loss, but of no more than a point"
        return f"{said}: no loss is proved, and one of {HIDDEN_POINTS:g} points is ruled out"


def point_of(metric: str, before: float) -> float:
    """A point in the metric's units.

    >>> point_of("accuracy", 0.9), point_of("rmse", 300.0)
    (0.01, 3.0)
    """
    return POINT * before if metric in ("rmse", "mae") else POINT


def sign_of(task: Task, metric: str) -> int:
    """1 where more of the metric is better, −1 where less is.

    Raises:
        InputError: the task has no such metric.

    >>> sign_of("regression", "rmse")
    -1
    """
    known = SIGNS[task]
    if metric not in known:
        message = f"A {task} has no metric {metric!r}; {nearest(metric, list(known))}"
        raise InputError(
            "unknown_metric", message, {"option": "metric"}, f"Choose one of {', '.join(known)}."
        )
    return known[metric]


def difference(before: Standing, now: Standing) -> tuple[float, float]:
    """95 % interval of now − before of independent samples, from each one's own interval.

    Zou and Donner's (2008) method of variance estimates recovery: with d the distances to the ends,

        low = δ − √(d_low(now)² + d_high(before)²),   high = δ + √(d_high(now)² + d_low(before)²)

    so that a skewed interval keeps its skewness, and any metric that has an interval has a difference.

    Args:
        before, now: with their intervals.

    >>> low, high = difference(Standing(.9, .87, .92, 500), Standing(.8, .76, .84, 300))
    >>> round(low, 3), round(high, 3)
    (-0.145, -0.05)
    """
    if None in (before.low, before.high, now.low, now.high):
        return -np.inf, np.inf
    (l0, h0), (l1, h1) = ((own.low, own.high) for own in (before, now))
    assert l0 is not None and h0 is not None and l1 is not None and h1 is not None
    change = now.value - before.value
    down = np.hypot(now.value - l1, h0 - before.value)
    up = np.hypot(h1 - now.value, before.value - l0)
    return float(change - down), float(change + up)
