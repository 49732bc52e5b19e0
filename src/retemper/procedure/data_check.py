"""Step 1: look at the data, then prepare it: fitted on training rows alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from retemper.core.records import Step
from retemper.core.seeds import generator
from retemper.data.check import Checked, check
from retemper.data.kinds import count_distinct, infer_kind
from retemper.data.schema import Column, Schema
from retemper.procedure import screen
from retemper.procedure.book import Book, State
from retemper.procedure.prepare import prepare
from retemper.procedure.treat import cleaned_by
from retemper.training import arrays

MOST_ROWS = 250_000
"""Of more rows a sample is checked, drawn by the seed; the evidence says how many were looked at (``rows``)."""


def run(book: Book, state: State) -> tuple[State, Step]:
    """Findings about training and validation rows (the test stays sealed), and the prepared arrays."""
    seen = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    if len(seen) > MOST_ROWS:
        seen = np.sort(generator(state.recipe.seed, "rows to check").choice(seen, MOST_ROWS, replace=False))
    frame = state.table.frame[seen]
    part = np.isin(seen, state.splits.validation).astype(np.int8)
    checked = check(replace(state.table, frame=frame), _told_by(frame, state.schema), part=part)
    place = (book.folder.checkpoints / "arrays").resolve()
    prepared = prepare(
        state.table.frame, state.schema, state.recipe, state.splits.train, state.splits.validation, place
    )
    record: dict[str, Any] = {}
    if screen.is_wide(state):
        state, prepared, record = screen.screened(state, prepared)
    arrays.save(prepared.arrays, place)
    state = state.with_(
        preparer=prepared.preparer, target=prepared.target, arrays=prepared.arrays, data_folder=place
    )
    return state.with_(findings=(*state.findings, *checked.findings)), _step(state, checked, record)


def _columns(count: int) -> str:
    return f"{count} column{'s'[: count != 1]} become{'s'[: count == 1]}"


def _told_by(frame: pl.DataFrame, schema: Schema) -> Schema:
    """The schema with its columns' facts counted in these rows alone: the sealed rows' are nobody's business."""
    return replace(schema, columns=tuple(_column_told_by(frame[c.name], c) for c in schema.columns))


def _column_told_by(cells: pl.Series, column: Column) -> Column:
    missing = cells.null_count()
    distinct = count_distinct(cells)
    kind, why = infer_kind(cells, distinct, identifiers=column.kind == "identifier")
    if column.why == "set by hand":
        why = column.why
    elif kind != column.kind:
        why = "by all rows; the ones to train and validate look otherwise"
    return replace(column, missing=missing, distinct=distinct, why=why)


def _step(state: State, checked: Checked, screened: dict[str, Any]) -> Step:
    preparer, target, _ = state.ready
    worst = [f for f in checked.findings if f.severity in ("error", "warning")]
    shown = f"{len(state.splits.train):,} rows to train, {len(state.splits.validation):,} to validate, "
    shown += f"{state.splits.n_test:,} sealed for the test ({state.splits.method}); "
    shown += f"{_columns(len(preparer.columns))} {preparer.n_inputs} inputs"
    shown += f", {len(target.classes)} classes" if target.classes else ""
    shown += screen.said(screened)
    advice = [f.code for f in checked.findings if f.severity == "advice"]
    findings = (
        f"; {len(worst)} to look at: " + ", ".join(f.code for f in worst)
        if worst
        else "; nothing wrong found"
    )
    findings += f" (advice: {', '.join(advice)})" if advice else ""
    evidence = {
        **checked.evidence,
        "findings": [finding.code for finding in checked.findings],
        "not_applicable": checked.not_applicable,
        "inputs": preparer.n_inputs,
        "screened": screened,
        "split": state.splits.method,
        "cleaned": cleaned_by(state),
    }
    verdict = "fail" if any(f.severity == "error" for f in worst) else "warn" if worst else "pass"
    return Step("data_check", verdict, shown + findings + ".", evidence)  # type: ignore[arg-type]  # a literal
