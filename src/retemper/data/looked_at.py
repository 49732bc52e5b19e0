"""What treatments are proposed from: a sample of the training rows, and what was found out about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.prepare_options import PrepareOptions
from retemper.core.records import Finding
from retemper.data.features.goal import Goal
from retemper.data.prepare import Preparer
from retemper.data.scaling import Floats, Scaler, smooth_clip

CORRELATION_COLUMNS = 200


@dataclass(frozen=True)
class Proposal:
    """A treatment to try: a name, the reason with its numbers, and changes of the recipe by dotted path."""

    name: str
    why: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class LookedAt:
    """A sample of the training rows: raw numbers [rows, F], level codes [rows, K], the target; findings by code."""

    preparer: Preparer
    numbers: Floats
    levels: NDArray[np.int64]
    goal: Goal
    options: PrepareOptions
    found: dict[str, Finding]

    @property
    def names(self) -> list[str]:
        """Of the raw numbers."""
        return self.preparer.raw_names

    @cached_property
    def correlations(self) -> Floats:
        """Of the standardised, clipped numbers, a missing one at its mean; of the first 200 columns."""
        x = self.numbers[:, :CORRELATION_COLUMNS]
        z = np.nan_to_num(smooth_clip(Scaler.fit(x, "zscore").apply(x)), nan=0.0)
        z = z - z.mean(axis=0)
        length = np.sqrt(np.square(z).sum(axis=0))
        z = z / np.where(length > 0, length, 1.0)
        return np.asarray(z.T @ z)
