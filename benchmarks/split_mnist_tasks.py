"""Split-MNIST as all who are compared meet it: the same rows, tasks, network and number of steps.

4,000 of 5,000 digits are learnt in five tasks of an even and an odd digit each, 1,000 are kept to score the end.
*Class-incremental*: each task brings two new classes, and one head must tell all ten. *Domain-incremental*: the label
is the digit's parity, and each task brings other digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCENARIOS = ("class", "domain")
TASKS, TRAINED = 5, 4000
WIDTH, RATE, MEMORY = 400, 1e-3, 500
"""A perceptron 784-400-400 with ReLU, Adam."""
BATCH, STEPS = 64, 320
"""Rows of a step, of which half come from the memory where there is one; optimizer steps of a task, to the pass."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Tasks in their order.

    Args:
        x: [5000, 784] in 0 … 1.
        y: [5000] labels 0 … 9, or parity.
        tasks: the rows of each task.
        test: rows of all digits, never trained on.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    tasks: tuple[NDArray[np.int64], ...]
    test: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """How many labels there are in the end."""
        return int(self.y.max()) + 1

    def score(self, called: NDArray[Any]) -> float:
        """Accuracy on the test rows, whose labels are guessed as ``called``: all digits weigh by their rows."""
        return float((called.astype(np.int64) == self.y[self.test]).mean())


def stream(source: Path, scenario: str, seed: int) -> Stream:
    """Rows and tasks of a seed."""
    with np.load(source) as held:
        x, digit = held["x"].reshape(len(held["y"]), -1) / 255.0, held["y"].astype(np.int64)
    random = np.random.default_rng(seed)
    order = random.permutation(len(digit))
    trained, test = order[:TRAINED], order[TRAINED:]
    pairs = np.stack([random.permutation(np.arange(0, 10, 2)), random.permutation(np.arange(1, 10, 2))], 1)
    tasks = tuple(trained[np.isin(digit[trained], pair)] for pair in pairs)
    return Stream(x.astype(np.float32), digit if scenario == "class" else digit % 2, tasks, test)


def epochs_of(rows: int, batch: int, steps: int) -> int:
    """The fewest passes over so many rows that make so many steps."""
    return -(-steps // -(-rows // batch))
