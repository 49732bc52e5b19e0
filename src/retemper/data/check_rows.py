"""Findings about rows and the target: (frame, schema) → a finding or nothing."""

from __future__ import annotations

import polars as pl

from retemper.core.records import Finding, NotApplicable
from retemper.data.cells import as_words, chosen, level_counts
from retemper.data.schema import Schema
from retemper.data.uneven import UNEVEN, VERY_UNEVEN

FEW_ROWS = 200
MANY_DUPLICATES_SHARE = 0.01
MANY_CONFLICTS_SHARE = 0.01


def few_rows(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Fewer than 200 rows: intervals are wide and a simpler model may do as well."""
    if frame.height >= FEW_ROWS:
        return None
    return Finding(
        "few_rows",
        "warning",
        0.9,
        f"There are {frame.height} rows only, fewer than {FEW_ROWS}: expect wide intervals, and compare with the "
        "baselines.",
        {"rows": frame.height, "warning_below": FEW_ROWS},
    )


def count_duplicates(frame: pl.DataFrame) -> int:
    """How many rows are copies of an earlier row.

    >>> count_duplicates(pl.DataFrame({"a": [1, 1, 1, 2]}))
    2
    """
    return frame.height - frame.hash_rows(seed=0).n_unique() if frame.width else 0


def duplicate_rows(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Rows that are copies of others, target and identifiers included: a warning from 1 % on."""
    count = count_duplicates(frame)
    if not count:
        return None
    share = count / frame.height
    return Finding(
        "duplicate_rows",
        "warning" if share >= MANY_DUPLICATES_SHARE else "advice",
        1.0,
        f"{count} rows ({share:.2%}) are copies of others; where copies fall on both sides of a split, scores look "
        "better than they are.",
        {"rows": count, "share": round(share, 5), "warning_from": MANY_DUPLICATES_SHARE},
    )


def conflicting_labels(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Rows with the same features and another class: no model can get all of them right."""
    target = _target(schema, "classification")
    features = [column.name for column in schema.features()]
    hashed = pl.DataFrame({"row": chosen(frame, features).hash_rows(seed=0), "label": frame[target]})
    counts = hashed.group_by("row", "label").len().group_by("row").agg(pl.sum("len"), best=pl.max("len"))
    lost = int((counts["len"] - counts["best"]).sum())
    share = lost / frame.height
    if share < MANY_CONFLICTS_SHARE:
        return None
    return Finding(
        "conflicting_labels",
        "advice",
        0.9,
        f"{lost} rows ({share:.1%}) have the same features as others but another class, so that accuracy on these "
        f"rows can't go above {1 - share:.3f}.",
        {"rows": lost, "share": round(share, 5), "advice_from": MANY_CONFLICTS_SHARE},
    )


def class_imbalance(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """The largest class has at least 4 times (advice) or 10 times (warning) the rows of the smallest."""
    counts = level_counts(as_words(frame[_target(schema, "classification")]))
    largest, smallest = counts.row(0), counts.row(-1)
    ratio = largest[1] / smallest[1]
    if ratio < UNEVEN:
        return None
    return Finding(
        "class_imbalance",
        "warning" if ratio >= VERY_UNEVEN else "advice",
        1.0,
        f"The class {largest[0]!r} has {ratio:.1f} times as many rows as {smallest[0]!r} ({largest[1]} and "
        f"{smallest[1]}): look at balanced_accuracy and log_loss rather than accuracy.",
        {
            "ratio": round(ratio, 3),
            "advice_from": UNEVEN,
            "warning_from": VERY_UNEVEN,
            "smallest": smallest[1],
        },
    )


def _target(schema: Schema, task: str) -> str:
    if schema.target is None:
        raise NotApplicable("there is no target")
    if schema.task != task:
        raise NotApplicable(f"the task is {schema.task}")
    return schema.target.name
