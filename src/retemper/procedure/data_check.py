"""Step 1: look at the data, then prepare it: fitted on training rows alone."""

from __future__ import annotations

import numpy as np

from retemper.core.records import Step
from retemper.data.check import Checked, check
from retemper.procedure.book import Book, State
from retemper.procedure.prepare import prepare
from retemper.training import arrays


def run(book: Book, state: State) -> tuple[State, Step]:
    """Findings about training and validation rows (the test stays sealed), and the prepared arrays."""
    seen = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    checked = check(state.table, state.schema, seen)
    prepared = prepare(
        state.table.frame, state.schema, state.recipe, state.splits.train, state.splits.validation
    )
    place = (book.folder.checkpoints / "arrays").resolve()
    arrays.save(prepared.arrays, place)
    state = state.with_(
        preparer=prepared.preparer, target=prepared.target, arrays=prepared.arrays, data_folder=place
    )
    return state.with_(findings=(*state.findings, *checked.findings)), _step(state, checked)


def _step(state: State, checked: Checked) -> Step:
    preparer, target, _ = state.ready
    worst = [f for f in checked.findings if f.severity in ("error", "warning")]
    shown = f"{len(state.splits.train):,} rows to train, {len(state.splits.validation):,} to validate, "
    shown += f"{state.splits.n_test:,} sealed for the test ({state.splits.method}); "
    shown += f"{len(preparer.columns)} columns become {preparer.width} inputs"
    shown += f", {len(target.classes)} classes" if target.classes else ""
    findings = (
        f"; {len(worst)} to look at: " + ", ".join(f.code for f in worst)
        if worst
        else "; nothing wrong found"
    )
    evidence = {
        **checked.evidence,
        "findings": [finding.code for finding in checked.findings],
        "not_applicable": checked.not_applicable,
        "inputs": preparer.width,
        "split": state.splits.method,
    }
    verdict = "fail" if any(f.severity == "error" for f in worst) else "warn" if worst else "pass"
    return Step("data_check", verdict, shown + findings + ".", evidence)  # type: ignore[arg-type]  # a literal
