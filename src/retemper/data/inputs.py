"""A table's cells on their way to a network: typed arrays a column, then what the network sees of the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError, nearest
from retemper.data.cells import chosen, place, tidy

Floats = NDArray[np.float64]
CODE_TYPES = (np.uint8, np.int16, np.int32)


@dataclass(frozen=True)
class Inputs:
    """What a network sees of some rows.

    ``dense``: float32 [rows, D], first the scaled numbers (the derived ones last), then their places among the bins,
    then indicators of missing numbers and TF-IDF weights. ``categories``: small integers [rows, K], first the
    level codes of the columns with learned embeddings (0 missing, 1 unknown), then those of the one-hot columns
    (0 for a level that was not seen in training).
    """

    dense: NDArray[np.float32]
    categories: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Cells:
    """Rows as one array a column, before anything is scaled; reading them costs most, so it is done once.

    Args:
        count: rows.
        numbers: raw numbers, NaN for missing.
        codes: level codes of categories and booleans.
        words: texts.
    """

    count: int
    numbers: tuple[Floats, ...]
    codes: tuple[NDArray[np.integer[Any]], ...]
    words: tuple[pl.Series, ...]

    def taken(self, rows: NDArray[np.int64]) -> Cells:
        """Some of the rows."""
        return Cells(
            len(rows),
            tuple(own[rows] for own in self.numbers),
            tuple(own[rows] for own in self.codes),
            tuple(own[rows] for own in self.words),
        )

    def between(self, rows: slice) -> Cells:
        """Rows that follow each other, without a copy."""
        return Cells(
            len(range(*rows.indices(self.count))),
            tuple(own[rows] for own in self.numbers),
            tuple(own[rows] for own in self.codes),
            tuple(own[rows] for own in self.words),
        )

    def number_matrix(self) -> Floats:
        """The numbers side by side, [rows, F]; a column's cells lie together."""
        return np.array(self.numbers).T if self.numbers else np.empty((self.count, 0))

    def code_matrix(self) -> NDArray[np.int64]:
        """The codes side by side, [rows, K]."""
        if not self.codes:
            return np.empty((self.count, 0), dtype=np.int64)
        return np.stack(self.codes, axis=1, dtype=np.int64)


def needed_cells(
    frame: pl.DataFrame, columns: Iterable[str], is_tidy: bool, optional: Collection[str] = ()
) -> pl.DataFrame:
    """The columns of these names, tidy; those that are ``optional`` and absent are missing in every row.

    Raises:
        InputError: ``missing_column``, or see :func:`retemper.data.cells.tidy`.
    """
    columns = list(columns)
    given = set(frame.columns)
    absent = [name for name in columns if name not in given]
    for name in absent:
        if name not in optional:
            raise InputError(
                "missing_column",
                f"The column {name!r} is absent, but the network needs it; {nearest(name, frame.columns)}",
                place("", name),
                "Give the columns that the network was trained on; further ones are ignored.",
            )
    cells = chosen(frame, [name for name in columns if name in given])
    cells = cells if is_tidy else tidy(cells)
    return cells.with_columns(
        pl.repeat(None, frame.height, dtype=pl.String, eager=True).alias(name) for name in absent
    )


def code_type(largest: int) -> type[np.integer[Any]]:
    """The smallest type that holds codes up to ``largest``.

    >>> code_type(255).__name__, code_type(256).__name__, code_type(10**6).__name__
    ('uint8', 'int16', 'int32')
    """
    return next(one for one in CODE_TYPES if largest <= np.iinfo(one).max)
