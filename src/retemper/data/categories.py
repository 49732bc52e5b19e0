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
from retemper.data.kinds import FALSE_WORDS, TRUE_WORDS, truth

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
        # Most cells are spelt as expected; of those that are not each different one is looked up once.
        spelt, table = self._spelt
        known = column.cast(spelt, strict=False).to_physical()
        codes = _looked_up(table, known)
        if known.null_count() > column.null_count():
            odd = known.is_null() & column.is_not_null()
            others = column.filter(odd)
            different = others.unique()
            places = others.cast(pl.Enum(different)).to_physical()
            codes[odd.to_numpy()] = _looked_up(self._table(different), places)
        return codes

    def _code_each(self, column: pl.Series) -> NDArray[np.integer[Any]]:
        words = _words(column, self.boolean)
        levels = words.cast(self._enum, strict=False).to_physical()
        table = np.arange(FIRST_LEVEL, self.cardinality + 1, dtype=code_type(self.cardinality))
        table[-1] = MISSING
        codes = _looked_up(table, levels)
        codes[(codes == MISSING) & words.is_not_null().to_numpy()] = UNKNOWN
        return codes

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.words)  # of 10,000 words it takes as long as to look 100,000 cells up

    @cached_property
    def _spelt(self) -> tuple[pl.Enum, NDArray[np.integer[Any]]]:
        """Usual spellings of the levels, and their codes: the words themselves, or yes and no in all ways."""
        if not self.boolean:
            return self._enum, self._table(pl.Series(self.words, dtype=pl.String))
        words = (*TRUE_WORDS, *FALSE_WORDS)
        forms = pl.Series([*dict.fromkeys(f for word in words for f in (word, word.title(), word.upper()))])
        return pl.Enum(forms), self._table(forms)

    def _table(self, words: pl.Series) -> NDArray[np.integer[Any]]:
        """The code of each of these words, and MISSING after the last."""
        codes = self._code_each(words)
        return np.append(codes, np.array([MISSING], dtype=codes.dtype))

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


def kept_codes(
    codes: Sequence[NDArray[np.integer[Any]]], levels: Sequence[Levels], count: int
) -> NDArray[np.integer[Any]]:
    """What a network is given of a table's codes, [count, K], embedded columns first, in the smallest type that holds
    them.

    Args:
        codes: one array [count] for each of the K columns.
        levels: of the columns.
        count: rows.
    """
    order = sorted(range(len(levels)), key=lambda k: not levels[k].embedded)
    tables = [levels[k].kept for k in order]
    largest = max((int(table.max()) for table in tables), default=0)
    kept = np.empty((count, len(levels)), dtype=code_type(largest))
    for column, (k, table) in enumerate(zip(order, tables, strict=True)):
        kept[:, column] = table.astype(kept.dtype).take(codes[k])
    return kept


def _looked_up(table: NDArray[np.integer[Any]], places: pl.Series) -> NDArray[np.integer[Any]]:
    """The table's numbers at these places, its last one where there is none."""
    if places.null_count():
        places = places.cast(pl.UInt32).fill_null(len(table) - 1)
    return table.take(places.to_numpy())


def _words(column: pl.Series, boolean: bool) -> pl.Series:
    return truth(column) if boolean else as_words(column)
