"""A wrong label stops no retraining, and a class that comes a few rows at a time is learnt in the end."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.api.retrain_inputs import before_of
from retemper.bundle.memory.kept import Kept
from retemper.bundle.model import Model
from retemper.retraining.options import RetrainOptions


def retrained(model: Model, new: pl.DataFrame, place: Path, **settings: Any) -> retemper.Retrained:
    own = {"workers": 1, **settings.pop("set", {})}
    return retemper.retrain(model, new, out=place, set=own, **settings)


def kept_by(model: Model) -> Kept:
    assert model.memory is not None and model.memory.kept is not None
    return model.memory.kept


def with_class(frame: pl.DataFrame, count: int, name: str = "far") -> pl.DataFrame:
    """So many of the rows moved away, of a class of their own."""
    far = pl.int_range(frame.height) < count
    moved = [pl.when(far).then(pl.col(name) + 9).otherwise(pl.col(name)).alias(name) for name in ("p", "q")]
    return frame.with_columns(*moved, pl.when(far).then(pl.lit(name)).otherwise(pl.col("y")).alias("y"))


def test_one_wrong_label_is_told_and_the_rest_goes_on(made: ModuleType, tmp_path: Path) -> None:
    champion, new = made.champion("classes", 2), made.table("classes", 160, 2, turned=True)
    wrong = new.with_columns(y=pl.Series(["lwo", *new["y"][1:]]))
    run = retrained(champion, wrong, tmp_path / "run", keep_old=40)
    told = run.decision["findings"]
    assert [own["code"] for own in told] == ["rare_classes"] and "'lwo' (1 row)" in told[0]["message"]
    assert run.decision["rows"]["labelled"] == 159 and run.decision["rows"]["new"] == 160
    assert run.promoted and run.model.classes == champion.classes and not run.decision["added"]["classes"]
    assert told[0]["message"] in (run.folder / "report.html").read_text().replace("&#39;", "'")
    kept = kept_by(run.model)
    assert kept.labels.count("lwo") == 1 and kept.unseen[list(kept.labels).index("lwo")]


def test_where_all_labels_are_of_rare_classes_it_says_so(made: ModuleType, tmp_path: Path) -> None:
    champion = made.champion("classes", 2)
    new = made.table("classes", 30, 2).with_columns(y=pl.Series([f"typo {k}" for k in range(30)]))
    run = retrained(champion, new, tmp_path / "run", old=made.table("classes", 100, 5))
    assert not run.promoted and run.decision["candidates"] == [] and run.decision["harm"]["estimated"]
    assert run.decision["gate"]["reason"].startswith("The label of 30 rows is set aside")


def test_a_class_is_learnt_once_there_are_enough_rows_of_it(made: ModuleType, tmp_path: Path) -> None:
    champion = made.champion("classes", 2)
    few, more = (with_class(made.table("classes", 90, 20 + k), count) for k, count in enumerate((4, 15)))
    waiting = retrained(champion, few, tmp_path / "few", strategy="recalibrate", keep_old=200).model
    assert "far" not in waiting.classes and kept_by(waiting).labels.count("far") == 4
    before = before_of(waiting, more, None, RetrainOptions())
    assert not before.grown.aside.classes and before.grown.model.classes == (*champion.classes, "far")
    assert before.past.rows.filter(pl.col("y") == "far").height == 4
    assert "far" not in before.past.judges["y"].to_list()
    run = retrained(waiting, more, tmp_path / "more", strategy="replay")
    assert run.promoted
    assert (run.model.predict(with_class(made.table("classes", 40, 7), 40)) == "far").mean() > 0.8


@pytest.mark.parametrize("known", [True, False])
def test_old_rows_of_a_class_that_new_rows_lack_wait(made: ModuleType, known: bool) -> None:
    champion = made.champion("classes", 2)
    old = with_class(made.table("classes", 100, 5), 40 if known else 4)
    before = before_of(champion, made.table("classes", 60, 3), old, RetrainOptions())
    assert not before.grown.aside.classes and before.grown.model.classes == champion.classes
    rows = before.past.rows
    assert rows.height == (60 if known else 96) and "far" not in rows["y"].to_list()
    assert np.isfinite(before.ground().said_old).all()
