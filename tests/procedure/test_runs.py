"""Whole runs: what they leave behind is what the contract promises and what the model does."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.metrics import log_loss, root_mean_squared_error

from retemper.core.recipe import build
from retemper.data.read import append, read
from retemper.data.schema import infer
from retemper.data.split import split
from retemper.procedure.sequence import STEPS

SCHEMA = json.loads((Path(__file__).parents[1] / "contract" / "result.schema.json").read_text())


@pytest.fixture(scope="session")
def group_run(tmp_path_factory, run_all, tables, slow):
    changes = {"data.group": "home", "procedure.skip": slow}
    return run_all(tmp_path_factory.mktemp("group") / "run", tables.three_classes(), "y", changes)


@pytest.fixture(scope="session")
def time_run(tmp_path_factory, run_all, tables):
    return run_all(tmp_path_factory.mktemp("time") / "run", tables.prices(), "price", {"data.time": "day"})


@pytest.fixture(scope="session")
def own_test_run(tmp_path_factory, run_all, tables, slow):
    frame, test = tables.two_classes(), tables.two_classes(60, seed=1)
    place = tmp_path_factory.mktemp("own") / "run"
    return run_all(place, frame, "y", {"procedure.skip": slow}, test=test)


@pytest.fixture(params=["classes_run", "group_run", "time_run", "own_test_run"])
def done(request):
    return request.getfixturevalue(request.param)


def test_result_is_valid_by_the_contract(done):
    jsonschema.validate(done.result, SCHEMA)
    assert json.loads((done.path / "result.json").read_text()) == done.result
    assert [step["name"] for step in done.result["steps"]] == list(STEPS)


def test_every_step_says_something(done):
    for step in done.result["steps"]:
        assert step["message"].endswith(".") and len(step["message"]) > 20
        assert step["verdict"] == "skipped" or step["evidence"]
        for word in ("nan", "inf ", "None", "{", "np."):
            assert word not in step["message"], step["message"]


def test_the_test_is_read_once(done):
    assert done.step("test_once")["evidence"]["read"] == 1
    reads = [event for event in done.log() if event["event"] == "test_read"]
    assert [event["rows"] for event in reads] == [done.result["rows"]["test"]]
    assert done.step("test_once")["evidence"]["rows"] == done.result["rows"]["test"]


def test_the_recipe_comes_back_from_its_yaml(done):
    tree = yaml.safe_load((done.path / "recipe.yaml").read_text())
    assert build(tree).model_dump(mode="json") == tree
    assert build(done.result["recipe"]).model_dump(mode="json") == done.result["recipe"]


def test_report_and_study_are_written(done):
    assert (done.path / "report.html").stat().st_size > 10_000
    assert (done.path / "trials.db").stat().st_size > 0
    assert {path.stem for path in (done.path / "history").iterdir()} >= {"search_coarse", "train_long"}


def rows_of(done, frame, test=None):
    """The test rows, found again from the run's recipe."""
    table = read(frame, done.result["target"])
    own = 0 if test is None else test.height
    if own:
        table = append(table, read(test, done.result["target"]))
    recipe = build(yaml.safe_load((done.path / "recipe.yaml").read_text()))
    splits = split(table, infer(table, recipe.data), recipe.split, recipe.seed, own)
    return table.frame[splits.open_test()]


def test_the_bundle_predicts_what_the_metrics_say_of_classes(classes_run, tables):
    rows = rows_of(classes_run, tables.two_classes())
    p = classes_run.model.predict_proba(rows)
    measured = log_loss(rows["y"].to_list(), p, labels=["no", "yes"], sample_weight=rows["cost"].to_list())
    assert measured == pytest.approx(classes_run.result["metrics"]["test"]["log_loss"]["value"], abs=1e-7)


def test_the_bundle_predicts_what_the_metrics_say_of_values(time_run, tables):
    rows = rows_of(time_run, tables.prices())
    newest = tables.prices()["day"].top_k(rows.height).cast(pl.Datetime("us"))
    assert set(rows["day"]) == set(newest)
    measured = root_mean_squared_error(rows["price"].to_numpy(), time_run.model.predict(rows))
    assert measured == pytest.approx(time_run.result["metrics"]["test"]["rmse"]["value"], rel=1e-6)


def test_the_bundle_predicts_what_the_metrics_say_of_a_test_file(own_test_run, tables):
    test = tables.two_classes(60, seed=1)
    rows = rows_of(own_test_run, tables.two_classes(), test)
    assert rows.equals(test)
    accuracy = float(np.mean(own_test_run.model.predict(test) == test["y"].to_numpy()))
    assert accuracy == pytest.approx(own_test_run.result["metrics"]["test"]["accuracy"]["value"])
