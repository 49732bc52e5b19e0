"""What the checks that learn something share: a sample of rows, cells as numbers, and the target as goals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from retemper.core.seeds import generator
from retemper.data import dates
from retemper.data.cells import as_numbers, as_words, level_counts
from retemper.data.schema import Column, Schema

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

CELL_KINDS = ("number", "datetime", "category", "boolean")
MOST_CLASSES = 30
COMMON_CLASS_SHARE = 0.03


def cell_columns(schema: Schema) -> list[Column]:
    """The features that are numbers, dates or levels; text is left to others."""
    return [column for column in schema.features() if column.kind in CELL_KINDS]


def sample_rows(rows: int, most: int, purpose: str) -> Codes:
    """Row numbers in order: all of them, or a random sample of ``most``, the same in every call.

    >>> sample_rows(3, 5, "leakage").tolist(), len(sample_rows(100, 5, "leakage"))
    ([0, 1, 2], 5)
    """
    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    return np.sort(generator(0, purpose).choice(rows, most, replace=False)).astype(np.int64)


def is_ordered(column: Column) -> bool:
    """True for numbers and dates, whose cells have an order."""
    return column.kind in ("number", "datetime")


def ordered_cells(cells: pl.Series, column: Column) -> Floats:
    """Numbers as they are and dates in seconds since 1970; NaN where missing."""
    if column.kind == "datetime":
        cells = dates.demanded(cells).dt.timestamp("us") / 1e6
    return as_numbers(cells).to_numpy()  # missing: NaN


def level_codes(cells: pl.Series) -> Codes:
    """Levels as 1, 2, … in the order of the alphabet, missing as 0.

    >>> level_codes(pl.Series(["v", None, "u"])).tolist()
    [2, 0, 1]
    """
    return as_words(cells).rank("dense").fill_null(0).to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Goals:
    """The target as columns that can be predicted by means.

    A regression has two goals, the target and its rank (a long tail hides most rows from the first); a
    classification has an indicator for each of its 30 most frequent classes.

    ``y``: float64 [rows, G]. ``key``: float64 [rows], rows with near targets have near keys.
    ``common``: the goals worth a look of their own: both of a regression, the classes with 3 % of the rows.
    """

    y: Floats
    key: Floats
    classes: bool
    common: tuple[int, ...]

    @classmethod
    def of(cls, target: pl.Series, classes: bool) -> Goals:
        """The goals of a target without gaps.

        >>> Goals.of(pl.Series(["b", "a", "b"]), classes=True).y.tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
        """
        if not classes:
            y = as_numbers(target).to_numpy()
            return cls(np.stack([y, rankdata(y)], axis=1), y, False, (0, 1))
        words = as_words(target)
        counts = level_counts(words).head(MOST_CLASSES)
        y = np.stack([(words == level).to_numpy() for level in counts["level"]], axis=1).astype(np.float64)
        common = np.flatnonzero((y.mean(axis=0) >= COMMON_CLASS_SHARE) & (y.mean(axis=0) < 1)).tolist()
        return cls(y, words.rank("dense").to_numpy().astype(np.float64), True, tuple(common))

    def rows(self, which: Codes) -> Goals:
        """The goals of some rows."""
        return Goals(self.y[which], self.key[which], self.classes, self.common)

    def explained(self, predicted: Floats) -> Floats:
        """1 − Σ(y − ŷ)² / Σ(y − ȳ)²: of all goals together first (the classes only), then of each common one."""
        left = ((self.y - predicted) ** 2).sum(axis=0)
        all_ = ((self.y - self.y.mean(axis=0)) ** 2).sum(axis=0)
        each = [1 - left[g] / max(all_[g], 1e-300) for g in self.common]
        return np.array([1 - left.sum() / max(all_.sum(), 1e-300), *each] if self.classes else each)
