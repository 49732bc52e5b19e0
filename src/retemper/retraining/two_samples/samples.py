"""Two samples of rows side by side: what every family of drift tests looks at."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.records import Task
from retemper.core.seeds import generator
from retemper.data.cells import as_words, level_counts
from retemper.data.frame import Frame
from retemper.data.sampled import ordered_cells
from retemper.data.schema import Column
from retemper.retraining.two_samples.count_tables import Counts
from retemper.retraining.two_samples.monte_carlo import Floats

OUTPUT_NAME = "probability_"
"""Before the class's name in the name of an output."""
FEWEST_DRAWS, MOST_DRAWS = 999, 200_000
FEWEST_SAMPLED, TIMES_OTHER = 500, 10
MOST_LEVELS = 1_000
"""The levels after the most frequent thousand count as one."""


@dataclass(frozen=True)
class TwoSamples:
    """The reference's rows and below them the current ones.

    Args:
        frame: all rows, the reference's first, in memory or on disk.
        n_reference: how many are the reference's.
        columns: those to compare, with their kinds by both samples together.
        alpha: the chance of a false alarm of the whole comparison.
        families: how many families there are, at most.
        seed: of all permutations.
        outputs: of the model, where there is one: probabilities [N, C] or values [N, 1].
        output_names: a name for each column of ``outputs``.
        labels: the target's cells [N], where both samples have them.
        task: of the target, where it is known.
        few_draws: whether the drift is known, and permutations need not pass any correction.
    """

    frame: Frame
    n_reference: int
    columns: tuple[Column, ...]
    alpha: float
    families: int
    seed: int
    outputs: Floats | None = None
    output_names: tuple[str, ...] = ()
    labels: pl.Series | None = None
    task: Task | None = None
    few_draws: bool = False
    _levels: dict[str, Counts] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def is_current(self) -> NDArray[np.bool_]:
        """Which rows are the current ones."""
        return np.arange(self.frame.height) >= self.n_reference

    @property
    def n_current(self) -> int:
        """How many rows are the current ones."""
        return self.frame.height - self.n_reference

    def of_kind(self, *kinds: str) -> list[Column]:
        """The columns of some kinds."""
        return [column for column in self.columns if column.kind in kinds]

    def numbers(self, column: Column) -> Floats:
        """Cells in an order: numbers, dates in seconds, text by its length; NaN where missing."""
        return numbers_of(self.frame[column.name], column)

    def levels(self, column: Column) -> Counts:
        """Cells as numbers of levels, most frequent first; -1 where missing."""
        if column.name not in self._levels:
            self._levels[column.name] = levels_of(self.frame[column.name])
        return self._levels[column.name]

    def draws(self, tests: int) -> int:
        """Permutations at most: enough for the smallest p-value to pass all corrections."""
        return FEWEST_DRAWS if self.few_draws else draws_for(tests, self.families, self.alpha)

    def generator(self, family: str, number: int = 0) -> np.random.Generator:
        """Random numbers of a family's test of that number."""
        return generator(self.seed, f"drift {family}", number)

    def sampled(self, most: int) -> tuple[Counts, NDArray[np.bool_]]:
        """At most so many rows of each side, and ten times the other's: their numbers, and which are current.

        With n rows on one side and m on the other, a comparison sees as much as nm / (n + m) of each show: more than
        ten times as many add less than a tenth, and cost their full share.
        """
        draw = self.generator("rows")
        sides = [np.arange(self.n_reference), np.arange(self.n_reference, self.frame.height)]
        most = min(most, max(FEWEST_SAMPLED, TIMES_OTHER * min(map(len, sides))))
        kept = [
            np.sort(draw.choice(side, most, replace=False)) if len(side) > most else side for side in sides
        ]
        return np.concatenate(kept), np.repeat([False, True], [len(side) for side in kept])


def draws_for(tests: int, families: int, alpha: float) -> int:
    """Permutations at most: enough for the smallest p-value to pass all corrections.

    >>> draws_for(1, 8, 0.05), draws_for(100, 8, 0.05)
    (999, 32000)
    """
    return int(np.clip(ceil(2 * families * tests / alpha), FEWEST_DRAWS, MOST_DRAWS))


def numbers_of(cells: pl.Series, column: Column) -> Floats:
    """Cells in an order: numbers as they are, dates in seconds, text by its length; NaN where missing."""
    if column.kind != "text":
        return ordered_cells(cells, column)
    return as_words(cells).str.len_chars().cast(pl.Float64).fill_null(float("nan")).to_numpy()


def levels_of(cells: pl.Series) -> Counts:
    """Levels as 0, 1, … by their frequency, those beyond a thousand as one, missing as -1.

    >>> levels_of(pl.Series(["u", "v", None, "v"])).tolist()
    [1, 0, -1, 0]
    """
    words = as_words(cells)
    # The code of an enumeration's level is its place in the list.
    codes = words.cast(pl.Enum(level_counts(words)["level"])).to_physical().cast(pl.Int64)
    return np.asarray(np.minimum(codes.fill_null(-1).to_numpy(), MOST_LEVELS))
