"""Copies among the new rows: what comes twice tells nothing twice, and would judge networks that know it by heart.

Rows of few and coarse columns are equal by chance, and so will be tomorrow's: they stay. Copies are told from them by
their near misses (:func:`retemper.data.duplicates.alike`).
"""

from __future__ import annotations

import math

import polars as pl

from retemper.core.records import Finding
from retemper.data.duplicates import alike
from retemper.data.schema import Schema


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
    if not names or not frame.height:
        return frame, None
    # Where there are more rows than ways to be different, some are equal whatever happens.
    ways = math.prod(frame[name].n_unique() for name in names)
    if ways <= frame.height or not alike([frame[name] for name in names]).copies:
        return frame, None
    once = frame.unique(names, keep="first", maintain_order=True)
    copies = frame.height - once.height
    finding = Finding(
        "copied_rows",
        "warning",
        0.9,
        f"{copies} of {frame.height} new rows are copies of others, more than chance explains: each row is used once.",
        {"copies": copies, "rows": frame.height},
    )
    return once, finding
