"""Scaling of numbers, inputs and targets alike; the state is plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from retemper.core.threads import threaded

Floats = NDArray[np.float64]
Method = Literal["robust", "zscore", "minmax", "quantile", "none"]
QUANTILES = 1000
LEAST_NORMAL = 1e-300
TAIL = 1e-5  # quantile scaling stops at ±4.26 standard deviations


@dataclass(frozen=True)
class Scaler:
    """One scale for each column; fitted on training rows, missing cells (NaN) left aside and left missing.

    - ``zscore``: (x − mean)/standard deviation.
    - ``minmax``: (x − min)/(max − min); values outside the training range leave [0, 1].
    - ``robust``: (x − median)/(upper − lower quartile); where the quartiles are equal, the range takes their
      place.
    - ``quantile``: Φ⁻¹ of the rank among the training rows: any distribution becomes a normal one.
    - ``none``: as it is.

    A column without spread is only centred. ``quantiles`` [points, columns] is empty but for ``quantile``.
    """

    method: Method
    center: Floats
    scale: Floats
    quantiles: Floats

    @classmethod
    def fit(cls, x: Floats, method: Method, ordered: Sequence[Floats] | None = None) -> Scaler:
        """Fit on x [rows, columns]; a column may be all NaN.

        Args:
            x: numbers, NaN for missing.
            method: see above.
            ordered: each column's cells that are not missing, sorted, where they are known.

        >>> Scaler.fit(np.array([[1.0], [2.0], [3.0]]), "minmax").apply(np.array([[2.0]])).item()
        0.5
        """
        points = np.linspace(0, 1, max(2, min(QUANTILES, len(x)))) if method == "quantile" else np.empty(0)
        by_rank = method in ("robust", "quantile")

        def cells(column: int) -> Floats:
            if not by_rank:
                return present(x[:, column])
            # Sorted, quantiles are found in a third of the time that partitioning takes.
            return np.sort(present(x[:, column])) if ordered is None else ordered[column]

        columns = range(x.shape[1])
        learnt = list(threaded(lambda column: _learnt(cells(column), method, points), columns))
        center, scale = np.array([own[:2] for own in learnt], dtype=np.float64).reshape(-1, 2).T
        quantiles = np.array([own[2] for own in learnt]).reshape(x.shape[1], len(points))
        return cls(method, center.copy(), scale.copy(), np.ascontiguousarray(quantiles.T))

    def apply(self, x: Floats) -> Floats:
        """Scaled x [rows, columns] as float64."""
        if self.method == "none":
            return x
        if self.method != "quantile":
            with np.errstate(over="ignore"):
                out: Floats = (x - self.center) / self.scale
            return out
        ranks = np.linspace(0, 1, len(self.quantiles))
        columns = [_rank(x[:, i], self.quantiles[:, i], ranks) for i in range(x.shape[1])]
        scaled: Floats = ndtri(TAIL + (1 - 2 * TAIL) * np.stack(columns, axis=1)) if columns else x
        return scaled

    def taken(self, columns: Sequence[int]) -> Scaler:
        """The scales of some columns."""
        own = list(columns)
        return Scaler(self.method, self.center[own], self.scale[own], self.quantiles[:, own])

    def invert(self, z: Floats) -> Floats:
        """The way back from z [rows, columns]; ``quantile`` ends at the training range."""
        if self.method == "none":
            return z
        if self.method != "quantile":
            out: Floats = z * self.scale + self.center
            return out
        ranks = np.linspace(0, 1, len(self.quantiles))
        p = np.clip((ndtr(z) - TAIL) / (1 - 2 * TAIL), 0, 1)
        return np.stack([np.interp(p[:, i], ranks, self.quantiles[:, i]) for i in range(z.shape[1])], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "method": self.method,
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "quantiles": self.quantiles.T.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Scaler:
        """The scaler that :meth:`to_json` wrote."""
        center, scale = (np.array(data[key], dtype=np.float64) for key in ("center", "scale"))
        points = len(data["quantiles"][0]) if data["quantiles"] else 0
        quantiles = np.array(data["quantiles"], dtype=np.float64).reshape(len(center), points)
        return cls(data["method"], center, scale, np.ascontiguousarray(quantiles.T))


def present(column: Floats) -> Floats:
    """The cells that are not missing (NaN)."""
    gaps = np.isnan(column)
    return column[~gaps] if gaps.any() else column


def _learnt(values: Floats, method: Method, points: Floats) -> tuple[float, float, Floats]:
    """Center, scale and quantiles of one column's cells (sorted for quantiles); of none at all 0, 1 and zeros."""
    if not len(values):
        return 0.0, 1.0, np.zeros(len(points))
    if method == "quantile":
        return 0.0, 1.0, np.maximum.accumulate(np.quantile(values, points))
    return *_center_and_scale(values, method), np.empty(0)


def _center_and_scale(values: Floats, method: Method) -> tuple[float, float]:
    if method == "zscore":
        center, scale = values.mean(), values.std()
        # Rounding gives equal values a tiny spread; dividing by it would blow up the noise.
        scale = scale if scale > 1e-12 * abs(center) else 0.0
    elif method == "minmax":
        center, scale = values.min(), np.ptp(values)
    elif method == "robust":
        low, center, high = np.quantile(values, [0.25, 0.5, 0.75])
        scale = (high - low) or np.ptp(values)
    else:
        center, scale = 0.0, 1.0
    return float(center), float(scale) or 1.0


def _rank(x: Floats, quantiles: Floats, ranks: Floats) -> Floats:
    """The mean of the ranks from below and from above: the middle of the ties."""
    # Between numbers below the normal range the slope of ranks is infinite: they count as 0.
    x, quantiles = (np.where(np.abs(v) < LEAST_NORMAL, 0.0, v) for v in (x, quantiles))
    up = np.interp(x, quantiles, ranks)
    down = -np.interp(-x, -quantiles[::-1], -ranks[::-1])
    middle: Floats = (up + down) / 2
    return middle


def smooth_clip(x: Floats) -> Floats:
    """x/√(1 + (x/3)²): the identity near 0, ±3 far out (RealMLP, Holzmüller et al. 2024, "Better by default").

    >>> float(smooth_clip(np.array(1e9)).round(6)), float(smooth_clip(np.array(0.1)).round(3))
    (3.0, 0.1)
    """
    within = np.clip(x, -1e150, 1e150)  # the square of more overflows
    root: Floats = np.asarray(within / 3)
    np.square(root, out=root)
    root += 1
    np.sqrt(root, out=root)
    return np.divide(within, root, out=root)
