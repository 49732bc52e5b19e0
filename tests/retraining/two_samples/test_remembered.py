"""Drift against what a model remembers: kept rows where there are enough, else counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.bundle.memory.kept import Kept, tenths_of
from retemper.bundle.memory.record import Memory
from retemper.bundle.memory.sketches import Grid, Sketches
from retemper.bundle.memory.trained import Trained
from retemper.bundle.model import Model, network_of, shape_of
from retemper.bundle.parts import Part
from retemper.core.errors import InputError
from retemper.core.recipe import Recipe
from retemper.data.prepare import Preparer
from retemper.data.read import read
from retemper.data.schema import infer
from retemper.data.target import Target
from retemper.training import losses
from retemper.training.stack import Member, Stack

UNSEEN = 400


def table(rows: int, seed: int, **changes: Any) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    size, city = draw.normal(size=rows), draw.choice(["Rome", "Oslo", "Bonn"], rows, p=[0.6, 0.3, 0.1])
    changed: dict[str, Any] = {"flip": 0.0, "values": False, **changes}
    says = size + (city == "Rome") + 0.7 * draw.normal(size=rows) > 1.1
    says ^= draw.random(rows) < changed["flip"]
    missing = pl.Series(draw.random(rows) < changed.get("gaps", 0.1))
    return pl.DataFrame(
        {
            "size": size + changed.get("shift", 0.0),
            "gaps": pl.Series(draw.normal(size=rows)).set(missing, None),
            "city": np.where(draw.random(rows) < changed.get("new", 0.0), "Lima", city),
            "note": [f"number {k} of {rows}" for k in range(rows)],
            "y": says * 2.0 + size if changed["values"] else np.where(says, "yes", "no"),
        }
    )


def model_of(values: bool) -> Model:
    """A model of one network with random weights, and training rows."""
    frame = table(900, 0, values=values)
    recipe = Recipe().with_changes({"data.target": "y", "data.kinds": {"note": "text"}})
    schema = infer(read(frame, "y"), recipe.data)
    preparer, target = (
        Preparer.fit(frame, schema, recipe.prepare),
        Target.fit(frame["y"], schema, recipe.prepare),
    )
    loss = losses.resolve(recipe.training.loss, target.task, len(target.classes))
    network = {"name": "mlp", "width": 20}
    stack = Stack(
        network_of(network, shape_of(preparer), loss.n_outputs(len(target.classes))), [Member(0, 1e-3)]
    )
    stack.initialise(recipe.training.initialiser.options, seed=0, head_scale=1.0)
    return Model(schema, preparer, target, recipe, (Part(network, stack.buffers["parameters"][0], 1.0),))


def remembering(model: Model, keep: int, sketches: bool = True) -> Model:
    values = model.task == "regression"
    train, unseen = table(900, 0, values=values), table(UNSEEN, 1, values=values)
    y = train["y"].to_numpy() if values else np.zeros(train.height)
    grid = Grid.fit(train, model.schema, model.outputs(train), np.asarray(y, dtype=np.float64))
    tally = grid.tally(unseen, model.outputs(unseen), unseen["y"])
    both = pl.concat([train, unseen])
    kept = Kept(0, tenths_of(y) if values else ()).updated(
        both, np.arange(both.height) >= train.height, 0, keep, model.schema
    )
    memory = Memory(
        Trained(0), kept=kept if keep else None, sketches=Sketches(grid, tally) if sketches else None
    )
    return replace(model, memory=memory)


@pytest.fixture(scope="module", params=[False, True], ids=["classes", "values"])
def model(request: pytest.FixtureRequest) -> Model:
    return model_of(request.param)


CHANGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a number": ({"shift": 1.0}, "numbers", "size"),
    "new levels": ({"new": 0.2}, "new_categories", "city"),
    "missing cells": ({"gaps": 0.4}, "missingness", "gaps"),
    "the target": ({"flip": 1.0}, "concept", "y"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("keep", [0, 600])
def test_a_change_is_seen_where_it_is(model: Model, keep: int, change: str) -> None:
    changes, family, column = CHANGES[change]
    own = remembering(model, keep)
    current = table(300, 2, values=model.task == "regression", **changes)
    found = retemper.drift(own, current)
    assert found.detected and (column, family) in {(c.name, c.family) for c in found.drifted}
    assert found.rows["current"] == 300
    assert (found.rows["reference"] == UNSEEN) == (keep == 0)
    same = retemper.drift(own, table(300, 3, values=model.task == "regression"))
    assert not same.detected and set(same.families) >= {family, "predictions", "prior", "categories"} - {
        "new_categories"
    }


def test_what_counts_cannot_say_is_said(model: Model) -> None:
    current = table(60, 2, values=model.task == "regression").drop("y", "gaps")
    found = retemper.drift(remembering(model, 0), current)
    why = dict(found.not_applicable)
    assert {"mmd", "classifier", "note", "gaps", "prior", "concept", "model"} <= set(why)
    assert "--keep-old" in why["mmd"] and "--keep-old" in why["note"] and "target" in why["prior"]
    assert {column.name for column in found.columns} == {"size", "city"}


def test_too_few_kept_rows_give_way_to_sketches(model: Model) -> None:
    current = table(60, 2, values=model.task == "regression")
    assert retemper.drift(remembering(model, 20), current).rows["reference"] == UNSEEN
    assert retemper.drift(remembering(model, 40, sketches=False), current).rows["reference"] <= 10


def test_a_folder_is_a_reference_and_a_model_without_memory_is_not(model: Model, tmp_path: Path) -> None:
    current = table(60, 2, values=model.task == "regression")
    own = remembering(model, 0)
    assert retemper.drift(own.save(tmp_path), current) == retemper.drift(own, current)
    for refused, code in (((model, current), "no_memory"), ((own, current, 0.05, own), "bad_option")):
        with pytest.raises(InputError) as caught:
            retemper.drift(*refused)
        assert caught.value.code == code


def test_counts_lose_little_against_rows(model: Model) -> None:
    values = model.task == "regression"
    own, current = remembering(model, 0), table(200, 5, values=values, shift=0.5)
    by_rows = retemper.drift(table(UNSEEN, 1, values=values), current, model=model)
    of_rows, of_counts = (
        next(c for c in found.columns if (c.name, c.family) == ("size", "numbers"))
        for found in (by_rows, retemper.drift(own, current))
    )
    assert 0.9 * of_rows.statistic < of_counts.statistic <= of_rows.statistic + 1e-9
