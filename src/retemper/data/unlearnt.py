"""Cells of new rows that a model has learnt nothing of: levels it does not know, and rows without any cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.categories import UNKNOWN
from retemper.data.cells import as_words
from retemper.data.inputs import needed_cells
from retemper.data.prepare import Preparer
from retemper.data.rewritten import read_numbers


@dataclass(frozen=True)
class UnknownLevel:
    """``cells`` of a column are of levels that had too few training rows or none, the first ``level`` in ``row``."""

    column: str
    cells: int
    level: str
    row: int


@dataclass(frozen=True)
class Unlearnt:
    """What of some rows tells a model nothing; rows count from 1, and ``first_empty_row`` is 0 where there is none.

    Args:
        unknown_levels: of each column that has any.
        empty_rows: rows in which every needed cell is missing.
        first_empty_row: the first of them.
    """

    unknown_levels: tuple[UnknownLevel, ...] = ()
    empty_rows: int = 0
    first_empty_row: int = 0

    @classmethod
    def of(cls, preparer: Preparer, parts: Iterable[pl.DataFrame]) -> Unlearnt:
        """Count through rows that come in parts.

        Args:
            preparer: of the model.
            parts: the rows, with the columns that the preparer needs.

        >>> from retemper.core.prepare_options import PrepareOptions
        >>> from retemper.core.recipe_sections import DataOptions
        >>> from retemper.data.read import read
        >>> from retemper.data.schema import infer
        >>> table = read({"city": ["Rome", "Oslo"] * 20, "size": [1.5 * k for k in range(40)]})
        >>> preparer = Preparer.fit(table.frame, infer(table, DataOptions()), PrepareOptions())
        >>> new = pl.DataFrame({"city": ["Oslo", "Paris", None], "size": [1.0, 2.0, None]})
        >>> found = Unlearnt.of(preparer, [new])
        >>> found.unknown_levels[0].level, found.unknown_levels[0].row, found.empty_rows
        ('Paris', 2, 1)
        """
        levels: dict[str, UnknownLevel] = {}
        empty = first_empty = before = 0
        for part in parts:
            needed = needed_cells(part, preparer.columns, is_tidy=False, optional=preparer.optional)
            cells = read_numbers(needed, preparer.written)
            cells = preparer.sentinels.apply(cells)[0]
            for own in preparer.levels:
                found = _unknown(cells[own.name], own.codes(cells[own.name]) == UNKNOWN, before)
                if found is not None:
                    old = levels.get(own.name)
                    levels[own.name] = replace(old, cells=old.cells + found.cells) if old else found
            gone = cells.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
            if gone.any():
                first_empty = first_empty or before + int(gone.argmax()) + 1
                empty += int(gone.sum())
            before += part.height
        return cls(tuple(levels.values()), empty, first_empty)

    def sentence(self) -> str:
        """All of it in one line; empty where there is nothing to tell."""
        told = [
            f"{own.column!r} has {own.cells} cell{'s' * (own.cells > 1)} of a level that the model has not learnt, "
            f"the first {own.level!r} in row {own.row}"
            for own in self.unknown_levels
        ]
        if self.empty_rows:
            rows = "1 row has" if self.empty_rows == 1 else f"{self.empty_rows} rows have"
            told.append(f"{rows} no cell that the model reads, the first row {self.first_empty_row}")
        return "; ".join(told)


def _unknown(cells: pl.Series, where: NDArray[np.bool_], before: int) -> UnknownLevel | None:
    if not where.any():
        return None
    first = int(where.argmax())
    return UnknownLevel(cells.name, int(where.sum()), str(as_words(cells)[first]), before + first + 1)
