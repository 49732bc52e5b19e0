"""Schedules of the learning rate: the multiplier of the base rate at every step of a run, as a table.

A schedule knows the length of the run in advance, so it is a pure function: ``factors(total_steps,
steps_per_epoch)`` gives float64 ``[total_steps]``. The loop stacks the members' tables to ``[steps, M]``.
Every schedule has the same linear warm-up before its own shape; the shape then sees the remaining steps only.
The shapes are PyTorch's (``torch.optim.lr_scheduler``), stepped once a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retemper.core.options import Options

Factors = NDArray[np.float64]


class Schedule(Options, ABC):
    """What all schedules share: the warm-up."""

    warmup_fraction: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the run's steps in which the rate rises linearly from near 0; 0: none",
        json_schema_extra={"search": {"low": 0.0, "high": 0.2}},
    )

    def warmup_steps(self, total_steps: int) -> int:
        """The steps of the warm-up: the share, rounded, leaving at least one step."""
        return min(round(self.warmup_fraction * total_steps), total_steps - 1)

    def factors(self, total_steps: int, steps_per_epoch: int) -> Factors:
        """The multiplier of the base rate at each step.

        In a warm-up of W steps, step i (from 0) has (i + 1) / (W + 1); the shape starts at step W.

        Args:
            total_steps: steps of the whole run, 1 or more.
            steps_per_epoch: steps of one pass over the training rows, 1 or more.

        Returns:
            float64 ``[total_steps]``, 0 or more.

        Raises:
            ValueError: a count is below 1.

        >>> from retemper.training.schedules import Linear
        >>> Linear(warmup_fraction=0.5).factors(4, 2).round(3).tolist()
        [0.333, 0.667, 1.0, 0.5]
        """
        if total_steps < 1 or steps_per_epoch < 1:
            raise ValueError(
                "total_steps >= 1 and steps_per_epoch >= 1 must hold, "
                f"but got ({total_steps=}, {steps_per_epoch=})"
            )
        warm = self.warmup_steps(total_steps)
        rise = (np.arange(warm) + 1.0) / (warm + 1.0)
        steps = np.arange(total_steps - warm, dtype=np.float64)
        return np.concatenate([rise, self._shape(steps, steps_per_epoch)])

    @abstractmethod
    def _shape(self, steps: Factors, steps_per_epoch: int) -> Factors:
        """Multipliers at ``steps`` = 0 … n − 1, the n steps after the warm-up."""
