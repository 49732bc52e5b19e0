"""When to lower the rate because the validation loss no longer falls: a state machine of plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class OnPlateauState:
    """Counts the epochs without gain and drops the factor, as PyTorch's ``ReduceLROnPlateau`` does.

    A loss that is not a number counts as no gain.

    Args:
        gamma: factor of a drop.
        patience: epochs without gain that are let pass.
        threshold: relative fall below the best that counts as a gain.
        cooldown: epochs after a drop in which nothing is counted.
        lowest: the factor is never lower.
        factor: the present multiplier of the rate.
        best: the lowest loss that counted; None before the first.
        bad_epochs: epochs without gain so far.
        cooling: epochs of cool-down left.
    """

    gamma: float
    patience: int
    threshold: float
    cooldown: int
    lowest: float
    factor: float = 1.0
    best: float | None = None
    bad_epochs: int = 0
    cooling: int = 0

    def update(self, val_loss: float) -> float:
        """Take in one epoch's validation loss; gives the multiplier for the steps that follow."""
        gained = val_loss < float("inf") if self.best is None else val_loss < self.best * (1 - self.threshold)
        if gained:
            self.best, self.bad_epochs = val_loss, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.patience:
            self.factor = max(self.factor * self.gamma, self.lowest)
            self.cooling, self.bad_epochs = self.cooldown, 0
        return self.factor

    def as_json(self) -> dict[str, float | int | None]:
        """The state for a checkpoint; ``OnPlateauState(**state)`` brings it back.

        >>> state = OnPlateauState(gamma=0.5, patience=1, threshold=0.0, cooldown=0, lowest=0.0)
        >>> OnPlateauState(**state.as_json()) == state
        True
        """
        return asdict(self)
