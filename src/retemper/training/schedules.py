"""The family of schedules by name: shapes of the learning rate over a run."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from retemper.core.options import Options
from retemper.training.plateau import OnPlateau, OnPlateauState
from retemper.training.schedule import Factors, Schedule

__all__ = ["ENTRIES", "OnPlateau", "OnPlateauState", "Schedule"]


class Constant(Schedule):
    """The base rate all along.

    >>> Constant().factors(3, 1).tolist()
    [1.0, 1.0, 1.0]
    """

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        return np.ones_like(steps)


class Step(Schedule):
    """Multiplied by γ every few epochs: γ^⌊epoch / every_epochs⌋.

    >>> Step(every_epochs=1, gamma=0.5).factors(4, 2).tolist()
    [1.0, 1.0, 0.5, 0.5]
    """

    every_epochs: int = Field(
        20,
        ge=1,
        description="epochs between two drops",
        json_schema_extra={"search": {"low": 3, "high": 40, "log": True}},
    )
    gamma: float = Field(
        0.3,
        gt=0,
        le=1,
        description="factor of a drop",
        json_schema_extra={"search": {"low": 0.1, "high": 0.7, "log": True}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        drops = steps // (self.every_epochs * steps_per_epoch)
        return np.power(self.gamma, drops)


class Exponential(Schedule):
    """Multiplied by γ an epoch, a little at every step: γ^(step / steps_per_epoch).

    >>> Exponential(gamma=0.81).factors(3, 2).round(2).tolist()
    [1.0, 0.9, 0.81]
    """

    gamma: float = Field(
        0.95,
        gt=0,
        le=1,
        description="factor an epoch",
        json_schema_extra={"search": {"low": 0.8, "high": 0.999}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        return np.power(self.gamma, steps / steps_per_epoch)


class Linear(Schedule):
    """A straight line from 1 to ``end_factor``, which step n (just past the run) would have.

    >>> Linear().factors(4, 1).tolist()
    [1.0, 0.75, 0.5, 0.25]
    """

    end_factor: float = Field(
        0.0,
        ge=0,
        le=1,
        description="multiplier at the end of the run",
        json_schema_extra={"search": {"low": 0.0, "high": 0.3}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        return 1.0 + (self.end_factor - 1.0) * steps / len(steps)


def _half_cosine(start: float, end: float, progress: Factors) -> Factors:
    """From ``start`` at progress 0 to ``end`` at 1, flat at both."""
    return end + (start - end) * (1.0 + np.cos(np.pi * progress)) / 2.0


class Cosine(Schedule):
    """Half a cosine from 1 to ``end_factor``: slow, fast, slow (Loshchilov & Hutter 2017, SGDR).

    >>> Cosine().factors(4, 1).round(3).tolist()
    [1.0, 0.854, 0.5, 0.146]
    """

    end_factor: float = Field(
        0.0,
        ge=0,
        le=1,
        description="multiplier at the end of the run",
        json_schema_extra={"search": {"low": 0.0, "high": 0.3}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        return _half_cosine(1.0, self.end_factor, steps / len(steps))


class InverseSquareRoot(Schedule):
    """1 / √(1 + t/τ): decays for ever slower (Vaswani et al. 2017, with τ the length of their warm-up).

    Use when the end of the run is open. t counts epochs after the warm-up.

    >>> InverseSquareRoot(timescale_epochs=1).factors(4, 1).round(3).tolist()
    [1.0, 0.707, 0.577, 0.5]
    """

    timescale_epochs: float = Field(
        2.0,
        gt=0,
        allow_inf_nan=False,
        description="τ: the rate is halved after 3 τ epochs",
        json_schema_extra={"search": {"low": 0.5, "high": 10.0, "log": True}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        return 1.0 / np.sqrt(1.0 + steps / (self.timescale_epochs * steps_per_epoch))


class OneCycle(Schedule):
    """Up to the base rate in the first part, then down to almost nothing (Smith & Topin 2018).

    The base rate is the top. It has its own rise; ``warmup_fraction`` comes before it.

    >>> OneCycle(rise_fraction=0.5, start_factor=0.2, end_factor=0).factors(4, 1).round(2).tolist()
    [0.2, 1.0, 0.5, 0.0]
    """

    rise_fraction: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="share of the steps in which the rate rises",
        json_schema_extra={"search": {"low": 0.1, "high": 0.5}},
    )
    start_factor: float = Field(
        0.04,
        ge=0,
        le=1,
        description="multiplier at the start",
        json_schema_extra={"search": {"low": 0.01, "high": 0.3, "log": True}},
    )
    end_factor: float = Field(
        4e-6,
        ge=0,
        le=1,
        description="multiplier at the end",
        json_schema_extra={"search": {"low": 1e-6, "high": 0.1, "log": True}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        top = max(self.rise_fraction * len(steps) - 1.0, 0.0)
        rising = _half_cosine(self.start_factor, 1.0, steps / max(top, 1e-12))
        falling = _half_cosine(1.0, self.end_factor, (steps - top) / max(len(steps) - 1.0 - top, 1e-12))
        return np.where((steps <= top) & (top > 0), rising, falling)


class Cyclic(Schedule):
    """A triangle wave between ``low_factor`` and 1 (Smith 2017); ``halving`` halves its height every cycle.

    >>> Cyclic(cycle_epochs=4, low_factor=0.0).factors(5, 1).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    cycle_epochs: float = Field(
        10.0,
        gt=0,
        allow_inf_nan=False,
        description="epochs from one low to the next, up and down alike",
        json_schema_extra={"search": {"low": 2.0, "high": 30.0, "log": True}},
    )
    low_factor: float = Field(
        0.1,
        ge=0,
        le=1,
        description="multiplier at the low",
        json_schema_extra={"search": {"low": 0.0, "high": 0.3}},
    )
    mode: Literal["triangular", "halving"] = Field("triangular", description="the height of later cycles")

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        half = max(round(self.cycle_epochs * steps_per_epoch / 2), 1)
        cycle = np.floor(steps / (2 * half))
        height = 1.0 - np.abs(steps / half - 2 * cycle - 1.0)
        halvings = cycle if self.mode == "halving" else np.zeros_like(cycle)
        shrunk: Factors = height * np.power(0.5, halvings)
        return self.low_factor + (1.0 - self.low_factor) * shrunk


ENTRIES: dict[str, type[Options]] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "linear": Linear,
    "cosine": Cosine,
    "inverse_square_root": InverseSquareRoot,
    "one_cycle": OneCycle,
    "cyclic": Cyclic,
    "on_plateau": OnPlateau,
}
