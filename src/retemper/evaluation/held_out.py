"""Rows that a model is questioned on: raw cells, true targets, and predictions that are honest for these rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.recipe_sections import ColumnKind
from retemper.core.records import Task
from retemper.core.seeds import generator
from retemper.evaluation.metrics import row_losses, row_weights
from retemper.evaluation.resampling import draws
from retemper.evaluation.weighted import Floats

Positions = NDArray[np.int64]
Predict = Callable[[pl.DataFrame, Positions], Floats]
"""(raw cells [n rows], their positions among the held-out rows [n]) → probabilities [n, C], or values [n] in the
target's units. The cells may have been changed; the positions say whose they were, so that a model of several folds can
answer with the networks that have not learnt from that row. Only these may answer, and the answer for a row must not
depend on the other rows of the call."""


@dataclass(frozen=True)
class HeldOut:
    """What every question about a model starts from.

    Args:
        frame: raw columns of the held-out rows, dates as Datetime.
        y: class codes, or values in the target's units [N].
        task: classification or regression.
        predict: see :data:`Predict`.
        kinds: the columns that the model sees, in the table's order, with their kinds.
        members: the same for each of the model's networks alone, with its weight in the mean; may be empty.
        weight: sample weights [N]; None: each row counts once.
        group: a number for each row's group; None: rows are independent [N].
        positions: positions of these rows among all held-out rows; filled in by :meth:`of`.
    """

    frame: pl.DataFrame
    y: NDArray[Any]
    task: Task
    predict: Predict
    kinds: Mapping[str, ColumnKind]
    members: tuple[tuple[Predict, float], ...] = ()
    weight: Floats | None = None
    group: NDArray[np.int64] | None = None
    positions: Positions = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.positions):
            object.__setattr__(self, "positions", np.arange(self.frame.height))

    @property
    def rows(self) -> int:
        """How many rows."""
        return self.frame.height

    @property
    def weights(self) -> Floats:
        """Sample weights [N]; ones without any."""
        return row_weights(self.weight, self.rows)

    @property
    def root(self) -> bool:
        """Whether the main metric is the root of the mean row loss (RMSE)."""
        return self.task == "regression"

    def take(self, index: NDArray[np.int64]) -> HeldOut:
        """Some of the rows."""
        return replace(
            self,
            frame=self.frame[index],
            y=self.y[index],
            weight=None if self.weight is None else self.weight[index],
            group=None if self.group is None else self.group[index],
            positions=self.positions[index],
        )

    def sample(self, most: int, seed: int, purpose: str) -> HeldOut:
        """At most so many rows, drawn by the seed."""
        if self.rows <= most:
            return self
        return self.take(np.sort(generator(seed, purpose).permutation(self.rows)[:most]))

    def outputs(self) -> Floats:
        """The model's predictions for the rows as they are."""
        return np.asarray(self.predict(self.frame, self.positions), dtype=np.float64)

    def losses(self, outputs: Floats) -> Floats:
        """Each row's −log p of its class, or squared error [N]."""
        return row_losses(self.task, self.y, outputs)

    def main(self, mean_loss: Floats) -> Floats:
        """The main metric from mean row losses: log loss, or RMSE."""
        return np.sqrt(np.maximum(mean_loss, 0)) if self.root else mean_loss


def resampled(rows: int, resamples: int, seed: int, group: NDArray[Any] | None = None) -> Floats:
    """How often each row is drawn in each bootstrap resample [resamples, rows]; whole groups where there are any.

    >>> resampled(5, 3, 0).sum(1).tolist()
    [5.0, 5.0, 5.0]
    """
    return np.concatenate(list(draws(rows, resamples, seed, group)), axis=1).T


def ends(drawn: Floats, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of resampled values."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
