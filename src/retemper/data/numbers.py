"""Numbers for the network: scaled, with thermometer codes over bins and indicators of missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.recipe import PrepareOptions
from retemper.data.scaling import Floats, Scaler, smooth_clip

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class NumberCode:
    """How a matrix of raw numbers [rows, F], NaN for missing, becomes network inputs.

    Three blocks: the scaled numbers (missing → 0; robust scaling is followed by the smooth clip at ±3), their
    piecewise-linear codes, and an indicator for each number that was missing in training rows.

    The code of x in bin j with the edges e is clamp((x − eⱼ)/(eⱼ₊₁ − eⱼ), 0, 1) (Gorishniy et al. 2022, "On
    embeddings for numerical features"); missing → 0 in every bin. The bins hold equally many *distinct* values:
    quantiles over the rows would spend most bins on the values that come often.
    """

    scaler: Scaler
    edges: tuple[Floats, ...]
    gaps: tuple[int, ...]

    @classmethod
    def fit(cls, x: Floats, options: PrepareOptions) -> NumberCode:
        """Fit on the training rows' numbers [rows, F]."""
        values = [np.unique(column[~np.isnan(column)]) for column in x.T]
        room = max(2, options.embedding_inputs // max(1, x.shape[1]))
        bins = min(options.bins, room) if options.number_embedding == "piecewise_linear" else 0
        gaps = tuple(np.flatnonzero(np.isnan(x).any(axis=0)).tolist())
        return cls(Scaler.fit(x, options.scaling), tuple(_edges(v, bins) for v in values), gaps)

    @property
    def n_numbers(self) -> int:
        """F, the number of scaled numbers."""
        return len(self.edges)

    @property
    def bins(self) -> list[int]:
        """How many bins each number has."""
        return [max(0, len(edges) - 1) for edges in self.edges]

    @property
    def width(self) -> int:
        """Columns of the three blocks together."""
        return self.n_numbers + sum(self.bins) + len(self.gaps)

    def names(self, numbers: list[str]) -> list[str]:
        """Names of the columns that :meth:`write` fills."""
        codes = [f"{name}:bin{j}" for name, n in zip(numbers, self.bins, strict=True) for j in range(n)]
        return [*numbers, *codes, *(f"{numbers[i]}=(missing)" for i in self.gaps)]

    def write(self, x: Floats, out: NDArray[np.float32]) -> None:
        """Fill ``out`` [rows, width], which is zero, from raw numbers [rows, F]."""
        scaled = self.scaler.apply(x)
        if self.scaler.method == "robust":
            scaled = smooth_clip(scaled)
        missing = np.isnan(x)
        out[:, : self.n_numbers] = np.where(missing, 0.0, np.clip(scaled, -LARGEST, LARGEST))
        start = self.n_numbers
        for i, (edges, n) in enumerate(zip(self.edges, self.bins, strict=True)):
            if n:
                _write_code(x[:, i], edges, out[:, start : start + n])
            start += n
        out[:, start:] = missing[:, list(self.gaps)]

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "scaler": self.scaler.to_json(),
            "edges": [edges.tolist() for edges in self.edges],
            "gaps": list(self.gaps),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NumberCode:
        """The code that :meth:`to_json` wrote."""
        edges = tuple(np.array(one, dtype=np.float64) for one in data["edges"])
        return cls(Scaler.from_json(data["scaler"]), edges, tuple(data["gaps"]))


def _edges(distinct: Floats, bins: int) -> Floats:
    count = min(bins, len(distinct) - 1)
    if count < 1:
        return np.empty(0)
    edges: Floats = np.unique(np.quantile(distinct, np.linspace(0, 1, count + 1)))
    return edges


def _write_code(x: Floats, edges: Floats, out: NDArray[np.float32]) -> None:
    # The place of x on the scale "edge j is at j" says all: bin j holds clamp(place − j, 0, 1).
    place = np.interp(x, edges, np.arange(len(edges), dtype=np.float64))
    place = np.where(np.isnan(x), 0.0, place).astype(np.float32)
    np.subtract(place[:, None], np.arange(len(edges) - 1, dtype=np.float32), out=out)
    np.clip(out, 0.0, 1.0, out=out)
