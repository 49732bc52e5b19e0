"""Numbers that are written as text, read as numbers: what the schema found out, applied to the table and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from retemper.core.errors import InputError
from retemper.core.records import Finding
from retemper.data.cells import first_row, place
from retemper.data.check_columns import listed
from retemper.data.frame import FrameOnDisk
from retemper.data.read import CSV, Table, read
from retemper.data.schema import Schema
from retemper.data.written_numbers import Style

SHOWN = 5


def rewritten(table: Table, schema: Schema) -> Table:
    """The table with the columns of numbers that are written as text (``$1,200``, ``12 %``) as Float64.

    Args:
        table: as it was read; large ones stay on disk, and cells are read so as they come.
        schema: of the table, inferred with cleaning; without it no column is written so.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"price": [f"${i},500" for i in range(1, 11)], "k": [1, 2] * 5})
    >>> schema = infer(table, DataOptions())
    >>> schema.columns[0].kind, rewritten(table, schema).frame["price"][0]
    ('number', 1500.0)
    """
    styles = styles_of(schema)
    if not styles:
        return table
    if isinstance(table.frame, FrameOnDisk):
        return replace(table, frame=table.frame.as_numbers({name: own.read for name, own in styles.items()}))
    return replace(table, frame=read_numbers(table.frame, styles))


def styles_of(schema: Schema) -> dict[str, Style]:
    """How the columns are written whose numbers are read from text, the target among them."""
    columns = [*schema.columns, *([schema.target] if schema.target else [])]
    return {column.name: column.written for column in columns if column.written is not None}


def read_numbers(frame: pl.DataFrame, styles: Mapping[str, Style]) -> pl.DataFrame:
    """Columns of text in these styles as numbers; columns that are absent, or no text, are passed over.

    Raises:
        InputError: ``not_a_number``, with the row.

    >>> read_numbers(pl.DataFrame({"a": ["3 kg"]}), {"a": Style(unit="kg"), "b": Style()})["a"].to_list()
    [3.0]
    """
    there = [name for name in styles if name in frame.columns and frame[name].dtype == pl.String]
    return frame.with_columns([_numbers(frame[name], styles[name]) for name in there])


def _numbers(cells: pl.Series, style: Style) -> pl.Series:
    numbers = style.read(cells)
    if numbers.null_count() > cells.null_count():
        row = first_row(numbers.is_null() & cells.is_not_null())
        raise InputError(
            "not_a_number",
            f"Column {cells.name!r} holds numbers{style.said()}, but row {row} is {cells[row - 1]!r}.",
            place("", cells.name, row),
            "Mend the cell, or leave it empty if the number is not known.",
        )
    return numbers


def read_for(source: Any, schema: Schema) -> Table:
    """Read rows for a model of this schema, see :func:`retemper.data.read.read`.

    A column that was written with decimal commas in training was text there. In a file whose every cell happens to look
    like ``1.234`` it is a fraction already, and nobody can tell whether 1234 was meant: such a file is refused.

    Raises:
        InputError: ``not_a_number``, for columns with points in a CSV file, or see ``read``.
    """
    table = read(source)
    for name, style in styles_of(schema).items():
        there = style.decimal == "," and name in table.frame.columns
        if there and table.source.lower().endswith(CSV) and table.frame[name].dtype == pl.Float64:
            raise InputError(
                "not_a_number",
                f"Column {name!r} was written with decimal commas in training, but here with points.",
                place(table.source, name),
                "Write thousands without a point (1234), or decimals with a comma (1,5).",
            )
    return table


def written_numbers(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns of text that were read as numbers: in which unit, and what a mark in them was taken for."""
    styles = styles_of(schema)
    if not styles:
        return None
    shown = {
        name: {"cells": frame.height - frame[name].null_count(), "read_as": f"numbers{style.said()}"}
        for name, style in styles.items()
    }
    told = "; ".join(
        f"{name!r}: {own['cells']} {own['read_as']}" for name, own in list(shown.items())[:SHOWN]
    )
    return Finding(
        "written_numbers",
        "advice",
        0.9,
        f"Columns of text whose every cell is a number were read so: {listed(list(shown), SHOWN)} ({told}). To keep "
        "the text, call them categories (data.kinds), or switch cleaning off.",
        {"columns": shown},
    )
