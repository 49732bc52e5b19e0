"""Tables that are in memory already: Polars, pandas, NumPy, pairs and dicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from retemper.core.errors import InputError
from retemper.data.cells import INTEGER_LIMIT
from retemper.data.csv_file import check_names

TARGET = "y"


def to_frame(source: Any) -> tuple[pl.DataFrame, str | None]:
    """A frame of a value in memory, and the target's name where the value tells (a pair's ``y``).

    Args:
        source: Polars DataFrame or LazyFrame, pandas DataFrame (PyArrow is not needed), NumPy array [rows,
            features] (columns ``x0``, ``x1``, …), a pair (x, y) (column ``y``), or a mapping of columns.

    Raises:
        InputError: ``unsupported_source``, ``bad_shape``, ``different_lengths``, ``duplicate_columns``.

    >>> frame, target = to_frame((np.eye(2), [0, 1]))
    >>> frame.columns, target
    (['x0', 'x1', 'y'], 'y')
    """
    if isinstance(source, pl.LazyFrame):
        return source.collect(), None
    if isinstance(source, pl.DataFrame):
        return source, None
    if _is_pandas(source, "DataFrame"):
        return _from_pandas(source), None
    if isinstance(source, np.ndarray):
        return from_array(source), None
    if isinstance(source, tuple) and len(source) == 2:
        return from_pair(*source), TARGET
    if isinstance(source, Mapping):
        names = [str(name) for name in source]
        check_names(names, "dict")
        return _from_columns(dict(zip(names, source.values(), strict=True))), None
    raise InputError(
        "unsupported_source",
        f"A table can't be read from {type(source).__name__}.",
        None,
        "Give a path, a Polars or pandas frame, a NumPy array, a pair (x, y) or a dict of columns.",
    )


def from_pair(x: Any, y: Any, source: str = "(x, y)") -> pl.DataFrame:
    """Features and target as one frame with the target in column ``y``.

    >>> from_pair(np.zeros((2, 1)), np.array([0, 1])).columns
    ['x0', 'y']
    """
    frame = to_frame(_matrix(x, source) if isinstance(x, (list, tuple)) else x)[0]
    cells = to_series(TARGET, np.ravel(y) if isinstance(y, np.ndarray) else y)
    if TARGET in frame.columns:
        raise InputError(
            "duplicate_columns",
            "The features have a column 'y' already.",
            {"file": source, "column": TARGET},
            "Rename it, or give one table with --target.",
        )
    if len(cells) != frame.height:
        raise _lengths(source, {"x": frame.height, "y": len(cells)})
    return frame.with_columns(cells)


def to_series(name: str, cells: Any) -> pl.Series:
    """One column from a pandas or Polars series or frame of one column, an array or a list; mixed types become text."""
    if isinstance(cells, pl.DataFrame) or _is_pandas(cells, "DataFrame"):
        return _only_column(name, to_frame(cells)[0])
    if isinstance(cells, pl.Series):
        return cells.alias(name)
    if _is_pandas(cells, "Series"):
        return _pandas_column(name, cells)
    if isinstance(cells, np.ndarray) and cells.dtype.kind not in "OSUV":
        return pl.Series(name, _in_microseconds(cells))
    if isinstance(cells, str) or not isinstance(cells, Iterable):
        raise InputError(
            "unsupported_source",
            f"Column {name!r} is a single {type(cells).__name__}, not a list of cells.",
            {"column": name},
            "Give every column as a list, an array or a series.",
        )
    return _from_objects(name, [_plain(cell) for cell in cells])


def _only_column(name: str, frame: pl.DataFrame) -> pl.Series:
    if frame.width != 1:
        raise InputError(
            "bad_shape",
            f"Column {name!r} is a frame of {frame.width} columns, but must be one column.",
            {"column": name},
            "Give one of its columns.",
        )
    return frame.to_series().alias(name)


def _matrix(x: Any, source: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(x)
    except ValueError:
        raise InputError(
            "bad_shape",
            "x must be sample × feature, but its rows differ in length.",
            {"file": source},
            "Give every sample the same number of features.",
        ) from None


def from_array(x: np.ndarray[Any, Any], source: str = "array") -> pl.DataFrame:
    """The columns ``x0``, ``x1``, … of an array [rows, features].

    Args:
        x: the array.
        source: what it is called in errors.

    Raises:
        InputError: ``bad_shape``: it has other than two dimensions.

    >>> from_array(np.eye(2)).columns
    ['x0', 'x1']
    """
    if x.ndim != 2:
        raise InputError(
            "bad_shape",
            f"x must be sample × feature, but got the shape {x.shape}.",
            {"file": source},
            "Reshape it to two dimensions, for example with x.reshape(len(x), -1).",
        )
    return pl.DataFrame([to_series(f"x{i}", np.ascontiguousarray(x[:, i])) for i in range(x.shape[1])])


def _from_columns(columns: Mapping[str, Any]) -> pl.DataFrame:
    series = [to_series(name, cells) for name, cells in columns.items()]
    lengths = {one.name: len(one) for one in series}
    if len(set(lengths.values())) > 1:
        raise _lengths("columns", lengths)
    return pl.DataFrame(dict(zip(columns, series, strict=True)))


def _lengths(source: str, lengths: Mapping[str, int]) -> InputError:
    text = ", ".join(f"{name}: {rows}" for name, rows in list(lengths.items())[:10])
    return InputError(
        "different_lengths",
        f"All columns must have the same number of rows, but got {text}.",
        {"file": source},
        "Give as many targets as samples.",
    )


def _is_pandas(value: Any, kind: str) -> bool:
    return type(value).__module__.split(".")[0] == "pandas" and type(value).__name__ == kind


def _from_pandas(frame: Any) -> pl.DataFrame:
    names = [str(name) for name in frame.columns]
    check_names(names, "pandas frame")
    return pl.DataFrame({name: _pandas_column(name, frame.iloc[:, i]) for i, name in enumerate(names)})


def _pandas_column(name: str, column: Any) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return pl.Series(name, column.to_numpy())
    if isinstance(dtype, np.dtype) and dtype.kind in "Mm":
        return pl.Series(name, _in_microseconds(column.to_numpy()))
    if getattr(dtype, "tz", None) is not None:
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return pl.Series(name, naive.to_numpy().astype("datetime64[us]"))
    missing = column.isna().to_numpy()
    cells = column.astype(object).to_numpy()
    return _from_objects(name, [None if m else _plain(c) for m, c in zip(missing, cells, strict=True)])


def _in_microseconds(cells: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Dates and durations in a unit that Polars has; other cells as they are."""
    units = {"M": "datetime64[us]", "m": "timedelta64[us]"}
    return cells.astype(units[cells.dtype.kind]) if cells.dtype.kind in units else cells


def _from_objects(name: str, cells: list[Any]) -> pl.Series:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {int} and all(cell is None or -INTEGER_LIMIT - 1 <= cell <= INTEGER_LIMIT for cell in cells):
        return pl.Series(name, cells, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(
            name, [None if cell is None else _as_float(cell) for cell in cells], dtype=pl.Float64
        )
    if len(kinds) == 1:
        return _of_one_kind(name, cells, next(iter(kinds)))
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells], dtype=pl.String)


def _of_one_kind(name: str, cells: list[Any], kind: type) -> pl.Series:
    try:
        return pl.Series(name, cells)
    except (TypeError, ValueError, RuntimeError, pl.exceptions.PolarsError):
        raise InputError(
            "unsupported_type",
            f"Column {name!r} holds cells of type {kind.__name__} that are no numbers, text, booleans or dates.",
            {"column": name},
            "Turn it into plain columns or leave it out.",
        ) from None


def _as_float(number: float) -> float:
    """Whole numbers beyond all floats are infinite, and so are refused later, with their row."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _plain(cell: Any) -> Any:
    """A cell as plain Python; NaN is missing."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, Decimal):
        cell = float(cell)
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", errors="replace")
    return None if isinstance(cell, float) and cell != cell else cell
