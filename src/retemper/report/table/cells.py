"""A column as the page of ``retemper check`` needs it: one number a cell, whatever the column holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ORDERED = ("number", "datetime", "text")
LEVELS = ("category", "boolean")


@dataclass(frozen=True)
class Cells:
    """One column of the rows looked at.

    Args:
        name: of the column.
        kind: number, datetime, text, category, boolean, identifier or constant.
        values: [rows], NaN where missing: numbers, seconds since 1970, characters of a text, numbers of levels from 0
            on (the most frequent first), or 0 for kinds without either.
        levels: names of the levels; empty for other kinds.
    """

    name: str
    kind: str
    values: Floats
    levels: tuple[str, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether more or less means something."""
        return self.kind in ORDERED

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Where cells are missing [rows]."""
        return np.isnan(self.values)
