"""Check a table before anything is trained on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from retemper.api.faults import machine_faults
from retemper.core.recipe_sections import DataOptions
from retemper.core.records import NotApplicable
from retemper.data import label_errors
from retemper.data.cells import as_words, level_counts
from retemper.data.check import Checked, by_severity
from retemper.data.check import check as check_table
from retemper.data.read import Table, read
from retemper.data.rewritten import rewritten
from retemper.data.sampled import is_ordered, ordered_cells, sample_rows
from retemper.data.schema import Column, Schema, infer
from retemper.report.page_file import page_place
from retemper.report.table.cells import LEVELS, Cells
from retemper.report.table.facts import TableFacts, table_facts
from retemper.report.table.page import write

MOST_LABELLED_ROWS = 500_000
"""Of more rows no labels are judged."""
PICTURED_ROWS, PICTURED_CELLS = 20_000, 10_000_000
"""The page is drawn from so many rows, and of very wide tables from so many cells, at most."""
LEAST_PICTURED_ROWS = 500


def check(
    data: Any,
    target: str | None = None,
    options: DataOptions | None = None,
    out: str | Path | None = None,
) -> Checked:
    """Findings about a table: missing, duplicates, outliers, leakage, imbalance.

    Args:
        data: path, frame, array, tuple (x, y) or dict of columns, as for :func:`retemper.train`.
        target: the column to predict; without it, what needs a target is not applicable.
        options: which columns mean what; ``target`` has the last word.
        out: also write a page with distributions, missing cells, correlations and the findings' pictures here; its
            name ends in ``.html``.

    Returns:
        ``.findings``, ``.not_applicable`` ((code, why) pairs), ``.evidence``.

    Raises:
        InputError: the data can't be read or trained on, or the page can't be written.

    >>> checked = check({"x": [1, 2, 3, 4] * 5, "k": ["a"] * 20})
    >>> "constant_column" in [finding.code for finding in checked.findings]
    True
    """
    given = options or DataOptions()
    columns = given if target is None else given.replaced(target=target)
    page = None if out is None else page_place(out, "--out", "--out check.html")
    with machine_faults():
        table = read(data, columns.target)
        schema = infer(table, columns)
        table = rewritten(table, schema)
        checked = _with_labels(check_table(table, schema), table, schema)
        if page is not None:
            _write(page, table, schema, checked)
        return checked


def _with_labels(checked: Checked, table: Table, schema: Schema) -> Checked:
    """The checks with that for wrong labels, which trains small models and so is none of the quick ones."""
    if table.frame.height > MOST_LABELLED_ROWS:
        why = f"more than {MOST_LABELLED_ROWS:,} rows"
        return replace(checked, not_applicable=[*checked.not_applicable, ("label_errors", why)])
    try:
        found = label_errors.find(table.frame[np.arange(table.frame.height)], schema, 0)
    except NotApplicable as error:
        return replace(checked, not_applicable=[*checked.not_applicable, ("label_errors", str(error))])
    return replace(checked, findings=by_severity([*checked.findings, *([found] if found else [])]))


def _write(path: Path, table: Table, schema: Schema, checked: Checked) -> None:
    columns = [*schema.columns, *([schema.target] if schema.target else [])]
    most = min(PICTURED_ROWS, max(LEAST_PICTURED_ROWS, PICTURED_CELLS // len(columns)))
    frame = table.frame[sample_rows(table.frame.height, most, "rows of the check page")]
    cells = [_cells(frame[column.name], column) for column in columns]
    name = Path(table.source).name if table.source else "the table"
    target = schema.target.name if schema.target else None
    told = TableFacts(name, checked.evidence, checked.findings, checked.not_applicable, cells, target)
    write(table_facts(told), path)


def _cells(cells: pl.Series, column: Column) -> Cells:
    """A column as numbers: itself, seconds, characters, numbers of levels by frequency, or present (0) and missing."""
    if is_ordered(column):
        return Cells(column.name, column.kind, ordered_cells(cells, column))
    missing = np.where(cells.is_null().to_numpy(), np.nan, 0.0)
    if column.kind == "text":
        lengths = as_words(cells).str.len_chars().cast(pl.Float64).fill_null(float("nan"))
        return Cells(column.name, column.kind, lengths.to_numpy())
    if column.kind not in LEVELS:
        return Cells(column.name, column.kind, missing)
    words = as_words(cells)
    levels = level_counts(words)["level"].to_list()
    places = list(range(len(levels)))
    codes = words.replace_strict(levels, places, default=None, return_dtype=pl.Float64)
    return Cells(column.name, column.kind, codes.to_numpy(), tuple(map(str, levels)))
