"""Numbers for the network: scaled, with their places among bins and indicators of missing cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.prepare_options import PrepareOptions
from retemper.core.threads import threaded
from retemper.data.scaling import Floats, Scaler, present, smooth_clip

BLOCK_CELLS = 1 << 16
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class NumberCode:
    """How a matrix of raw numbers [rows, F], NaN for missing, becomes network inputs.

    Three blocks: the scaled numbers (missing → 0; robust scaling is followed by the smooth clip at ±3), the
    places of those that have bins, and an indicator for each number that was missing in training rows.

    The place of x is where it stands among the edges e: j + (x − eⱼ)/(eⱼ₊₁ − eⱼ) in bin j, 0 for missing. It is
    all that the piecewise-linear code needs (Gorishniy et al. 2022, "On embeddings for numerical features"): the
    code in bin j is clamp(place − j, 0, 1), and the network's front works it out, batch by batch. So a number is
    kept as two columns and not as fifty. The bins hold equally many *distinct* values: quantiles over the rows
    would spend most bins on the values that come often.
    """

    scaler: Scaler
    edges: tuple[Floats, ...]
    gaps: tuple[int, ...]

    @classmethod
    def fit(cls, x: Floats, missing: NDArray[np.bool_], options: PrepareOptions) -> NumberCode:
        """Fit on the training rows' numbers [rows, F]; ``missing`` [rows, F] also marks gaps that were filled in."""
        room = max(2, options.embedding_inputs // max(1, x.shape[1]))
        bins = min(options.bins, room) if options.number_embedding == "piecewise_linear" else 0
        gaps = tuple(np.flatnonzero(missing.any(axis=0)).tolist())
        ordered = list(threaded(lambda column: np.sort(present(column)), x.T))
        edges = threaded(lambda column: _edges(_distinct(column), bins), ordered)
        return cls(Scaler.fit(x, options.scaling, ordered), tuple(edges), gaps)

    @property
    def n_numbers(self) -> int:
        """F, the number of scaled numbers."""
        return len(self.edges)

    @cached_property
    def bins(self) -> list[int]:
        """How many bins each number has; 0 where it has one value."""
        return [max(0, len(edges) - 1) for edges in self.edges]

    @cached_property
    def n_places(self) -> int:
        """How many numbers have bins, and so a place."""
        return sum(n > 0 for n in self.bins)

    @property
    def width(self) -> int:
        """Columns of the three blocks together."""
        return self.n_numbers + self.n_places + len(self.gaps)

    def names(self, numbers: list[str]) -> list[str]:
        """Names of the columns that :meth:`write` fills."""
        places = [f"{name}:place" for name, n in zip(numbers, self.bins, strict=True) if n]
        return [*numbers, *places, *(f"{numbers[i]}=(missing)" for i in self.gaps)]

    def taken(self, numbers: Sequence[int]) -> tuple[NumberCode, list[int]]:
        """The code of some numbers, their indicators left out, and the columns of the whole one that it fills."""
        placed = np.cumsum([n > 0 for n in self.bins]) + self.n_numbers - 1
        places = [int(placed[i]) for i in numbers if self.bins[i]]
        edges = tuple(self.edges[i] for i in numbers)
        return NumberCode(self.scaler.taken(numbers), edges, ()), [*numbers, *places]

    def write(self, x: Floats, missing: NDArray[np.bool_], out: NDArray[np.float32]) -> None:
        """Fill ``out`` [rows, width] from numbers [rows, F] and what was missing of them."""
        for block in self.blocks(len(x)):
            self._write(np.ascontiguousarray(x[block].T), out[block])
        out[:, self.n_numbers + self.n_places :] = missing[:, list(self.gaps)]

    def blocks(self, count: int) -> Iterator[slice]:
        """Blocks of so many rows that fit the processor's cache: every step would else go through the memory."""
        rows = max(1, BLOCK_CELLS // max(1, self.n_numbers))
        yield from (slice(start, min(start + rows, count)) for start in range(0, count, rows))

    def _write(self, x: Floats, out: NDArray[np.float32]) -> None:
        """Numbers [F, rows], a column's cells beside each other, to the scaled numbers and the places."""
        scaled = self.scaler.apply(x.T).T
        robust = self.scaler.method == "robust"
        scaled = smooth_clip(scaled) if robust else np.clip(scaled, -LARGEST, LARGEST)
        gaps = np.isnan(scaled)
        if gaps.any():
            scaled = np.where(gaps, 0.0, scaled)
        out[:, : self.n_numbers] = scaled.T
        if self.n_places:
            out[:, self.n_numbers : self.n_numbers + self.n_places] = self._steps.places(x).T

    @cached_property
    def _steps(self) -> _Steps:
        return _Steps.of(self.edges)

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


def _distinct(ordered: Floats) -> Floats:
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _edges(distinct: Floats, bins: int) -> Floats:
    count = min(bins, len(distinct) - 1)
    if count < 1:
        return np.empty(0)
    edges: Floats = np.unique(np.quantile(distinct, np.linspace(0, 1, count + 1)))
    return edges


@dataclass(frozen=True)
class _Steps:
    """The places of all columns at once: between edges e and e' a line with this slope, from this height at e.

    The edge is found by counting those that are not above x: a comparison with each takes less time than a binary
    search, whose every step is a guess. Column c of the tables belongs to count c, from 0 (below the first edge) to
    the number of edges; the height at the edge is c − 1.

    Args:
        columns: with bins, numbered among all [P].
        edges: [edges, P, 1], +∞ after a column's last.
        first: [P, 1], where a column's row begins in ``start`` and ``slope``.
        start, slope: [P, edges + 1].
    """

    columns: NDArray[np.int64]
    edges: Floats
    first: NDArray[np.int64]
    start: Floats
    slope: Floats

    @classmethod
    def of(cls, edges: tuple[Floats, ...]) -> _Steps:
        columns = np.array([i for i, own in enumerate(edges) if len(own)])
        most = max(len(own) for own in edges)
        padded = np.full((most, len(columns), 1), np.inf)
        start, slope = np.zeros((2, len(columns), most + 1))
        for k, own in enumerate(edges[i] for i in columns):
            padded[: len(own), k, 0] = own
            start[k, 1 : len(own) + 1] = own
            with np.errstate(over="ignore"):  # edges may be as close as numbers get
                slope[k, 1 : len(own)] = np.minimum(1 / np.diff(own), np.finfo(np.float64).max)
        first = np.arange(len(columns))[:, None] * (most + 1)
        return cls(columns, padded, first, start, slope)

    def places(self, x: Floats) -> Floats:
        """x [F, rows] → places [P, rows], 0 for missing."""
        x = x[self.columns]
        count = np.zeros(x.shape, dtype=np.uint8 if len(self.edges) < 256 else np.uint16)
        above = np.empty(x.shape, dtype=bool)
        for edge in self.edges:
            np.add(count, np.greater_equal(x, edge, out=above).view(np.uint8), out=count)
        cell = np.add(count, self.first, dtype=np.intp)
        x -= self.start.take(cell)
        x *= self.slope.take(cell)
        x += np.maximum(count, 1, out=count)
        x -= 1
        np.copyto(x, 0.0, where=np.isnan(x))
        return x
