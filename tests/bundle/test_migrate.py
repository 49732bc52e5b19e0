"""A bundle that an older retemper wrote gives the same answers, and is saved in the present format."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from retemper.bundle.load import load

FORMAT_2 = Path(__file__).parent / "format_2"
"""Written by the code before bundles had a memory, with what its model said of some rows."""


def test_a_bundle_of_format_2_loads_and_answers_the_same(tmp_path: Path) -> None:
    expected = json.loads((FORMAT_2 / "expected.json").read_text(encoding="utf-8"))
    rows = pl.DataFrame(expected["rows"])
    assert json.loads((FORMAT_2 / "bundle.json").read_text(encoding="utf-8"))["schema"] == 2
    model = load(FORMAT_2)
    assert model.memory is None and model.recipe.keep.rows == 0
    assert np.allclose(model.outputs(rows), expected["outputs"], atol=1e-6)
    again = load(model.save(tmp_path))
    assert json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))["schema"] == 3
    assert again.memory is None and np.array_equal(again.outputs(rows), model.outputs(rows))
