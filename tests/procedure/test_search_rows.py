"""The step of a search: which rows judge, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import polars as pl

from retemper.procedure import search

RATE = "training.optimizer.learning_rate"
TUNE: dict[str, Any] = {"tune.folds": 2, "tune.repeats": 2, "tune.epochs": 1, "tune.widenings": 0}


def test_older_rows_are_not_judged_by_networks_of_newer_ones(bench: Any, tables: Any) -> None:
    desk, state = bench(
        tables.prices(200),
        "price",
        TUNE | {"data.time": "day", "tune.space": {RATE: [0.001, 0.01]}, "tune.sampler": "grid"},
    )
    assert state.splits.method == "time"
    found, step = desk.do(search, state)
    assert found.folds is None and found.recipe.tune.folds == 0
    assert [set(trial["folds"]) for trial in step.evidence["trials"]] == [{-1}, {-1}]
    assert "the validation rows judge" in step.message


def test_a_grid_that_is_cut_short_is_told(bench: Any) -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"a": draw.normal(size=150), "y": draw.normal(size=150)})
    space = {RATE: [0.001, 0.01], "batch_size": [32, 64]}
    changes = TUNE | {"tune.repeats": 1, "tune.space": space, "tune.sampler": "grid", "tune.trials": 3}
    desk, state = bench(frame, "y", changes)
    found, step = desk.do(search, state)
    assert "Of the grid's 4 settings tune.trials=3 leaves the first" in step.message
    assert found.recipe.tune.folds == 2 and len(step.evidence["trials"]) == 3
    desk, state = bench(frame, "y", changes | {"tune.trials": 64})
    _, step = desk.do(search, state)
    assert len(step.evidence["trials"]) == 4 and "grid's" not in step.message


def test_a_list_without_a_space_spans_one(bench: Any, tables: Any) -> None:
    settings = [{RATE: 0.001 * 2**k, "model.width": 8} for k in range(3)]
    sampler = {"name": "listed", "settings": [*settings, {"model.width": 16}]}
    changes = TUNE | {"tune.repeats": 1, "tune.sampler": sampler}
    desk, state = bench(tables.two_classes(150), "y", changes)
    _, step = desk.do(search, state)
    assert step.evidence["space"].keys() == {RATE, "model.width"}
    assert {len(trial["values"]) for trial in step.evidence["trials"]} == {1, 2}
    desk.book.aside.wait()
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{desk.book.folder.path / 'trials.db'}")
    widths = [trial.distributions["model.width"] for trial in study.trials]
    assert widths == [optuna.distributions.CategoricalDistribution((8, 16))] * 4
