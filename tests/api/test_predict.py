"""Predictions with intervals: the function, the files, the command."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.api.predict import save
from retemper.cli.main import run
from retemper.core.recipe import build
from retemper.evaluation.conformal import Intervals, Quantiles
from retemper.evaluation.decision import Decision
from retemper.evaluation.difficulty import Difficulty
from retemper.evaluation.threshold import Threshold
from retemper.procedure.single import fit_single

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=120)
FRAME = pl.DataFrame({"x": X, "y": 3 * X, "kind": np.where(X > 0.2, "a, b", "c")})
SCORES = Quantiles.of(np.linspace(0, 1, 99))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A regression and a classification with decisions, as bundles."""
    folder = tmp_path_factory.mktemp("models")
    decisions = {
        "y": Decision(intervals=Intervals(SCORES, Difficulty("constant"))),
        "kind": Decision(Threshold(0, 0.9), SCORES),
    }
    for target, decision in decisions.items():
        task = "classification" if target == "kind" else "regression"
        recipe = build(
            {"data": {"target": target, "task": task}, "training": {"epochs": 3}, "model.width": 16}
        )
        model = fit_single(FRAME.select("x", target), recipe)
        replace(model, decision=decision).save(folder / target)
    return folder


def test_intervals_are_asked_for(models):
    plain, found = (retemper.predict(models / "y", FRAME, interval=share) for share in (None, 0.5))
    assert plain.columns == ["prediction"]
    assert found.columns == ["prediction", "prediction_low", "prediction_high"]
    assert np.allclose(found["prediction_high"] - found["prediction_low"], 2 * SCORES.at(0.5))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_sets_in_files(models, tmp_path, ending):
    found = retemper.predict(models / "kind", FRAME, interval=0.9)
    save(found, tmp_path / f"out{ending}", ending)
    again = (pl.read_parquet if ending == ".parquet" else pl.read_csv)(tmp_path / f"out{ending}")
    sets = again["prediction_set"].to_list()
    sets = sets if ending == ".parquet" else [json.loads(cell) for cell in sets]
    assert sets == found["prediction_set"].to_list() and ["a, b", "c"] in [sorted(own) for own in sets]


def test_evaluate_scores_what_predict_says(models):
    called = retemper.predict(models / "kind", FRAME)["prediction"].to_numpy()
    found = retemper.evaluate(models / "kind", FRAME)["metrics"]["test"]
    assert found["accuracy"].value == np.mean(called == FRAME["kind"].to_numpy())


def test_the_command(models, tmp_path, capsys):
    FRAME.write_csv(tmp_path / "t.csv")
    words = [str(models / "y"), str(tmp_path / "t.csv")]
    assert run(["predict", *words, "--interval", "0.8"]) == 0
    assert capsys.readouterr().out.startswith("prediction,prediction_low,prediction_high\n")
    assert run(["predict", *words, "--interval", "0.8", "--json"]) == 0
    (first, *_) = json.loads(capsys.readouterr().out)["predictions"]
    assert first["prediction_low"] < first["prediction"] < first["prediction_high"]
    for share, code in (("1.5", "bad_coverage"), ("0.999", "coverage_too_high")):
        assert run(["predict", *words, "--interval", share, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == code
