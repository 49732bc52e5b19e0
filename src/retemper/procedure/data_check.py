"""Step 1: look at the data, then prepare it: fitted on training rows alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.records import Step
from retemper.data.check import Checked, check
from retemper.data.prepare import Preparer
from retemper.data.target import Target
from retemper.models.layers.inputs import InputShape
from retemper.procedure.book import Book, State
from retemper.training import arrays, losses
from retemper.training.arrays import SplitArrays, TaskArrays
from retemper.training.class_losses import ClassLoss


def run(book: Book, state: State) -> tuple[State, Step]:
    """Findings about training and validation rows (the test stays sealed), and the prepared arrays."""
    seen = np.sort(np.concatenate([state.splits.train, state.splits.validation]))
    checked = check(state.table, state.schema, seen)
    state = prepare(state, book.folder.checkpoints / "arrays")
    return state.with_(findings=(*state.findings, *checked.findings)), _step(state, checked)


def prepare(state: State, folder: Path) -> State:
    """Fit the preparer and the target on the training rows and write the arrays for the workers."""
    assert state.schema.target is not None
    frame, options = state.table.frame, state.recipe.prepare
    train = frame[state.splits.train]
    preparer = Preparer.fit(train, state.schema, options)
    target = Target.fit(train[state.schema.target.name], state.schema, options)
    split = {
        name: split_arrays(state, preparer, target, frame[rows])
        for name, rows in (("train", state.splits.train), ("validation", state.splits.validation))
    }
    prior = target.prior
    if target.task == "regression":
        scaled = split["train"].y
        prior = (float(np.mean(scaled)), float(np.std(scaled)))
    loss = losses.resolve(state.recipe.training.loss, target.task, len(target.classes))
    weight = loss.class_weight(target.classes, prior) if isinstance(loss, ClassLoss) else None
    prepared = TaskArrays(
        task=target.task,
        n_classes=len(target.classes),
        shape=InputShape(preparer.width, preparer.n_numbers, preparer.cardinalities),
        prior=tuple(prior),
        class_weight=None if weight is None else tuple(weight.tolist()),
        train=split["train"],
        validation=split["validation"],
    )
    arrays.save(prepared, folder)
    return state.with_(preparer=preparer, target=target, arrays=prepared, data_folder=folder.resolve())


def split_arrays(state: State, preparer: Preparer, target: Target, frame: pl.DataFrame) -> SplitArrays:
    """Rows as the network sees them."""
    inputs = preparer.transform(frame)
    y = target.encode(frame[target.name])
    if target.task == "regression":
        y = target.scale(y).astype(np.float32)
    return SplitArrays(inputs.dense, inputs.categories, y, weights(state, frame))


def weights(state: State, frame: pl.DataFrame) -> NDArray[np.float32]:
    """Sample weights; 1 for every row where the recipe names no column."""
    if state.schema.weight is None:
        return np.ones(frame.height, dtype=np.float32)
    return frame[state.schema.weight].cast(pl.Float32).to_numpy()


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
