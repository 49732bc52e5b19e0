"""What is wrong with a table before anything is trained: findings with the numbers they rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.records import Finding, NotApplicable
from retemper.data import (
    adversarial,
    check_columns,
    check_rows,
    dates,
    duplicates,
    leakage,
    missingness,
    outlier_rows,
    placeholders,
    rewritten,
    units,
)
from retemper.data.cells import as_numbers, as_words, level_counts, present
from retemper.data.histogram import histogram
from retemper.data.read import Table
from retemper.data.schema import Column, Schema

TOP_LEVELS = 12
HISTOGRAM_BINS = 20

Check = Callable[[pl.DataFrame, Schema], Finding | None]
CHECKS: dict[str, Check] = {
    "few_rows": check_rows.few_rows,
    "missing_values": check_columns.missing_values,
    "missing_tells_target": missingness.missing_tells_target,
    "placeholders": placeholders.placeholders,
    "numbers_as_words": placeholders.numbers_as_words,
    "written_numbers": rewritten.written_numbers,
    "duplicate_rows": check_rows.duplicate_rows,
    "conflicting_labels": check_rows.conflicting_labels,
    "constant_column": check_columns.constant_column,
    "identifier_column": check_columns.identifier_column,
    "duplicate_columns": check_columns.duplicate_columns,
    "mixed_types": check_columns.mixed_types,
    "high_cardinality": check_columns.high_cardinality,
    "outliers": check_columns.outliers,
    "outlier_rows": outlier_rows.outlier_rows,
    "units_slips": units.units_slips,
    "class_imbalance": check_rows.class_imbalance,
    "leakage": leakage.leakage,
}
Part = NDArray[np.int8]
SplitCheck = Callable[[pl.DataFrame, Schema, Part | None], Finding | None]
SPLIT_CHECKS: dict[str, SplitCheck] = {
    "duplicates_across_splits": duplicates.duplicates_across_splits,
    "near_duplicates": duplicates.near_duplicates,
    "parts_told_apart": adversarial.parts_told_apart,
}
SEVERITIES = ("error", "warning", "advice")


@dataclass(frozen=True)
class Checked:
    """Findings (worst first), checks that can't be made here with the reason, and the table at a glance."""

    findings: list[Finding]
    not_applicable: list[tuple[str, str]]
    evidence: dict[str, Any]


def check(
    table: Table, schema: Schema, rows: NDArray[np.int64] | None = None, part: Part | None = None
) -> Checked:
    """Run every data check on a table.

    Args:
        table: the table.
        schema: of the table.
        rows: row numbers from 0 to look at (training and validation, so that the test stays sealed); None: all.
        part: 0 for a training row, 1 for a validation row, for each row looked at; None: not split yet.

    Returns:
        Findings with values beside thresholds; ``evidence`` holds ``rows``, ``columns`` (kind, missing cells, and a
        histogram or the 12 most frequent levels each), ``duplicates``, and ``classes`` or the ``target``'s
        histogram.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"size": [1.5 * i for i in range(30)], "same": [7] * 30})
    >>> checked = check(table, infer(table, DataOptions()))
    >>> [finding.code for finding in checked.findings]
    ['few_rows', 'constant_column']
    >>> dict(checked.not_applicable)["leakage"]
    'there is no target'
    """
    frame = table.frame if rows is None else table.frame[rows]
    findings, not_applicable = [], []
    runs = CHECKS | {code: _of_part(run, part) for code, run in SPLIT_CHECKS.items()}
    for code, run in runs.items():
        try:
            finding = run(frame, schema)
        except NotApplicable as error:
            not_applicable.append((code, str(error)))
            continue
        if finding is not None:
            findings.append(finding)
    return Checked(by_severity(findings), not_applicable, _evidence(frame, schema))


def by_severity(findings: list[Finding]) -> list[Finding]:
    """The worst first, and of these the surest."""
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), -finding.confidence))


def _of_part(run: SplitCheck, part: Part | None) -> Check:
    return lambda frame, schema: run(frame, schema, part)


def _evidence(frame: pl.DataFrame, schema: Schema) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "kind": column.kind,
            "missing": int(frame[column.name].null_count()),
            "distinct": column.distinct,
            "why": column.why,
            **_shape(frame[column.name], column),
        }
        for column in schema.columns
    ]
    evidence = {
        "rows": frame.height,
        "columns": columns,
        "duplicates": check_rows.count_duplicates(frame),
    }
    if schema.target is None:
        return evidence
    target = frame[schema.target.name]
    if schema.task == "classification":
        counts = dict(level_counts(as_words(target)).iter_rows())
        own = dict(zip(schema.classes, as_words(pl.Series(schema.classes)), strict=True))
        return evidence | {"classes": {label: int(counts.get(word, 0)) for label, word in own.items()}}
    return evidence | {"target": _histogram(as_numbers(target))}


def _shape(cells: pl.Series, column: Column) -> dict[str, Any]:
    if column.kind == "number":
        return {"histogram": _histogram(as_numbers(cells))}
    if column.kind == "datetime":
        stamps = dates.demanded(cells).dt.timestamp("us").cast(pl.Float64) / 1e6
        return {"histogram": {**_histogram(stamps), "unit": "seconds since 1970"}}
    if column.kind == "text":
        return {"histogram": {**_histogram(as_words(cells).str.len_chars()), "unit": "characters"}}
    if column.kind == "identifier":
        return {}
    top = level_counts(as_words(cells)).head(TOP_LEVELS)
    return {"levels": top["level"].to_list(), "counts": top["rows"].to_list()}


def _histogram(numbers: pl.Series) -> dict[str, Any]:
    values = present(numbers).cast(pl.Float64).to_numpy()
    if not len(values):
        return {"edges": [], "counts": []}
    counts, edges = histogram(values, HISTOGRAM_BINS)
    return {"edges": edges.tolist(), "counts": counts.tolist()}
