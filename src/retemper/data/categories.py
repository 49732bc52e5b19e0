"""Categories and booleans as codes: missing and unknown are levels of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.data.cells import as_words
from retemper.data.inputs import code_type
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
        counts = word_counts(column, boolean)
        kept = counts if boolean else counts.filter(pl.col("rows") >= min_rows)
        words = tuple(kept["level"].sort())
        codes = range(FIRST_LEVEL, FIRST_LEVEL + len(words))
        others = {MISSING: column.null_count() > 0, UNKNOWN: len(kept) < len(counts)}
        seen = (*(code for code, there in others.items() if there), *codes)
        return cls(column.name, boolean, words, seen, len(words) > one_hot_levels)

    @property
    def cardinality(self) -> int:
        """The number of codes, missing and unknown included."""
        return len(self.words) + FIRST_LEVEL

    @property
    def one_hot_names(self) -> list[str]:
        """Names of the one-hot columns."""
        labels = ["(missing)", "(unknown)", *self.words]
        return [f"{self.name}={labels[code]}" for code in self.seen]

    def codes(self, column: pl.Series) -> NDArray[np.integer[Any]]:
        """The code of each cell, small integers [rows]; cells are compared as text, so that 1, "1" and 1.0 are one."""
        if column.dtype != pl.String:
            return self._code_each(column)
        # Most cells are spelt as their level is; where one is not, each different cell is looked up once.
        if not self.boolean:
            known = column.cast(self._enum, strict=False)
            if known.null_count() == column.null_count():
                return self._shifted(known)
        different = column.drop_nulls().unique()
        if len(different) > len(column) // 4:
            return self._code_each(column)
        place = column.cast(pl.Enum(different)).to_physical().cast(pl.UInt32).fill_null(len(different))
        codes: NDArray[np.integer[Any]] = np.append(self._code_each(different), [MISSING])[place.to_numpy()]
        return codes.astype(self._code_type, copy=False)

    def _code_each(self, column: pl.Series) -> NDArray[np.integer[Any]]:
        words = _words(column, self.boolean)
        codes = self._shifted(words.cast(self._enum, strict=False))
        codes[(codes == MISSING) & words.is_not_null().to_numpy()] = UNKNOWN
        return codes

    def _shifted(self, levels: pl.Series) -> NDArray[np.integer[Any]]:
        """Codes of cells that are levels, and MISSING for the others."""
        places = levels.to_physical()
        # In few bytes: to fetch new memory costs more than to fill it.
        codes = places.fill_null(0).to_numpy().astype(self._code_type)
        codes += FIRST_LEVEL
        if places.null_count():
            codes[places.is_null().to_numpy()] = MISSING
        return codes

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.words)  # of 10,000 words it takes as long as to look 100,000 cells up

    @property
    def _code_type(self) -> type[np.integer[Any]]:
        return code_type(self.cardinality)

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


def word_counts(column: pl.Series, boolean: bool) -> pl.DataFrame:
    """How often each level comes: ``level`` and ``rows``; each different cell is turned into its word once.

    >>> word_counts(pl.Series(["1", "1.0", "x", None]), False).sort("level").rows()
    [('1', 2), ('x', 1)]
    """
    cells = column.alias("level").drop_nulls().value_counts(name="rows")
    words = cells.with_columns(_words(cells["level"], boolean))
    return words.group_by("level").agg(pl.col("rows").sum())


def kept_codes(codes: NDArray[np.int64], levels: Sequence[Levels]) -> NDArray[np.integer[Any]]:
    """What a network is given of codes [rows, K], embedded columns first, in the smallest type that holds them."""
    order = sorted(range(len(levels)), key=lambda k: not levels[k].embedded)
    tables = [levels[k].kept for k in order]
    largest = max((int(table.max()) for table in tables), default=0)
    kept = np.empty(codes.shape, dtype=code_type(largest))
    for column, (k, table) in enumerate(zip(order, tables, strict=True)):
        kept[:, column] = table[codes[:, k]]
    return kept


def _words(column: pl.Series, boolean: bool) -> pl.Series:
    return truth(column) if boolean else as_words(column)
