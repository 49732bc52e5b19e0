"""A run hands its memory to its model: what it trained on is known, what it did not is counted and kept."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import retemper

SETTINGS = {"keep.rows": 80, "procedure.folds": 2, "procedure.members": 1, "procedure.understand": False}


@pytest.mark.parametrize("values", [False, True])
def test_the_model_of_a_run_remembers(
    tmp_path: Path, tables: Any, run_all: Any, slow: list[str], values: bool
) -> None:
    frame = tables.prices() if values else tables.two_classes()
    target = "price" if values else "y"
    run = run_all(tmp_path, frame, target, {**SETTINGS, "procedure.skip": slow})
    model, rows, scores = run.model, run.result["rows"], run.result["metrics"]["test"]
    memory, schema = model.memory, model.schema
    seen = memory.trained.seen(frame, schema)
    known = rows["train"] + rows["validation"]
    assert known <= seen.sum() <= known + 4
    assert {name: own.value for name, own in memory.standing.items()} == {
        name: pytest.approx(score["value"]) for name, score in scores.items()
    }
    assert {own.rows for own in memory.standing.values()} == {rows["test"]}
    assert memory.sketches.unseen.rows == rows["test"]
    kept = memory.kept
    assert kept.frame.height == 80 and kept.unseen.sum() == 20 and set(kept.batch.tolist()) == {0}
    assert memory.trained.seen(kept.frame, schema)[~kept.unseen].all()
    assert memory.trained.seen(kept.frame, schema)[kept.unseen].sum() <= 2
    work = memory.work
    assert work.rows == known and work.networks == len(model.parts) and work.epochs >= work.networks
    # A product a weight, row and pass; forwards and twice backwards.
    weights = max(part.row.numel() for part in model.parts)
    assert 0 < work.multiply_adds < 3 * known * work.epochs * 2 * weights
    assert not retemper.drift(run.path, frame.filter(pl.Series(~seen))).detected


def test_nothing_is_kept_that_was_not_asked_for(
    tmp_path: Path, tables: Any, run_all: Any, slow: list[str]
) -> None:
    settings = {**SETTINGS, "keep.rows": 0, "keep.sketches": False, "procedure.skip": slow}
    memory = run_all(tmp_path, tables.two_classes(), "y", settings).model.memory
    assert memory.kept is None and memory.sketches is None and memory.trained.rows > 0
    assert not (tmp_path / "model" / "rows.json").exists()
