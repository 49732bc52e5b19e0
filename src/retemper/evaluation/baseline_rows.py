"""What every baseline shares: the rows that it reads, the problem, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Task
from retemper.core.seeds import generator
from retemper.evaluation.metrics import row_losses
from retemper.evaluation.weighted import Floats

Allowed = Callable[[str, float], bool]
"""Whether a baseline (its name) may go on, after so large a share of its work."""


@dataclass(frozen=True)
class BaselineRows:
    """Rows as the baselines read them.

    Args:
        numbers: float64, NaN is missing [N, F].
        levels: codes of categorical columns, 0 or more [N, K].
        dense: scaled and one-hot encoded, nothing missing, float32 [N, D].
        y: class codes or values [N]; zeros where only predictions are wanted.
        weight: sample weights [N] or None.
    """

    numbers: NDArray[np.float64]
    levels: NDArray[np.int64]
    dense: NDArray[np.float32]
    y: NDArray[Any]
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def taken(self, rows: NDArray[np.int64]) -> BaselineRows:
        """Some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return BaselineRows(self.numbers[rows], self.levels[rows], self.dense[rows], self.y[rows], weight)


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: ``predict(rows)`` gives probabilities [N, C] or values [N]."""

    predict: Callable[[BaselineRows], Floats]
    message: str


@dataclass(frozen=True)
class Problem:
    """What is to be predicted, from which rows; validation rows choose strengths and lengths."""

    task: Task
    train: BaselineRows
    validation: BaselineRows
    n_classes: int
    seed: int

    def loss(self, prediction: Floats) -> float:
        """The validation loss that chooses: log loss or mean squared error."""
        losses = row_losses(self.task, self.validation.y, prediction)
        return float(np.average(losses, weights=self.validation.weight))


def sample(problem: Problem, wanted: int) -> NDArray[np.int64]:
    """So many training rows at random, with every class among them; all where there are no more."""
    train = problem.train
    if len(train) <= wanted:
        return np.arange(len(train))
    chosen = generator(problem.seed, "baseline rows").permutation(len(train))[:wanted]
    if problem.task == "classification":
        chosen = np.concatenate([chosen, np.unique(train.y, return_index=True)[1]])
    return np.unique(chosen)


def all_classes(probabilities: NDArray[Any], present: NDArray[np.int64], n_classes: int) -> Floats:
    """Probabilities [N, C] with 0 for classes that the training rows did not have."""
    whole = np.zeros((len(probabilities), n_classes))
    whole[:, present] = probabilities
    return whole
