"""A bundle that an older retemper wrote gives the same answers, and is saved in the present format."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from retemper.bundle.grown import grown
from retemper.bundle.load import load

FORMAT_2 = Path(__file__).parent / "format_2"
"""Written by the code before bundles had a memory, with what its model said of some rows."""
FORMAT_3 = Path(__file__).parent / "format_3"
"""Written by the code before constants' values were noted; 40 of these rows trained it, 12 are kept."""


def test_a_bundle_of_format_2_loads_and_answers_the_same(tmp_path: Path) -> None:
    expected = json.loads((FORMAT_2 / "expected.json").read_text(encoding="utf-8"))
    rows = pl.DataFrame(expected["rows"])
    assert json.loads((FORMAT_2 / "bundle.json").read_text(encoding="utf-8"))["schema"] == 2
    model = load(FORMAT_2)
    assert model.memory is None and model.recipe.keep.rows == 0
    assert np.allclose(model.outputs(rows), expected["outputs"], atol=1e-6)
    again = load(model.save(tmp_path))
    assert json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))["schema"] == 4
    assert again.memory is None and np.array_equal(again.outputs(rows), model.outputs(rows))


def test_a_bundle_of_format_3_knows_its_rows_once_a_constant_varies(tmp_path: Path) -> None:
    expected = json.loads((FORMAT_3 / "expected.json").read_text(encoding="utf-8"))
    rows = pl.DataFrame(expected["rows"])
    assert json.loads((FORMAT_3 / "bundle.json").read_text(encoding="utf-8"))["schema"] == 3
    model = load(FORMAT_3)
    assert np.allclose(model.outputs(rows[:12]), expected["outputs"], atol=1e-6)
    later = rows.with_columns(month=pl.Series([1, 2] * 30))
    larger = grown(model, later).model
    assert {own.name: own.kind for own in larger.schema.columns}["month"] == "number"
    for own in (model, load(larger.save(tmp_path))):
        assert own.memory is not None and own.memory.kept is not None
        trained = own.memory.trained
        assert trained.seen(rows[: expected["trained"]], own.schema).all()
        assert trained.seen(rows[expected["trained"] :], own.schema).sum() <= 2
        kept = own.memory.kept
        assert trained.seen(kept.frame.filter(~kept.unseen), own.schema).all()
