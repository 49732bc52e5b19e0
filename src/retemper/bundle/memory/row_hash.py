"""One number for a row, the same whatever file the row came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError, nearest
from retemper.data.cells import as_numbers, as_words, tidy
from retemper.data.frame import Frame, FrameOnDisk, narrowed
from retemper.data.kinds import truth
from retemper.data.rewritten import read_numbers, styles_of
from retemper.data.sampled import ordered_cells
from retemper.data.schema import Column, Schema

Hashes = NDArray[np.uint64]
Alone = Mapping[str, tuple[str, ...] | None]
"""Columns that were constants when rows were hashed → the values that they had, as text; None: nobody knows them."""
WINDOW_ROWS = 1 << 16


def row_hashes(
    frame: Frame,
    schema: Schema,
    salt: int,
    rows: NDArray[np.int64] | None = None,
    alone: Alone | None = None,
) -> Hashes:
    """64 bits for each row, of its features and its target.

    A cell is hashed as the schema reads it: a number in single precision (a file of float32 and its text agree), a date
    in seconds, a level or a text by its letters (BLAKE2b). The cells' numbers, mixed with their column's name, are
    added up and mixed again (the finalizer of Steele et al. 2014, "Fast splittable pseudorandom number generators"). A
    missing cell adds nothing, and so does a column that is not there: rows from before a column was added keep
    their number. So do rows from before a column varied: a constant adds nothing, and once it varies the value that it
    had alone still adds nothing.

    Args:
        frame: rows with the target, of any types that a table can have; large ones stay on disk.
        schema: says how cells are read.
        salt: 0 to 2⁶³ − 1; another one gives other numbers.
        rows: numbers of the rows in ``frame``, ascending; None: all.
        alone: the values of columns that once were constants; a column whose value nobody knows is never counted.

    Returns:
        uint64 [N].

    Raises:
        InputError: the target is no column, or a cell can't be read as its column's kind.

    >>> from retemper.data.schema import Column, Schema
    >>> schema = Schema((Column("a", "number", 0, 3, ""),), Column("y", "category", 0, 2, ""), "classification")
    >>> whole, text = pl.DataFrame({"a": [1, 2], "y": [0, 1]}), pl.DataFrame({"y": ["1", "0"], "a": ["2.0", "1"]})
    >>> one, two = row_hashes(whole, schema, 7), row_hashes(text, schema, 7)
    >>> bool((one == two[::-1]).all()), bool((one == two).any())
    (True, False)
    """
    target = schema.target
    if target is not None and target.name not in frame.columns:
        raise InputError(
            "missing_target",
            f"There is no column {target.name!r}: {nearest(target.name, list(frame.columns))}",
            {"column": target.name},
            "Give rows with their target; without it nobody can say whether they were trained on.",
        )
    columns = [*schema.features(), *([target] if target else [])]
    alone = alone or {}
    counted = [own for own in columns if own.name in frame.columns and alone.get(own.name, ()) is not None]
    windows = _windows(narrowed(frame, [column.name for column in counted]), rows)
    found = (_hashes(own, counted, schema, salt, alone) for own in windows)
    return np.concatenate([np.zeros(0, np.uint64), *found])


def _windows(frame: Frame, rows: NDArray[np.int64] | None) -> Iterator[pl.DataFrame]:
    if rows is not None:
        yield from (frame[rows[start : start + WINDOW_ROWS]] for start in range(0, len(rows), WINDOW_ROWS))
    elif isinstance(frame, FrameOnDisk):
        yield from (own for _, own in frame.windows())
    else:
        yield frame


def _hashes(frame: pl.DataFrame, columns: list[Column], schema: Schema, salt: int, alone: Alone) -> Hashes:
    frame = read_numbers(tidy(frame), styles_of(schema))
    total = np.zeros(frame.height, dtype=np.uint64)
    for column in columns:
        cells = frame[column.name]
        hashes = _cell_hashes(cells, column)
        mixed = _mixed(hashes ^ np.uint64(_of_text(column.name)))
        mixed[cells.is_null().to_numpy()] = 0
        for word in alone.get(column.name) or ():
            mixed[np.isin(hashes, _hash_of(word, column, schema))] = 0
        total += mixed
    return _mixed(total + np.uint64(salt))


def _cell_hashes(cells: pl.Series, column: Column) -> Hashes:
    if column.kind == "number":
        with np.errstate(over="ignore"):  # beyond single precision: infinite, and so all alike
            numbers = (as_numbers(cells).to_numpy() + 0.0).astype(np.float32)  # −0 is 0
        return numbers.view(np.uint32).astype(np.uint64)
    if column.kind == "datetime":
        return (ordered_cells(cells, column) + 0.0).view(np.uint64)
    words = truth(cells) if column.kind == "boolean" else as_words(cells)
    different = words.drop_nulls().unique()
    codes = words.cast(pl.Enum(different)).to_physical().fill_null(len(different)).to_numpy()
    return np.asarray(np.array([*map(_of_text, different), 0], dtype=np.uint64)[codes])


def _hash_of(word: str, column: Column, schema: Schema) -> Hashes:
    """The hash [1] of a value that a column had alone; empty where it is of another kind than the column is now."""
    try:
        cells = read_numbers(pl.DataFrame({column.name: [word]}), styles_of(schema))[column.name]
        return _cell_hashes(cells, column)
    except InputError:
        return np.zeros(0, np.uint64)


def _of_text(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _mixed(values: Hashes) -> Hashes:
    """Numbers that differ in one bit differ in about half of them afterwards."""
    mixed: Any = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
