"""Categories and booleans as codes: missing and unknown are levels of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.cells import as_words, level_counts
from retemper.data.kinds import truth

MISSING, UNKNOWN, FIRST_LEVEL = 0, 1, 2


@dataclass(frozen=True)
class Levels:
    """The levels of one column: code 0 is missing, 1 unknown, 2 and up the words in order.

    ``seen`` are the codes that occur in the training rows; only they get a one-hot column, for a weight that never
    meets a row in training would stay at its random start.
    """

    name: str
    boolean: bool
    words: tuple[str, ...]
    seen: tuple[int, ...]
    embedded: bool

    @classmethod
    def fit(cls, column: pl.Series, boolean: bool, min_rows: int, one_hot_levels: int) -> Levels:
        """Levels of the training rows; those with fewer than ``min_rows`` rows count as unknown.

        >>> Levels.fit(pl.Series("a", ["u", "u", "v", None]), False, 2, 64).words
        ('u',)
        """
        counts = level_counts(_words(column, boolean))
        if not boolean:
            counts = counts.filter(pl.col("rows") >= min_rows)
        words = tuple(counts["level"].sort())
        levels = cls(column.name, boolean, words, (), len(words) > one_hot_levels)
        seen = tuple(int(code) for code in np.unique(levels.codes(column)))
        return cls(column.name, boolean, words, seen, levels.embedded)

    @property
    def cardinality(self) -> int:
        """The number of codes, missing and unknown included."""
        return len(self.words) + FIRST_LEVEL

    @property
    def one_hot_names(self) -> list[str]:
        """Names of the one-hot columns."""
        labels = ["(missing)", "(unknown)", *self.words]
        return [f"{self.name}={labels[code]}" for code in self.seen]

    def codes(self, column: pl.Series) -> NDArray[np.int64]:
        """The code of each cell, int64 [rows]; cells are compared as text, so that 1, "1" and 1.0 are one level."""
        if column.dtype != pl.String:
            return self._code_each(column)
        # A level comes many times: each is looked up once, and the cells take its code by their place.
        different = column.drop_nulls().unique()
        if len(different) > len(column) // 4:
            return self._code_each(column)
        place = column.cast(pl.Enum(different)).to_physical().cast(pl.UInt32).fill_null(len(different))
        codes: NDArray[np.int64] = np.append(self._code_each(different), MISSING)[place.to_numpy()]
        return codes

    def _code_each(self, column: pl.Series) -> NDArray[np.int64]:
        words = _words(column, self.boolean)
        known = words.cast(pl.Enum(self.words), strict=False).to_physical().cast(pl.Int64) + FIRST_LEVEL
        codes = known.fill_null(UNKNOWN).set(words.is_null(), MISSING)
        return codes.to_numpy().astype(np.int64, copy=False)

    @property
    def kept(self) -> NDArray[np.int32]:
        """For each code what a network is given: the code itself where it has an embedding, else the number, from 1,
        of its one-hot column, and 0 for codes that were not seen.
        """
        if self.embedded:
            return np.arange(self.cardinality, dtype=np.int32)
        place = np.zeros(self.cardinality, dtype=np.int32)
        place[list(self.seen)] = np.arange(1, len(self.seen) + 1)
        return place

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {
            "name": self.name,
            "boolean": self.boolean,
            "words": list(self.words),
            "seen": list(self.seen),
            "embedded": self.embedded,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Levels:
        """The levels that :meth:`to_json` wrote."""
        return cls(**{**data, "words": tuple(data["words"]), "seen": tuple(data["seen"])})


def _words(column: pl.Series, boolean: bool) -> pl.Series:
    return truth(column) if boolean else as_words(column)
