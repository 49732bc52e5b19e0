"""What a retraining tells of drift: columns then and now, since when, and all of it by sketches too."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.bundle.grown import grown
from retemper.bundle.memory.sketches import Grid, Sketches
from retemper.core.drift_records import ColumnDrift, Drift
from retemper.retraining.before import Before, drift_of
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import OldRows, Past
from retemper.retraining.pictures import BINS, MOST_LEVELS, OTHERS, pictures_of
from retemper.retraining.since import since_when

from .made import champion, table


def drifted(*names: str) -> Drift:
    columns = tuple(ColumnDrift(name, "test", 1.0, 1e-9, 1e-6, "family") for name in names)
    return Drift(True, 1e-6, 0.05, columns=columns)


def moved(rows: int, seed: int, target: str = "classes") -> pl.DataFrame:
    """More of ``u``, and every p one higher."""
    frame = table(target, rows, seed)
    some = pl.int_range(pl.len()) % 2 == 0
    return frame.with_columns(p=pl.col("p") + 1, kind=pl.when(some).then(pl.lit("u")).otherwise("kind"))


def sketches_of(target: str = "classes") -> Sketches:
    model, train, unseen = champion(target), table(target, 300, 1), table(target, 400, 8)
    y = train["y"].to_numpy() if target == "numbers" else np.zeros(train.height)
    grid = Grid.fit(train, model.schema, model.outputs(train), np.asarray(y, dtype=np.float64))
    return Sketches(grid, grid.tally(unseen, model.outputs(unseen), unseen["y"]))


def before_of(new: pl.DataFrame, old: pl.DataFrame | None, sketches: bool = False) -> Before:
    model = champion("classes")
    if sketches:
        model = replace(model, memory=replace(model.memory, sketches=sketches_of()))
    past = Past.none(new) if old is None else Past.of(OldRows(old, np.zeros(old.height, dtype=bool)), 0)
    return Before(model, grown(model, new), new, past, RetrainOptions())


@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_rows_are_drawn_as_they_are(target):
    then, now = table(target, 400, 2), moved(100, 3, target)
    p, kind, y = pictures_of(drifted("p", "kind", "y"), then, now, champion(target))
    assert (p["name"], p["kind"], len(p["edges"])) == ("p", "number", BINS + 1)
    assert sum(p["then"]) == 400 and sum(p["now"]) == 100
    assert p["edges"][0] == min(then["p"].min(), now["p"].min())
    inside = then.filter((pl.col("p") >= p["edges"][3]) & (pl.col("p") < p["edges"][4])).height
    assert p["then"][3] == inside
    assert kind["kind"] == "category"
    assert dict(zip(kind["levels"], kind["now"], strict=True)) == dict(now["kind"].value_counts().iter_rows())
    assert y["kind"] == ("number" if target == "numbers" else "category")


@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_sketches_are_drawn_in_bins_of_about_as_many_rows(target):
    now = moved(100, 3, target)
    p, kind, y = pictures_of(drifted("p", "kind", "y"), sketches_of(target), now, champion(target))
    assert p["edges"][0] is None and p["edges"][-1] is None and p["edges"][1:-1] == sorted(p["edges"][1:-1])
    assert len(p["then"]) == len(p["edges"]) - 1 <= BINS
    assert sum(p["then"]) == 400 and sum(p["now"]) == 100
    middle = p["edges"][len(p["edges"]) // 2]
    assert sum(p["now"][: len(p["edges"]) // 2]) == (now["p"] < middle).sum()
    assert dict(zip(kind["levels"], kind["now"], strict=True))["u"] == (now["kind"] == "u").sum()
    assert sum(y["now"]) == 100


def test_rare_levels_are_one_and_few_values_have_a_bin_each():
    levels = np.repeat([f"k{k:02}" for k in range(30)], np.arange(30, 0, -1))
    then = table("classes", 400, 2).with_columns(p=pl.int_range(pl.len()) % 3)
    then = then.with_columns(kind=pl.Series(levels[np.arange(400) % len(levels)]))
    p, kind = pictures_of(drifted("p", "kind"), then, then.head(90), champion("classes"))
    assert p["edges"] == [-0.5, 0.5, 1.5, 2.5] and p["now"] == [30, 30, 30]
    assert len(kind["levels"]) == MOST_LEVELS + 1 and kind["levels"][-1] == OTHERS
    assert sum(kind["then"]) == 400 and sum(kind["now"]) == 90


def test_what_is_no_column_of_both_sides_is_not_drawn():
    then, now = table("classes", 50, 2), table("classes", 50, 3).drop("y")
    assert pictures_of(drifted("probability_low", "y", "p"), then, now, champion("classes"))[0]["name"] == "p"


def test_a_change_within_the_new_rows_is_found():
    new = pl.concat([table("classes", 250, 2), moved(150, 3)])
    found = since_when(drifted("p", "kind"), new, champion("classes"), 0)
    assert abs(found.row - 250) < 25 and found.rows == 400
    assert next(iter(found.columns)) == "p"
    assert since_when(drifted("p"), moved(300, 4), champion("classes"), 0) is None
    assert since_when(replace(drifted("p"), detected=False), new, champion("classes"), 0) is None
    assert since_when(drifted("p"), new.tail(99), champion("classes"), 0) is None
    assert since_when(drifted("y"), new, champion("classes"), 0) is None


def test_rows_are_put_in_the_order_of_time():
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2021, 2, 3), eager=True)
    new = (
        pl.concat([table("classes", 250, 2), moved(150, 3)])
        .with_columns(day=days)
        .sample(fraction=1, shuffle=True, seed=1)
    )
    model = champion("classes")
    model = replace(model, schema=replace(model.schema, time="day"))
    found = since_when(drifted("p"), new, model, 0)
    assert abs(found.row - 250) < 25 and found.when == str(days[found.row])


def test_drift_against_old_rows_is_drawn_and_dated():
    found = drift_of(
        before_of(pl.concat([table("classes", 250, 2), moved(150, 3)]), table("classes", 300, 4))
    )
    assert found.detected and found.change_point is not None
    assert {picture["name"] for picture in found.pictures} >= {"p"}
    told = found.to_json()
    assert told["change_point"]["row"] == found.change_point.row and told["pictures"][0]["then"]


def test_without_old_rows_sketches_tell_of_drift():
    found = drift_of(before_of(moved(200, 3), None, sketches=True))
    assert found.detected and found.rows == {"reference": 400, "current": 200}
    assert found.pictures[0]["name"] == "p" and found.pictures[0]["edges"][0] is None
    assert found.change_point is None
    unmoved = drift_of(before_of(table("classes", 200, 3), None, sketches=True))
    assert not unmoved.detected and unmoved.pictures == ()


@pytest.mark.parametrize(("source", "rows"), [("kept", 400), ("given", 30)])
def test_counts_of_many_rows_tell_more_than_a_few_kept_ones(source, rows):
    before = before_of(moved(200, 3), table("classes", 30, 4), sketches=True)
    few = replace(before.past, source=source, reference=table("classes", 30, 4))
    assert drift_of(replace(before, past=few)).rows["reference"] == rows


def test_without_old_rows_and_sketches_there_is_nothing_to_compare():
    found = drift_of(before_of(moved(200, 3), None))
    assert found.p_value is None and dict(found.not_applicable)["rows"]
