"""Copies among new rows: each row is used once, unless chance explains why rows are alike."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retemper.api.retrain_inputs import before_of
from retemper.retraining.copies import without_copies
from retemper.retraining.options import RetrainOptions

from .made import TARGETS, champion, table


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("labels", [True, False])
def test_a_file_that_holds_its_rows_twice_is_as_good_as_once(target: str, labels: bool) -> None:
    rows = table(target, 60, 2)
    rows = rows if labels else rows.drop("y")
    schema = champion(target).schema
    once, finding = without_copies(pl.concat([rows, rows[::-1]]), schema)
    assert once.equals(rows) and finding is not None
    assert "60 of 120 new rows are copies" in finding.message
    same, nothing = without_copies(rows, schema)
    assert same is rows and nothing is None


def test_rows_that_are_alike_by_chance_stay() -> None:
    draw = np.random.default_rng(0)
    rows = table("classes", 400, 2).with_columns(
        p=pl.Series(draw.integers(0, 4, 400)), q=pl.Series(draw.integers(0, 5, 400))
    )
    assert rows.n_unique(["p", "q", "kind", "y"]) < 200
    assert without_copies(rows, champion("classes").schema) == (rows, None)


def test_another_label_or_a_gap_makes_another_row() -> None:
    rows = table("numbers", 60, 2)
    schema = champion("numbers").schema
    other = rows.with_columns(y=pl.col("y") + 1, p=pl.lit(None, pl.Float64))
    assert without_copies(pl.concat([rows, other]), schema)[1] is None


def test_rows_whose_cells_are_missing_are_no_copies() -> None:
    rows = table("classes", 200, 2)
    for gap in (None, float("nan")):
        gaps = rows.with_columns(
            p=pl.lit(gap, pl.Float64), q=pl.when(pl.col("q") <= 0).then("q").otherwise(gap)
        )
        assert without_copies(gaps, champion("classes").schema)[0] is gaps


@pytest.mark.parametrize("values", [1, 3, 60])
def test_one_coarse_column_makes_no_copies(values: int) -> None:
    draw = np.random.default_rng(1)
    p = draw.integers(0, values, 400)
    y = np.where(p + draw.normal(size=400) > values / 2, "low", "top")
    rows = table("classes", 400, 2).with_columns(p=pl.Series(p), q=0.0, kind=pl.lit("u"), y=pl.Series(y))
    assert without_copies(rows, champion("classes").schema) == (rows, None)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_handful_of_rows(rows: int) -> None:
    frame = table("classes", 60, 2)[:rows]
    assert without_copies(frame, champion("classes").schema) == (frame, None)


def test_copies_prove_no_gain(tmp_path: Path) -> None:
    import retemper

    few = table("classes", 30, 2)
    run = retemper.retrain(
        champion("classes"), pl.concat([few] * 8), out=tmp_path / "run", old=table("classes", 160, 5)
    )
    (finding,) = run.decision["findings"]
    assert finding["code"] == "copied_rows" and finding["evidence"] == {"copies": 210, "rows": 240}
    assert run.decision["rows"]["labelled"] == 30
    assert "210 of 240 new rows are copies" in (run.folder / "report.html").read_text()


def test_what_is_told_of_copies_joins_what_else_is_told() -> None:
    rows = table("classes", 60, 2).with_columns(more=pl.int_range(60) * 0.37)
    before = before_of(champion("classes"), pl.concat([rows, rows]), None, RetrainOptions())
    assert before.new.height == 60 and before.grown.findings[-1].code == "copied_rows"
