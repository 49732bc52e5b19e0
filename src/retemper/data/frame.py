"""A table's cells in memory or on disk, read in the same way: a column, some rows, or all of them in windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from retemper.data.cells import chosen

Reading = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class Part:
    """A file of whole rows."""

    path: Path
    rows: int
    sha256: str

    def read(self, columns: Sequence[str], first: int, count: int) -> pl.DataFrame:
        """Some columns of rows that follow each other."""
        cells = pl.scan_ipc(self.path, glob=False).select(cs.by_name(columns, require_all=True))
        return cells.slice(first, count).collect()


@dataclass(frozen=True)
class Loaded:
    """Whole rows in memory, below those of files."""

    cells: pl.DataFrame

    @property
    def rows(self) -> int:
        """How many."""
        return self.cells.height

    def read(self, columns: Sequence[str], first: int, count: int) -> pl.DataFrame:
        """Some columns of rows that follow each other."""
        return chosen(self.cells, columns)[first : first + count]


class FrameOnDisk:
    """A table's cells in files; it is read like a Polars frame, a column or some rows at a time.

    ``frame[name]`` is a whole column, ``frame[rows]`` the rows of those numbers in that order, ``slice`` some that
    follow each other, ``windows()`` goes through all rows once. Whatever else a Polars frame can do works too, at the
    price of all cells in memory.

    Args:
        parts: in order.
        schema: the names and types of the columns, of all that the files hold or of some.
        height: how many of the rows, from the first; all of them where it is below 0.
        reads: how the text of some columns becomes numbers, as it is read.
    """

    def __init__(
        self,
        parts: Sequence[Part | Loaded],
        schema: dict[str, pl.DataType],
        height: int = -1,
        reads: Mapping[str, Reading] | None = None,
    ):
        self._parts = tuple(parts)
        self.schema = schema
        self._reads = dict(reads or {})
        self.height = sum(part.rows for part in parts) if height < 0 else height

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        return list(self.schema)

    @property
    def dtypes(self) -> list[pl.DataType]:
        """The columns' types."""
        return list(self.schema.values())

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.schema)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    def __len__(self) -> int:
        return self.height

    def is_empty(self) -> bool:
        """Whether there are no rows."""
        return not self.height

    def head(self, n: int) -> FrameOnDisk:
        """The first rows, still on disk."""
        return FrameOnDisk(self._parts, self.schema, min(n, self.height), self._reads)

    def above(self, rows: pl.DataFrame) -> FrameOnDisk:
        """All these rows, still on disk, and below them others of the same columns, in memory.

        Where one side holds whole numbers and the other fractions, all become fractions.
        """
        whole = sum(part.rows for part in self._parts) == self.height
        parts = self._parts if whole else (Loaded(self.collect()),)
        schema = {
            name: own if own == rows.schema[name] else pl.Float64() for name, own in self.schema.items()
        }
        return FrameOnDisk((*parts, Loaded(rows)), schema, reads=self._reads)

    def as_numbers(self, reads: Mapping[str, Reading]) -> FrameOnDisk:
        """The same cells, but the text of some columns as the Float64 that these functions make of it."""
        schema = {name: pl.Float64() if name in reads else own for name, own in self.schema.items()}
        return FrameOnDisk(self._parts, schema, self.height, reads)

    def only(self, columns: Sequence[str]) -> FrameOnDisk:
        """Some of the columns, still on disk."""
        own = {name: self.schema[name] for name in columns}
        return FrameOnDisk(self._parts, own, self.height, self._reads)

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        """Rows that follow each other; no others are read."""
        stop = min(offset + length, self.height)
        found = [cells for _, cells in self._between(offset, stop)]
        return pl.concat([pl.DataFrame(schema=self.schema), *found])

    def windows(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """All rows, a part at a time: the number of the first and the rows."""
        return self._between(0, self.height)

    def _between(self, low: int, high: int) -> Iterator[tuple[int, pl.DataFrame]]:
        start = 0
        for part in self._parts:
            first, end = max(start, low), min(start + part.rows, high)
            if first < end:
                yield first, self._read(part, first - start, end - first)
            start += part.rows

    def _read(self, part: Part | Loaded, first: int, count: int) -> pl.DataFrame:
        found = part.read(self.columns, first, count)
        found = found.with_columns(
            [own(found[name]) for name, own in self._reads.items() if name in self.schema]
        )
        return found if dict(found.schema) == self.schema else found.cast(self.schema)  # type: ignore[arg-type]

    @overload
    def __getitem__(self, key: str) -> pl.Series: ...
    @overload
    def __getitem__(self, key: NDArray[np.integer[Any]]) -> pl.DataFrame: ...
    def __getitem__(self, key: str | NDArray[np.integer[Any]]) -> pl.Series | pl.DataFrame:
        if isinstance(key, str):
            return pl.concat([cells.to_series() for _, cells in self.only([key]).windows()])
        if isinstance(key, np.ndarray) and key.dtype.kind in "iu":
            return self._rows(key)
        return self.collect()[key]

    def _rows(self, rows: NDArray[np.integer[Any]]) -> pl.DataFrame:
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        taken, start = [pl.DataFrame(schema=self.schema)], 0
        for part in self._parts:
            low, high = np.searchsorted(ascending, (start, start + part.rows))
            if low < high:
                taken.append(self._read(part, 0, part.rows)[ascending[low:high] - start])
            start += part.rows
        found = pl.concat(taken)
        return found if (order[1:] > order[:-1]).all() else found[np.argsort(order, kind="stable")]

    def collect(self) -> pl.DataFrame:
        """All cells in memory."""
        return pl.concat([cells for _, cells in self.windows()])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(pl.DataFrame, name):
            raise AttributeError(name)
        return getattr(self.collect(), name)


Frame = pl.DataFrame | FrameOnDisk


def narrowed(frame: Frame, columns: Sequence[str]) -> Frame:
    """Some columns of a frame in memory or on disk, by their exact names.

    >>> narrowed(pl.DataFrame({"*": [1], "b": [2]}), ["*"]).columns
    ['*']
    """
    return frame.only(columns) if isinstance(frame, FrameOnDisk) else chosen(frame, columns)
