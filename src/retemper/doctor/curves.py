"""Reading a curve: what was measured of it, its smooth course, how flat it is and how much it jitters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.history import History
from retemper.core.records import NotApplicable

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
    line = _line(values)
    return float((line[0] - line[-1]) / max(abs(line[0]), TINY))


def jitter(values: Values) -> float:
    """Standard deviation around the straight line fitted to the values.

    >>> round(jitter(np.array([1.0, 2.0, 3.0])), 9)
    0.0
    """
    return float(np.std(values - _line(values)))


def _line(values: Values) -> Values:
    at = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(at @ values) / max(float(at @ at), TINY)
    line: Values = values.mean() + slope * at
    return line


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
