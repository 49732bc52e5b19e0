"""The space of a search: ranges of hyperparameters, and a sampler's points in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc

from retemper.core import seeds


@dataclass(frozen=True)
class Interval:
    """A range of numbers, even on a straight or a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """The value at a share in [0, 1] of the range.

        >>> round(Interval(1e-4, 1e-2, log=True).at(0.5), 6)
        0.001
        """
        if self.log:
            return math.exp(math.log(self.low) + share * math.log(self.high / self.low))
        return self.low + share * (self.high - self.low)

    def near_edge(self, value: float, share: float = 0.1) -> str | None:
        """``low`` or ``high`` when the value lies in the outer share of the range."""
        place = (
            math.log(value / self.low) / math.log(self.high / self.low)
            if self.log
            else (value - self.low) / (self.high - self.low)
        )
        return "low" if place < share else "high" if place > 1 - share else None


@dataclass(frozen=True)
class Words:
    """A choice among values."""

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """The value at a share in [0, 1]."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


Space = Mapping[str, Interval | Words]


def quasi_random(space: Space, trials: int, seed: int) -> list[dict[str, Any]]:
    """Points of a scrambled Sobol sequence (Bergstra & Bengio 2012; Sobol 1967): even in every projection.

    Args:
        space: name → range.
        trials: how many points.
        seed: of the scrambling.

    >>> points = quasi_random({"rate": Interval(1e-4, 1e-2, log=True), "width": Words((64, 128))}, 4, seed=0)
    >>> sorted(p["width"] for p in points)
    [64, 64, 128, 128]
    """
    sampler = qmc.Sobol(len(space), scramble=True, rng=int(seeds.generator(seed, "search").integers(2**32)))
    shares = sampler.random_base2(math.ceil(math.log2(max(2, trials))))[:trials]
    return [
        {
            name: axis.at(float(share))
            for (name, axis), share in zip(space.items(), np.asarray(row), strict=True)
        }
        for row in shares
    ]
