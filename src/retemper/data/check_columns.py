"""Findings about single columns: (frame, schema) → a finding or nothing."""

from __future__ import annotations

import numpy as np
import polars as pl

from retemper.core.records import Finding, NotApplicable, Severity
from retemper.data.cells import as_numbers, present
from retemper.data.kinds import identifier_reason, not_numbers
from retemper.data.schema import Schema

FIRST_ROWS = 100
MUCH_MISSING_SHARE = 0.3
FAR_IQR = 20.0
MANY_LEVELS = 100
ROWS_A_LEVEL = 5.0


def listed(names: list[str], most: int = 5) -> str:
    """The first names and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def missing_values(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns with missing cells: advice, or a warning where more than 30 % of a column is missing."""
    counts = {c.name: frame[c.name].null_count() for c in schema.columns if c.kind != "constant"}
    shares = {name: round(count / frame.height, 4) for name, count in counts.items() if count}
    if not shares:
        return None
    worst = max(shares, key=shares.__getitem__)
    severity: Severity = "warning" if shares[worst] > MUCH_MISSING_SHARE else "advice"
    return Finding(
        "missing_values",
        severity,
        1.0,
        f"Columns with missing cells: {listed(list(shares))}, most of them {worst!r} ({shares[worst]:.1%}); each "
        "gets an indicator or a level of its own.",
        {"shares": shares, "warning_above": MUCH_MISSING_SHARE},
    )


def constant_column(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns with one value in every row."""
    names = [column.name for column in schema.columns if column.kind == "constant"]
    if not names:
        return None
    message = f"Columns with one and the same value in every row are left out: {listed(names)}."
    return Finding("constant_column", "advice", 1.0, message, {"columns": names, "distinct": 1})


def identifier_column(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns that name rows: left out, or a warning where cleaning is off and the network sees them."""
    reasons = {c.name: c.why for c in schema.columns if c.kind == "identifier"}
    seen = {
        c.name: identifier_reason(frame[c.name], c.distinct)
        for c in schema.features()
        if c.why != "set by hand"
    }
    used = {name: why for name, why in seen.items() if why}
    if used:
        return Finding(
            "identifier_column",
            "warning",
            0.8,
            f"Columns that name rows rather than describe them are used as features: {listed(list(used))}.",
            {"columns": used | reasons, "used": list(used)},
        )
    if not reasons:
        return None
    return Finding(
        "identifier_column",
        "advice",
        0.9,
        f"Columns that name rows rather than describe them are left out: {listed(list(reasons))}.",
        {"columns": reasons, "used": []},
    )


def duplicate_columns(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Features that are the same as an earlier one in every row.

    Columns are looked up by the hash of their first rows, which tell most apart; only the rest are compared.
    """
    seen: dict[tuple[object, ...], list[str]] = {}
    pairs = []
    for column in schema.features():
        cells = frame[column.name]
        key = (str(cells.dtype), *cells.head(FIRST_ROWS).hash().to_list())
        earlier = seen.setdefault(key, [])
        twin = next((name for name in earlier if cells.equals(frame[name])), None)
        if twin is None:
            earlier.append(column.name)
        else:
            pairs.append([twin, column.name])
    if not pairs:
        return None
    message = (
        f"Columns that are the same in every row: {listed([f'{a} = {b}' for a, b in pairs])}; one would do."
    )
    return Finding("duplicate_columns", "advice", 1.0, message, {"pairs": pairs})


def mixed_types(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns of text in which most cells, but not all, are numbers."""
    found = {c.name: not_numbers(frame[c.name]) for c in schema.columns if c.kind in ("category", "text")}
    bad = {
        name: {"cells": cells[0], "first_row": cells[1]}
        for name, cells in found.items()
        if cells and cells[0]
    }
    if not bad:
        return None
    name, first = next(iter(bad.items()))
    example = frame[name][first["first_row"] - 1]
    return Finding(
        "mixed_types",
        "warning",
        0.9,
        f"Columns of numbers that count as text because of some cells: {listed(list(bad))}; {name!r} has "
        f"{first['cells']}, the first is {example!r} in row {first['first_row']}.",
        {"columns": bad},
    )


def high_cardinality(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Categories with more than 100 levels that come fewer than 5 times each on average."""
    rows = {
        c.name: round((frame.height - frame[c.name].null_count()) / max(1, c.distinct), 2)
        for c in schema.features()
        if c.kind == "category" and c.distinct > MANY_LEVELS
    }
    rare = {name: mean for name, mean in rows.items() if mean < ROWS_A_LEVEL}
    if not rare:
        return None
    return Finding(
        "high_cardinality",
        "advice",
        0.8,
        f"Categories whose levels come too rarely to learn much from: {listed(list(rare))}; "
        "grouping their levels may help.",
        {"rows_a_level": rare, "advice_below": ROWS_A_LEVEL, "levels_above": MANY_LEVELS},
    )


def outliers(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Numbers more than 20 interquartile ranges beyond the quartiles; columns with equal quartiles are passed over."""
    names = [column.name for column in schema.features() if column.kind == "number"]
    if schema.target is not None and schema.task == "regression":
        names.append(schema.target.name)
    if not names:
        raise NotApplicable("no column holds numbers")
    found = {name: far for name in names if (far := _far(as_numbers(frame[name])))}
    if not found:
        return None
    worst = max(found, key=lambda name: found[name]["distance_iqr"])
    distance = found[worst]["distance_iqr"]
    return Finding(
        "outliers",
        "advice",
        0.6,
        f"Columns with values far from all others: {listed(list(found))}; {worst!r} reaches {found[worst]['value']:g}, "
        f"{distance:{'.0f' if distance < 1e6 else '.2g'}} interquartile ranges beyond the quartiles.",
        {"columns": found, "threshold_iqr": FAR_IQR},
    )


def _far(numbers: pl.Series) -> dict[str, float]:
    x = present(numbers).to_numpy()
    low, high = np.quantile(x, (0.25, 0.75)) if len(x) else (0.0, 0.0)
    if not high > low:
        return {}
    distance = np.maximum(low - x, x - high) / (high - low)
    if distance.max() <= FAR_IQR:
        return {}
    far = int(distance.argmax())
    return {
        "cells": int((distance > FAR_IQR).sum()),
        "value": float(x[far]),
        "distance_iqr": float(distance[far]),
    }
