"""Principal components of the numbers, as further numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from retemper.core.seeds import generator
from retemper.data.features.relevance import sampled_rows
from retemper.data.scaling import Floats, Scaler, smooth_clip


@dataclass(frozen=True)
class Components:
    """The directions in which the numbers vary most together (Pearson 1901): ``axes`` [N, F].

    Numbers are standardised and clipped smoothly at ±3 before, so that neither a unit nor an outlier decides;
    a missing number counts as its column's mean.
    """

    scaler: Scaler
    axes: Floats

    @classmethod
    def fit(cls, x: Floats, count: int) -> Components:
        """Fit on training rows' numbers [rows, F]; fewer than ``count`` where rows or columns are fewer.

        >>> t = np.linspace(-1, 1, 50)
        >>> Components.fit(np.stack([t, 2 * t, -t], axis=1), 1).axes.round(2).tolist()
        [[0.58, 0.58, -0.58]]
        """
        scaler = Scaler.fit(x, "zscore")
        rows = sampled_rows(len(x), x.shape[1])
        z = _standard(scaler, x[rows])
        seed = int(generator(0, "principal components").integers(2**31))
        with np.errstate(invalid="ignore"):  # numbers without variance leave shares of nothing
            found = PCA(min(count, *z.shape), random_state=seed).fit(z)
        return cls(scaler, found.components_)

    @property
    def names(self) -> list[str]:
        """Names of the new numbers."""
        return [f"component {k + 1}" for k in range(len(self.axes))]

    def apply(self, x: Floats) -> Floats:
        """The components [rows, N] of numbers [rows, F]."""
        z = _standard(self.scaler, x)
        # Each row is summed by itself: a matrix product's last bits depend on how many rows come together.
        return np.stack([(z * axis).sum(axis=1) for axis in self.axes], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {"scaler": self.scaler.to_json(), "axes": self.axes.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Components:
        """The components that :meth:`to_json` wrote."""
        return cls(Scaler.from_json(data["scaler"]), np.array(data["axes"], dtype=np.float64))


def _standard(scaler: Scaler, x: Floats) -> Floats:
    return np.ascontiguousarray(np.nan_to_num(smooth_clip(scaler.apply(x)), nan=0.0))
