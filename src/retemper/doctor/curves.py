"""Reading a curve: what was measured of it, its smooth course, how flat it is and how much it jitters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.history import History
from retemper.core.records import NotApplicable
from retemper.doctor.trivial import guessed_trivial

Values = NDArray[np.float64]
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Curve:
    """The finite values of one series and the epochs they belong to."""

    epochs: Values
    values: Values

    def __len__(self) -> int:
        return len(self.values)


def epochs_of(history: History) -> Values:
    """The epochs, counted from 1 where the history does not name them."""
    if "epoch" in history.series:
        return history["epoch"]
    length = max((len(series) for series in history.series.values()), default=0)
    return np.arange(1.0, length + 1.0)


def curve(history: History, name: str, fewest: int) -> Curve:
    """A series without the epochs in which it was not measured.

    Args:
        history: one member's history.
        name: the series, for example ``val_loss``.
        fewest: values that a judgement needs, 1 or more.

    Raises:
        NotApplicable: the series is missing or too short.

    >>> h = History(0, {"epoch": np.array([1.0, 2, 3]), "val_loss": np.array([0.9, np.nan, 0.7])}, 1.0)
    >>> curve(h, "val_loss", 2).epochs.tolist()
    [1.0, 3.0]
    """
    series = history.series.get(name)
    if series is None or not len(series):
        raise NotApplicable(f"{name} was not recorded")
    known = np.isfinite(series)
    if known.sum() < fewest:
        raise NotApplicable(f"{int(known.sum())} values of {name} are too few to judge; {fewest} are needed")
    return Curve(epochs_of(history)[known], series[known])


def smooth(values: Values, share: float = 0.1, fewest: int = 3) -> Values:
    """Centred moving mean over a share of the curve (an odd number of values, at least ``fewest``).

    At both ends the window shrinks to what there is.

    >>> smooth(np.array([1.0, 4.0, 1.0, 4.0, 1.0])).tolist()
    [2.5, 2.0, 3.0, 2.0, 2.5]
    """
    half = max(round(share * len(values)), fewest) // 2
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    mean: Values = (sums[high] - sums[low]) / (high - low)
    return mean


def tail(values: Values, share: float, fewest: int) -> Values:
    """The last share of a curve, at least ``fewest`` values where there are as many."""
    return values[-max(round(share * len(values)), fewest) :]


def fall(values: Values) -> float:
    """Relative fall along the straight line fitted to the values: .02 = 2 % lower at the end; negative: rises.

    >>> round(fall(np.array([1.0, 0.95, 0.9])), 3)
    0.1
    """
    values = values / max(float(np.abs(values).max()), TINY)  # so that huge losses don't overflow
    line = _line(values)
    against = abs(line[0]) if values.min() >= 0 else float(np.ptp(values))
    return float((line[0] - line[-1]) / max(against, TINY))


def jitter(values: Values) -> float:
    """Standard deviation around the straight line fitted to the values.

    >>> round(jitter(np.array([1.0, 2.0, 3.0])), 9)
    0.0
    """
    return float(np.std(values - _line(values)))


def swing(values: Values) -> float:
    """Mean change from one value to the next / their mean size.

    >>> round(swing(np.array([1.0, 1.2, 1.0, 1.2])), 3)
    0.182
    """
    return float(np.mean(np.abs(np.diff(values)))) / max(float(np.mean(np.abs(values))), TINY)


def swings(history: History, name: str, share: float, fewest: int) -> float:
    """The same of the last share of a series; NaN where it was not recorded or is too short."""
    try:
        return swing(tail(curve(history, name, fewest).values, share, 6))
    except NotApplicable:
        return float("nan")


def _line(values: Values) -> Values:
    at = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(at @ values) / max(float(at @ at), TINY)
    line: Values = values.mean() + slope * at
    return line


def size(values: Values) -> float:
    """What changes of a curve are measured against: its least value, or its whole range where it goes below zero.

    A share of a loss near or below zero (a log density) says nothing.

    >>> size(np.array([2.0, 0.5])), size(np.array([1.0, -3.0]))
    (0.5, 4.0)
    """
    least = float(np.min(values))
    return max(least if least >= 0 else float(np.ptp(values)), TINY)


def then_and_now(train: Curve, epoch: float) -> tuple[float, float]:
    """The smooth training loss where the validation loss of an epoch was measured, and at the end.

    The training loss of an epoch is its mean, the validation loss comes after it: the next epochs' stands for "then".

    >>> then_and_now(Curve(np.arange(1.0, 6), np.array([3.0, 1, 1, 1, 1])), 1)
    (1.0, 1.0)
    """
    after = min(int(np.searchsorted(train.epochs, epoch, side="right")), len(train) - 1)
    return float(train.values[after : after + 3].mean()), float(smooth(train.values)[-1])


def noise(values: Values, course: Values) -> float:
    """Standard deviation of the values around their smooth course, by the median: the bend at the start is no noise."""
    return 1.4826 * float(np.median(np.abs(values - course)))


def calmed(values: Values) -> float:
    """Jitter of the last tenth / of the middle of a curve, by second differences: near 0 where the steps grew small.

    Without a rate on record this shows its decay: on 469 trainings a validation loss calmed below .25 in 87 % of those
    with a cosine, and in 6 % of those with a constant rate.

    >>> calmed(np.array([3.0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1]))
    0.0
    """
    bends = np.abs(np.diff(values, 2))
    middle = bends[max(len(bends) // 2 - 2, 0) : -max(round(0.2 * len(values)), 5)]
    if not len(middle):
        return 1.0
    return float(np.median(bends[-max(round(0.1 * len(values)), 4) :]) / max(float(np.median(middle)), TINY))


BROKE = 100.0
"""A validation loss so many times the first losses: more than rows learnt by heart can cost."""


def broke_down(history: History) -> bool:
    """Whether the losses were lost, or the validation loss ended beyond all bounds: no matter of rows learnt by heart.

    >>> lost = np.array([1.0, 0.5, np.nan])
    >>> broke_down(History(0, {"train_loss": lost, "val_loss": lost}, 1.0))
    True
    """
    names = ("train_loss", "val_loss")
    losses = [history.series[name] for name in names if len(history.series.get(name, ()))]
    if any(np.isinf(values).any() for values in losses) or all(np.isnan(values[-1]) for values in losses):
        return True
    firsts = [float(values[np.isfinite(values)][0]) for values in losses if np.isfinite(values).any()]
    val = history.series.get("val_loss", np.empty(0))
    known = val[np.isfinite(val)]
    return len(known) > 0 and min(firsts) > 0 and float(np.median(known[-3:])) > BROKE * max(firsts)


@dataclass(frozen=True)
class Trivial:
    """The loss of a trivial prediction, and whether it is known or guessed from the curves."""

    loss: float
    known: bool


def trivial_of(history: History) -> Trivial:
    """What guessing costs.

    Raises:
        NotApplicable: it is not known, and the curves don't tell.

    >>> trivial_of(History(0, {"train_loss": np.array([0.7, 0.3])}, float("nan")))
    Trivial(loss=0.7, known=False)
    """
    if np.isfinite(history.trivial_loss) and history.trivial_loss > 0:
        return Trivial(float(history.trivial_loss), True)
    guess = guessed_trivial(history)
    if not guess > 0:
        raise NotApplicable("the loss of a trivial prediction is not known")
    return Trivial(guess, False)


def share_of_trivial(history: History) -> float:
    """One over the trivial loss, known or guessed; infinite where neither can be had: no change is then too small."""
    try:
        return 1.0 / trivial_of(history).loss
    except NotApplicable:
        return float("inf")


def confidence(value: float, threshold: float, sure: float) -> float:
    """How sure a value makes: .5 at the threshold, .95 from ``sure`` on (either side may be the larger).

    >>> confidence(0.05, 0.05, 0.2), confidence(0.4, 0.05, 0.2)
    (0.5, 0.95)
    """
    way = min(max((value - threshold) / (sure - threshold), 0.0), 1.0)
    return round(0.5 + 0.45 * way, 3)


def gradient_evidence(history: History) -> dict[str, float]:
    """The 90th percentile of the gradient's norm where it was recorded (a good bound to clip at)."""
    norms = history.series.get("gradient_norm")
    finite = norms[np.isfinite(norms)] if norms is not None else np.empty(0)
    return {"gradient_norm_p90": float(np.quantile(finite, 0.9))} if len(finite) else {}
