"""The schedule that follows the validation loss, and its state machine of plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from retemper.training.schedule import Factors, Schedule


class OnPlateau(Schedule):
    """Multiplied by ``gamma`` when the validation loss stops falling; the steps after the warm-up have 1.

    The table holds the warm-up only; the loop multiplies it by the factor of :class:`OnPlateauState`,
    updated after every validation.

    >>> state = OnPlateauState(OnPlateau(gamma=0.5, patience_epochs=0))
    >>> [state.update(loss) for loss in (1.0, 0.9, 0.95)]
    [1.0, 1.0, 0.5]
    """

    gamma: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="factor of a drop",
        json_schema_extra={"search": {"low": 0.1, "high": 0.7, "log": True}},
    )
    patience_epochs: int = Field(
        5,
        ge=0,
        description="epochs without gain that are let pass",
        json_schema_extra={"search": {"low": 1, "high": 10}},
    )
    threshold: float = Field(
        1e-4,
        ge=0,
        lt=1,
        description="smallest relative fall that counts as a gain",
        json_schema_extra={"search": {"low": 1e-5, "high": 1e-2, "log": True}},
    )
    cooldown_epochs: int = Field(
        0,
        ge=0,
        description="epochs after a drop that don't count",
        json_schema_extra={"search": {"low": 0, "high": 5}},
    )
    end_factor: float = Field(
        1e-3,
        ge=0,
        le=1,
        description="the multiplier is never lower",
        json_schema_extra={"search": {"low": 1e-4, "high": 0.1, "log": True}},
    )

    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        return np.ones_like(steps)


@dataclass
class OnPlateauState:
    """Counts the epochs without gain and drops the factor, as PyTorch's ``ReduceLROnPlateau`` does.

    A loss that is not a number counts as no gain.

    Args:
        options: when to drop, and by how much.
        factor: the present multiplier of the rate.
        best: the lowest loss that counted; None before the first.
        bad_epochs: epochs without gain so far.
        cooling: epochs of cool-down left.
    """

    options: OnPlateau
    factor: float = 1.0
    best: float | None = None
    bad_epochs: int = 0
    cooling: int = 0

    def update(self, val_loss: float) -> float:
        """Take in one epoch's validation loss; gives the multiplier for the steps that follow."""
        best = float("inf") if self.best is None else self.best
        if val_loss < best * (1 - self.options.threshold):
            self.best, self.bad_epochs = val_loss, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.options.patience_epochs:
            self.factor = max(self.factor * self.options.gamma, self.options.end_factor)
            self.cooling, self.bad_epochs = self.options.cooldown_epochs, 0
        return self.factor

    def to_json(self) -> dict[str, float | int | None]:
        """The numbers for a checkpoint; ``OnPlateauState(options, **numbers)`` brings them back.

        >>> OnPlateauState(OnPlateau()).to_json()
        {'factor': 1.0, 'best': None, 'bad_epochs': 0, 'cooling': 0}
        """
        return {
            "factor": self.factor,
            "best": self.best,
            "bad_epochs": self.bad_epochs,
            "cooling": self.cooling,
        }
