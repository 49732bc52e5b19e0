"""Rows as JSON and back, to the same cells in the same types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

TYPES: dict[str, Any] = {
    "Int64": pl.Int64,
    "Float64": pl.Float64,
    "Boolean": pl.Boolean,
    "String": pl.String,
    "Datetime": pl.Datetime("us"),
}
"""The types of a table's columns, see :mod:`retemper.data.cells`."""


def to_columns(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """A tidy frame as plain data: name, type and cells of each column, dates in microseconds since 1970.

    >>> to_columns(pl.DataFrame({"a": [1.5, float("inf"), None]}))
    [{'name': 'a', 'type': 'Float64', 'cells': [1.5, 'inf', None]}]
    """
    return [
        {"name": cells.name, "type": str(cells.dtype.base_type()), "cells": _plain(cells)}
        for cells in frame.iter_columns()
    ]


def _plain(cells: pl.Series) -> list[Any]:
    if cells.dtype == pl.Float64:
        # JSON has no word for what is not finite; Python's float reads its own.
        return [c if c is None or math.isfinite(c) else repr(c) for c in cells.to_list()]
    return cells.to_physical().to_list()


def to_frame(columns: list[Mapping[str, Any]]) -> pl.DataFrame:
    """The frame that :func:`to_columns` wrote.

    >>> frame = pl.DataFrame({"a": [1.5, float("-inf"), None], "b": ["x", None, "y"]})
    >>> to_frame(to_columns(frame)).equals(frame)
    True

    Raises:
        KeyError, ValueError, TypeError: it is something else.
    """
    return pl.DataFrame([_series(column["name"], column["type"], column["cells"]) for column in columns])


def _series(name: str, type_: str, cells: list[Any]) -> pl.Series:
    dtype = TYPES[type_]
    if dtype == pl.Float64:
        return pl.Series(name, [None if c is None else float(c) for c in cells], dtype)
    if type_ == "Datetime":
        return pl.Series(name, cells, pl.Int64).cast(dtype)
    return pl.Series(name, cells, dtype)
