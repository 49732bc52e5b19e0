"""A column cut into cells by training rows, so that other rows can be counted in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.recipe_sections import ColumnKind
from retemper.data.cells import as_words, level_counts
from retemper.data.kinds import truth
from retemper.data.sampled import is_ordered, ordered_cells
from retemper.data.schema import Column

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
MOST_CELLS, MOST_LEVELS = 128, 200
FEWEST_ROWS = 5
"""Training rows behind an edge or the name of a level, at least: no single row shows."""
STEPS_OF_SPREAD = 3
"""Edges are rounded to so many decimals of the column's spread."""


@dataclass(frozen=True)
class Cells:
    """Where a column is cut: ``edges`` of what has an order, or ``levels`` and one more cell for all others."""

    name: str
    kind: ColumnKind
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    @classmethod
    def fit(cls, cells: pl.Series, column: Column) -> Cells:
        """Cut a number, date, boolean or category by training rows.

        >>> Cells.fit(pl.Series(["u"] * 9 + ["v"]), Column("c", "category", 0, 2, "")).levels
        ('u',)
        """
        if is_ordered(column):
            return cls(column.name, column.kind, edges_of(ordered_cells(cells, column)))
        counts = level_counts(_words(cells, column.kind))
        named = counts.filter(pl.col("rows") >= FEWEST_ROWS).head(MOST_LEVELS)["level"]
        return cls(column.name, column.kind, levels=tuple(named))

    @property
    def ordered(self) -> bool:
        """Whether the cells have an order."""
        return self.kind in ("number", "datetime")

    def numbers(self, cells: pl.Series) -> Counts:
        """The cell of each row [N]; −1 where missing."""
        if self.ordered:
            values = ordered_cells(cells, Column(self.name, self.kind, 0, 0, ""))
            return np.where(np.isnan(values), -1, places(values, self.edges))
        words = _words(cells, self.kind)
        if not self.levels:
            codes = pl.select(pl.when(words.is_null()).then(None).otherwise(0).cast(pl.Int64)).to_series()
        else:
            known = pl.Series(self.levels, dtype=pl.String)
            place = words.replace_strict(
                known, np.arange(len(known)), default=len(known), return_dtype=pl.Int64
            )
            codes = place.zip_with(words.is_not_null(), pl.Series([None], dtype=pl.Int64))
        return codes.fill_null(-1).to_numpy()

    def counts(self, cells: pl.Series) -> tuple[Counts, int]:
        """Rows in each cell [K], and rows where it is missing."""
        numbers = self.numbers(cells)
        size = len(self.edges) + 1 if self.ordered else len(self.levels) + 1
        return np.bincount(numbers[numbers >= 0], minlength=size), int((numbers < 0).sum())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cells:
        """The cells that were written as plain data."""
        return cls(data["name"], data["kind"], tuple(data["edges"]), tuple(data["levels"]))


def _words(cells: pl.Series, kind: ColumnKind) -> pl.Series:
    """Levels as text; yes and no in all their spellings are true and false."""
    return truth(cells) if kind == "boolean" else as_words(cells)


def edges_of(values: Floats, most: int = MOST_CELLS) -> tuple[float, ...]:
    """Rounded quantiles of the values that are finite; at least five rows lie beyond the first and the last.

    >>> edges_of(np.arange(20.0))
    (4.75, 9.5, 14.25)
    """
    values = values[np.isfinite(values)]
    cells = min(most, len(values) // FEWEST_ROWS)
    if cells < 2:
        return ()
    edges = np.quantile(values, np.arange(1, cells) / cells)
    spread = float(np.subtract(*np.quantile(edges, (0.95, 0.05))) or np.ptp(edges))
    if spread > 0:
        edges = np.round(edges, STEPS_OF_SPREAD - math.floor(math.log10(spread)))
    return tuple(np.unique(edges).tolist())


def places(values: Floats, edges: tuple[float, ...]) -> Counts:
    """The cell of each value [N], from 0 to the number of edges."""
    return np.searchsorted(np.array(edges), values, side="right").astype(np.int64)
