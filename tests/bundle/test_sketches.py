"""Sketches count the rows that were not seen, in cells that stand for five training rows at least."""

import json

import numpy as np
import polars as pl
import pytest

from retemper.bundle.memory.cells import Cells, edges_of
from retemper.bundle.memory.sketches import MOST_CLASSES, Grid, Sketches
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.schema import Column, Schema, infer

SECRET = 123456.789


def people(rows: int, seed: int = 0, columns: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    age = draw.normal(40, 9, rows)
    age[0], age[1] = SECRET, -SECRET
    city = draw.choice(["Rome", "Oslo", "Bonn"], rows).astype(object)
    city[:2] = "Tiny Village"
    more = {f"n{k}": draw.normal(size=rows) for k in range(columns)}
    note = [f"word {a:.3f} about {b:.3f} and so on" for a, b in draw.normal(size=(rows, 2))]
    return pl.DataFrame(
        {**more, "age": age, "city": city, "note": note, "y": draw.choice(["no", "yes"], rows)}
    )


def schema_of(frame: pl.DataFrame) -> Schema:
    return infer(read(frame, "y"), DataOptions(target="y", kinds={"note": "text"}))


def sketches_of(train: pl.DataFrame, unseen: pl.DataFrame) -> Sketches:
    draw = np.random.default_rng(1)
    outputs = [np.stack([1 - p, p], axis=1) for p in (draw.random(train.height), draw.random(unseen.height))]
    grid = Grid.fit(train, schema_of(train), outputs[0], np.zeros(train.height))
    return Sketches(grid, grid.tally(unseen, outputs[1], unseen["y"]))


def test_all_rows_are_counted_and_come_back() -> None:
    train, unseen = (
        people(400),
        people(150, 1).with_columns(age=pl.when(pl.col("age") > 45).then(None).otherwise("age")),
    )
    sketches = sketches_of(train, unseen)
    again = Sketches.from_json(json.loads(json.dumps(sketches.to_json())))
    assert again.to_json() == sketches.to_json() and again.grid == sketches.grid
    tally = again.unseen
    names = [cells.name for cells in again.grid.columns]
    assert names == ["age", "city"] and tally.rows == 150
    age, city = tally.columns
    assert age is not None and city is not None
    assert (
        tally.missing == (unseen["age"].null_count(), 0) and age.sum() + tally.missing[0] == 150 == city.sum()
    )
    assert [own.sum() for own in tally.outputs] == [150, 150]
    for counts in (tally.predicted, tally.target, tally.concept):
        assert counts is not None and counts.sum() == 150
    assert tally.target is not None and tally.target[1] == (unseen["y"] == "yes").sum()


def test_no_row_can_be_told_from_it() -> None:
    train = people(400)
    text = json.dumps(sketches_of(train, people(150)).to_json())
    assert "Tiny Village" not in text and "12345" not in text and "word" not in text
    cells = Cells.fit(train["age"], Column("age", "number", 0, 400, ""))
    edges = np.array(cells.edges)
    ages = train["age"].to_numpy()
    assert (ages < edges[0]).sum() >= 5 and (ages >= edges[-1]).sum() >= 5
    assert not set(ages.tolist()) & set(edges.tolist())


def test_it_is_small() -> None:
    assert len(json.dumps(sketches_of(people(3000, columns=30), people(900, columns=30)).to_json())) < 100_000


def test_of_many_classes_only_the_classes_are_counted() -> None:
    names = tuple(f"{k:03d}" for k in range(MOST_CLASSES + 1))
    schema = Schema(
        (Column("a", "number", 0, 9, ""),), Column("y", "category", 0, 51, ""), "classification", names
    )
    outputs = np.random.default_rng(0).random((200, len(names)))
    frame = pl.DataFrame({"a": np.arange(200.0), "y": [names[k % len(names)] for k in range(200)]})
    grid = Grid.fit(frame, schema, outputs, np.zeros(200))
    tally = grid.tally(frame, outputs, frame["y"])
    assert grid.outputs == () and tally.concept is None
    assert tally.predicted is not None and tally.predicted.sum() == 200
    assert tally.target is not None and tally.target[-1] == 0


@pytest.mark.parametrize(
    ("values", "edges"),
    [([1.0] * 9, ()), ([0.0] * 10 + [1.0] * 10, (0.0, 0.5, 1.0)), ([np.inf] * 20, ()), ([7.0] * 50, (7.0,))],
)
def test_edges(values: list[float], edges: tuple[float, ...]) -> None:
    assert edges_of(np.array(values)) == edges
