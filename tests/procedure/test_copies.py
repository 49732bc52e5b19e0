"""Copies of training rows in the test: said once the test is open, never before."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

CHANGES = {
    "procedure.skip": ["overfit_sample", "input_blind", "learning_rate_range"],
    "procedure.bootstrap": 100,
}


@pytest.mark.parametrize("copied", [0, 12])
def test_copies_in_a_test_of_ones_own(tmp_path, run_all, tables, copied):
    frame, test = tables.numbers_only(240, 0, _line), tables.numbers_only(120, 1, _line)
    test = pl.concat([test.head(120 - copied), frame.head(copied)])
    done = run_all(tmp_path / "run", frame, "y", CHANGES, test=test)
    found = [own for own in done.result["findings"] if own["code"] == "duplicates_across_splits"]
    assert len(found) == bool(copied)
    if copied:
        facts = found[0]["evidence"]
        assert facts["of"] == "test" and facts["rows"] == copied
        assert facts["first_rows"] == [109, 110, 111, 112, 113], "as the test file counts"
        assert done.step("test_once")["verdict"] == "warn"
        assert "copies of training rows" in done.step("test_once")["message"]
    assert "duplicates_across_splits" not in done.step("data_check")["evidence"]["findings"]


def _line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * np.asarray(draw.normal(size=len(x)))
