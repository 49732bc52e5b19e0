"""Is the second of two models better on the same rows? One number with its influences, tested in closed form.

Every metric's gain is a sum over rows up to a remainder: gain ≈ truth + Σ ψ, ψ a row's influence (for a mean of losses
ω·(loss₁ − loss₂ − gain)). Rows of a group are added up first. So one test serves them all, without any random number:

    T = (gain − limit) / √(Σψ²·G/(G−1)),   y = T + γT²/(3√G) + γ²T³/(27G) + γ/(6√G)

y is Hall's (1992) transformation of Student's T: where losses are skewed, T alone promotes far too often (of
challengers with no gain and log-normal losses 9 % at 50 rows, at a level of 2.5 %). It is judged by Student's law with
2G/(κ − 1) degrees of freedom, by which a variance of heavy tails (kurtosis κ) is known. Two departures, both on the
safe side, since few rows hide the large, rare losses: a skewness that would help is not counted, and one that hurts
counts 1.5 times (``benchmarks/gate_simulated.py`` measures both).

A row (or group) with much of all the weight h draws the gain to itself and seems to vary little: its influence is
divided by 1 − h, which is what it moves when it is left out (the jackknife).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from retemper.evaluation.weighted import Floats

HIDDEN = 1.5
"""How much more skewed a law is than its sample shows, where that counts against the claim."""
EXPECTED_UNITS = 3.0
"""How many units the moments count that the models' words make one expect. Of challengers that are abler but far too
sure, equal in log loss, 8 % were promoted at 50 rows without, 1.4 % with one, 0 % with three; of good ones 18 % before
and 16 % after."""
ROUNDING = 1e-12
MOST_SHARE = 1 - 1e-9
"""Whoever has more of all the weight is all there is."""
POWER = 0.8


class Paired(Protocol):
    """A gain measured on the same rows, positive when the second model is better, and what is sure of it."""

    @property
    def value(self) -> float: ...

    @property
    def error(self) -> float: ...

    def p_above(self, limit: float) -> float:
        """p-value of "the gain is at most ``limit``"."""
        ...

    def p_below(self, limit: float) -> float:
        """p-value of "the gain is at least ``limit``"."""
        ...

    def ends(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval of the gain."""
        ...


def could_see(gain: Paired, alpha: float, power: float = POWER) -> float:
    """The change that a one-sided test at ``alpha`` tells from none with this probability, about."""
    return float(ndtri(1 - alpha) + ndtri(power)) * gain.error


def _by_unit(values: Floats, group: NDArray[Any] | None) -> Floats:
    """Sums over the rows of each group; each row's own without groups."""
    if group is None:
        return values
    return np.asarray(np.bincount(np.unique(group, return_inverse=True)[1], values))


@dataclass(frozen=True)
class PairedMean:
    """A gain with the moments of its influences.

    Args:
        value: the gain.
        error: its standard error; infinite for one unit.
        skewness, freedom: of the influences; see the module.
        units: rows, or groups of rows, that vary independently.

    >>> draw = np.random.default_rng(0).normal(size=400)
    >>> gain = PairedMean.of(0.2 + draw.mean(), (draw - draw.mean()) / 400)
    >>> gain.p_above(0) < .025 < gain.p_above(0.2), gain.ends()[0] > 0
    (True, True)
    """

    value: float
    error: float
    skewness: float
    freedom: float
    units: int

    @classmethod
    def of(
        cls,
        value: float,
        influence: Floats,
        group: NDArray[Any] | None = None,
        least_error: float = 0.0,
        expected: tuple[float, float] | None = None,
        weight: Floats | None = None,
    ) -> PairedMean:
        """From each row's influence.

        Args:
            value: the gain.
            influence: how far each row moves it, sum 0 [N].
            group: rows with the same label vary together [N].
            least_error: times 1/units, the smallest standard error believed: the range of a row's gain where rows
                that all agree don't prove that all others would.
            expected: sums over rows of ψ² and ψ³ that the models' own words make one expect. They count as much as
                3 units do, for few rows don't show the large, rare losses.
            weight: of the rows, above 0 [N]; None: each counts once.
        """
        heavy = np.ones(len(influence)) if weight is None else weight
        moved, share = (_by_unit(own, group) for own in (influence, heavy / heavy.sum()))
        units = len(moved)
        if units < 2 or share.max() > MOST_SHARE:
            return cls(value, np.inf, 0.0, 1.0, units)
        if np.ptp(share) > ROUNDING:
            moved = moved * (1 - 1 / units) / (1 - share)
        square, cube, fourth = (float((moved**power).sum()) for power in (2, 3, 4))
        freedom = units - 1.0
        if square > 0:
            freedom = float(np.clip(2 / max(fourth / square**2 - 1 / units, ROUNDING), 1, units - 1))
        if expected is not None:
            seen = units / (units + EXPECTED_UNITS)
            square, cube = (
                seen * own + (1 - seen) * e for own, e in zip((square, cube), expected, strict=True)
            )
        error = max(float(np.sqrt(square * units / (units - 1))), least_error / units)
        skewness = float(np.sqrt(units) * cube / square**1.5) if square > 0 else 0.0
        return cls(value, error, skewness, freedom, units)

    def p_above(self, limit: float) -> float:
        """p-value of "the gain is at most ``limit``"; 1/2 to the power of units where nothing varies."""
        return self._p_value(self.value - limit, min(self.skewness, 0.0))

    def p_below(self, limit: float) -> float:
        """p-value of "the gain is at least ``limit``"."""
        return self._p_value(limit - self.value, min(-self.skewness, 0.0))

    def ends(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval: what both one-sided tests leave."""
        if not np.isfinite(self.error):
            return -np.inf, np.inf
        y = float(stdtrit(self.freedom, (1 + level) / 2))
        down, up = (self._back(y, min(sign * self.skewness, 0.0)) for sign in (1, -1))
        return float(self.value - down * self.error), float(self.value + up * self.error)

    def _p_value(self, distance: float, skewness: float) -> float:
        if not np.isfinite(self.error):
            return 1.0
        if self.error <= ROUNDING * abs(self.value):
            return 0.5**self.units if distance > 0 else 1.0
        t, a = distance / self.error, HIDDEN * skewness / np.sqrt(self.units)
        return float(stdtr(self.freedom, -(t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6)))

    def _back(self, y: float, skewness: float) -> float:
        """T of a transformed y."""
        a = HIDDEN * skewness / np.sqrt(self.units)
        return y if abs(a) < ROUNDING else float(3 / a * (np.cbrt(1 + a * (y - a / 6)) - 1))
