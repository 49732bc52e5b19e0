"""The Python functions on frames of every kind, and the package's own front."""

import json

import numpy as np
import polars as pl
import pytest

import retemper
from retemper.core.errors import InputError
from retemper.core.records import Score

TINY = {
    "search.trials": 4,
    "training.epochs": 3,
    "procedure.members": 2,
    "procedure.nested_rows": 0,
    "procedure.skip": ["overfit_sample"],
}
DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(200, 3))
FRAME = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": np.where(X[:, 2] > 0, "up", "down")}).with_columns(
    y=pl.Series(np.where(X[:, 0] + (X[:, 2] > 0) > 0.5, 1, 0)), price=pl.Series(X[:, 0] * 3 + X[:, 1])
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("api") / "run"
    return retemper.train(FRAME.drop("price"), target="y", out=out, preset="quick", set=TINY)


def test_every_public_name_is_there():
    for name in retemper.__all__:
        assert getattr(retemper, name).__name__ == name
    assert retemper.__version__
    assert set(retemper.__all__) <= set(dir(retemper))
    with pytest.raises(AttributeError, match="tarin"):
        retemper.tarin  # noqa: B018


def test_report_stays_a_function_after_its_subpackage_is_imported():
    import retemper.report.write

    assert callable(retemper.report)


def test_a_run_has_its_model_its_metrics_and_its_result(run):
    assert isinstance(run.metrics["log_loss"], Score)
    assert run.result == json.loads((run.folder / "result.json").read_text())
    prediction = run.model.predict(FRAME)
    assert isinstance(prediction, np.ndarray)
    assert set(prediction.tolist()) <= {0, 1}, "the target's own labels"
    assert np.allclose(run.model.predict_proba(FRAME).sum(axis=1), 1)


def test_a_saved_model_predicts_the_same(run, tmp_path):
    run.model.save(tmp_path / "bundle")
    for model in (retemper.load(tmp_path / "bundle"), retemper.load(run.folder)):
        assert np.array_equal(model.predict_proba(FRAME), run.model.predict_proba(FRAME))


def test_predict_and_evaluate_take_models_and_paths_frames_and_files(run, tmp_path):
    FRAME.write_parquet(tmp_path / "t.parquet")
    first = retemper.predict(run.model, FRAME)
    assert first.columns == ["prediction", "probability_0", "probability_1"]
    assert retemper.predict(run.folder, tmp_path / "t.parquet").equals(first)
    assert retemper.predict(run.model, FRAME.to_pandas()).equals(first)
    found = retemper.evaluate(run.model, FRAME)
    assert found["rows"] == {"test": 200}
    assert found == retemper.evaluate(run.folder, FRAME.to_pandas())


def test_evaluate_needs_the_target(run):
    with pytest.raises(InputError) as caught:
        retemper.evaluate(run.model, FRAME.drop("y"))
    assert caught.value.code == "missing_target"
    assert "--target" not in caught.value.hint, "evaluate has no such option"


def test_a_pair_of_arrays_and_a_regression(tmp_path):
    run = retemper.train((X, FRAME["price"].to_numpy()), out=tmp_path / "run", preset="quick", set=TINY)
    assert run.result["target"] == "y"
    assert set(run.metrics) == {"rmse", "mae", "r2"}
    assert run.model.predict(X).dtype.kind == "f"
    assert retemper.predict(run.model, X).columns == ["prediction"]


def test_the_seed_alone_fixes_the_result(run, tmp_path):
    again = retemper.train(FRAME.drop("price"), target="y", out=tmp_path / "run", preset="quick", set=TINY)
    assert np.array_equal(again.model.predict_proba(FRAME), run.model.predict_proba(FRAME))
    assert again.metrics == run.metrics


def test_mistakes_are_input_errors(tmp_path):
    for call in (
        lambda: retemper.train(FRAME, "y", timelimit=3),
        lambda: retemper.train(FRAME, "yy"),
        lambda: retemper.train(FRAME),
        lambda: retemper.train(FRAME, "y", set={"training.epoch": 3}),
        lambda: retemper.train(FRAME, "y", out=tmp_path / "r", recipe={"data": {"weight": "nope"}}),
        lambda: retemper.load(tmp_path),
        lambda: retemper.report(tmp_path),
        lambda: retemper.resume(tmp_path),
    ):
        with pytest.raises(InputError):
            call()
    assert not (tmp_path / "r").exists()


def test_check_returns_findings():
    codes = [finding.code for finding in retemper.check(FRAME.with_columns(k=pl.lit("z")), "y").findings]
    assert "constant_column" in codes


@pytest.mark.parametrize("begun", [True, False])
def test_what_may_be_resumed_is_not_deleted(tmp_path, monkeypatch, begun):
    """A worker that is lost in the very first training says to resume the run; bad data leave no folder."""

    def lost(table, recipe, folder, *rest):
        if begun:
            folder.jobs.mkdir()
        raise InputError("worker_lost", "A training process was ended.", None, "Resume the run.")

    monkeypatch.setattr("retemper.procedure.sequence.run", lost)
    with pytest.raises(InputError, match="was ended"):
        retemper.train(FRAME, target="y", out=tmp_path / "run", set={"workers": 1})
    assert (tmp_path / "run" / "checkpoints" / "run.json").exists() == begun
    assert (tmp_path / "run").exists() == begun
