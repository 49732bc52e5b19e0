"""Copies among the new rows: what comes twice tells nothing twice, and would judge networks that know it by heart.

Rows of few and coarse columns are equal by chance, and so will be tomorrow's: they stay. Copies are told from them by
their near misses (:func:`retemper.data.duplicates.alike`), and only where one column tells nearly all rows apart. Rows
that lack a cell in that column are alike because of it, and stay too.
"""

from __future__ import annotations

import polars as pl

from retemper.core.records import Finding
from retemper.data.duplicates import alike
from retemper.data.schema import Schema

FEWEST_VALUES, TOLD_APART = 20, 0.8
"""Two columns have so many values at least, and one of them so many as a share of the different rows: coarser
columns make rows alike."""


def without_copies(frame: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, Finding | None]:
    """The rows, each once where they are copied more than chance explains, and what to tell of it.

    Args:
        frame: new rows, with or without the target.
        schema: the model's; its features and its target make a row.

    >>> from retemper.data.schema import Column
    >>> columns = tuple(Column(name, "number", 0, 9, "") for name in "ab")
    >>> rows = pl.DataFrame({"a": [k * 0.37 for k in range(40)], "b": [k * 0.11 for k in range(40)]})
    >>> some, finding = without_copies(pl.concat([rows, rows[:9]]), Schema(columns))
    >>> some.height, finding.code
    (40, 'copied_rows')
    """
    target = [schema.target.name] if schema.target is not None else []
    features = [column.name for column in schema.features()]
    names = [name for name in (*features, *target) if name in frame.columns]
    known = [name for name in names if name not in target]
    if len(known) < 2 or not frame.height:
        return frame, None
    fine = sorted(known, key=lambda name: frame[name].n_unique())[-2:]
    finest = frame[fine[-1]]
    there = (finest.fill_nan(None) if finest.dtype.is_float() else finest).is_not_null()
    some = frame.filter(there).select(names)
    fewest, most = (some[name].n_unique() for name in fine)
    if fewest < FEWEST_VALUES or most < TOLD_APART * some.n_unique():
        return frame, None
    if not alike(some.get_columns()).copies:
        return frame, None
    once = frame.filter(~there | frame.select(pl.struct(names).is_first_distinct()).to_series())
    copies = frame.height - once.height
    finding = Finding(
        "copied_rows",
        "warning",
        0.9,
        f"{copies} of {frame.height} new rows are copies of others, more than chance explains: each row is used once.",
        {"copies": copies, "rows": frame.height},
    )
    return once, finding
