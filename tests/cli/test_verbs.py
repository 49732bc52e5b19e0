"""What each verb prints and writes when all is well."""

import csv
import gzip
import io
import json
import signal
from pathlib import Path

import polars as pl
import pytest

from retemper.api.start import save_start
from retemper.core import interrupt
from retemper.core.run_folder import RunFolder

STEPS = [
    "data_check", "baselines", "initial_loss", "overfit_sample", "input_blind", "learning_rate_range",
    "search_coarse", "search_refine", "train_long", "read_curves", "ensemble", "calibrate", "test_once",
]  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_check_shows_the_kinds_and_the_findings(retemper, table):
    answer = retemper("check", table, "--target", "label")
    assert answer.code == 0
    assert "colour" in answer.out and "category" in answer.out
    assert "missing_values" in answer.out
    document = retemper("check", table, "--target", "label", "--json").document("findings")
    assert "missing_values" in [finding["code"] for finding in document["findings"]]


def test_check_without_a_target(retemper, table):
    document = retemper("check", table, "--json").document("findings")
    assert document["not_applicable"], "what needs a target can't be judged, and says so"


def test_check_fails_on_request_only(retemper, table):
    assert retemper("check", table).code == 0
    assert retemper("check", table, "--fail-on", "advice").code == 3
    assert retemper("check", table, "--fail-on", "error", "--quiet").code == 0
    answer = retemper("check", table, "--fail-on", "advice", "--json")
    assert answer.code == 3
    answer.document("findings")


def test_train_leaves_a_whole_run(trained):
    names = {path.name for path in trained.iterdir()}
    assert {
        "recipe.yaml",
        "result.json",
        "history",
        "checkpoints",
        "model",
        "report.html",
        "log.jsonl",
    } <= names
    assert not [path for path in trained.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".joblib")]


def test_train_shows_each_step_and_ends_with_the_test_metrics(trained):
    shown = (trained.parent / "shown").read_text()
    places = [shown.index(f" {step} ") for step in STEPS]
    assert places == sorted(places)
    last = shown.split("test_once")[-1]
    assert "log_loss" in last and "gradient boosting" in last
    assert shown.splitlines()[-1] == f"Report: {trained / 'report.html'}"


def test_set_beats_recipe_beats_preset(trained):
    recipe = (trained / "recipe.yaml").read_text()
    assert "epochs: 3\n" in recipe, "--set"
    assert "batch_size: 33\n" in recipe, "--recipe"
    assert "patience_epochs: 6\n" in recipe, "--preset"


def test_predict_notes_what_the_model_has_not_learnt(retemper, trained):
    strange = {"size": [1.0, 0.5, None], "age": [30, 40, None], "colour": ["pink", "pink", None]}
    pl.DataFrame(strange).write_csv("strange.csv")
    levels = "'colour' has 2 cells of a level that the model has not learnt, the first 'pink' in row 1"
    empty = "1 row has no cell that the model reads, the first row 3"
    answer = retemper("predict", trained, "strange.csv")
    assert answer.err == f"note: {levels}; {empty}\n" and len(answer.out.splitlines()) == 4
    assert retemper("predict", trained, "strange.csv", "--quiet").err == ""
    answer = retemper("predict", trained, "strange.csv", "--json")
    told = json.loads(answer.out)["unlearnt"]
    assert answer.err == "" and told["empty_rows"] == 1 and told["first_empty_row"] == 3
    assert told["unknown_levels"] == [{"column": "colour", "cells": 2, "level": "pink", "row": 1}]
    pl.DataFrame({name: cells[:1] for name, cells in strange.items()} | {"colour": ["red"]}).write_csv(
        "known.csv"
    )
    answer = retemper("predict", trained, "known.csv")
    assert answer.err == "" and answer.code == 0


def test_train_prints_result_json_of_an_own_test_file_and_nothing_else(retemper, table, tiny):
    pl.read_csv(table).head(50).write_csv("own.csv")
    words = ("train", table, "--target", "label", "--out", "run", "--test", "own.csv", "--seed", 7, "--json")
    document = retemper(*words, *tiny).document("result")
    assert document == json.loads(Path("run/result.json").read_text())
    assert [step["name"] for step in document["steps"]] == STEPS
    assert document["seed"] == 7
    assert document["rows"]["test"] == 50
    assert sum(document["rows"].values()) == 290


def test_predict_gives_one_row_for_each_row(retemper, trained, table):
    answer = retemper("predict", trained, table)
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert len(rows) == 240
    assert set(rows[0]) == {"prediction", "probability_no", "probability_yes"}
    assert {row["prediction"] for row in rows} <= {"no", "yes"}
    assert retemper("predict", trained / "model", table).out == answer.out, "a bundle is a model too"


def test_predict_writes_files(retemper, trained, table):
    plain = retemper("predict", trained, table).out
    for name in ("p.csv", "p.csv.gz", "p.parquet"):
        assert retemper("predict", trained, table, "--out", name).code == 0
    assert Path("p.csv").read_text() == plain
    assert gzip.decompress(Path("p.csv.gz").read_bytes()).decode() == plain
    assert pl.read_parquet("p.parquet").height == 240


def test_predict_as_json(retemper, trained, table):
    document = json.loads(retemper("predict", trained, table, "--json").out)
    assert document["rows"] == len(document["predictions"]) == 240
    document = json.loads(retemper("predict", trained, table, "--json", "--out", "p.csv").out)
    known = {"unknown_levels": [], "empty_rows": 0, "first_empty_row": 0}
    assert document == {"rows": 240, "out": "p.csv", "unlearnt": known}


def test_evaluate_scores_with_intervals(retemper, trained, table):
    document = retemper("evaluate", trained, table, "--json").document("evaluate")
    assert document["rows"] == {"test": 240}
    score = document["metrics"]["test"]["accuracy"]
    assert score["low"] <= score["value"] <= score["high"]
    assert "accuracy" in retemper("evaluate", trained, table).out


def test_the_seed_of_evaluate_moves_the_interval_only(retemper, trained, table):
    first, second = (
        retemper("evaluate", trained, table, "--json", "--seed", s).document("evaluate") for s in (1, 2)
    )
    first, second = first["metrics"]["test"]["log_loss"], second["metrics"]["test"]["log_loss"]
    assert first["value"] == second["value"] and first["low"] != second["low"]


def test_report_is_written_anew(retemper, trained):
    page = trained / "report.html"
    page.unlink()
    assert json.loads(retemper("report", trained, "--json").out) == {"report": str(page)}
    assert page.stat().st_size > 0


def test_a_run_in_use_is_refused(retemper, table):
    with RunFolder.create("run", "x"):
        answer = retemper("train", table, "--target", "label", "--out", "run", "--json")
    assert (answer.code, answer.document("error")["error"]["code"]) == (2, "run_in_use")


def test_a_stop_is_saved_and_says_how_to_go_on(retemper, table, tiny, monkeypatch):
    """The signal comes in the middle of the run; the run stops at its next safe place."""
    asked = []
    check = interrupt.check

    def counted():
        asked.append(1)
        if len(asked) == 3:
            signal.raise_signal(signal.SIGTERM)
        check()

    monkeypatch.setattr(interrupt, "check", counted)
    answer = retemper("train", table, "--target", "label", "--out", "run", "--json", "--quiet", *tiny)
    error = answer.document("error")["error"]
    assert (answer.code, error["code"]) == (130, "interrupted")
    assert error["try"].endswith("retemper train --resume run")
    monkeypatch.setattr(interrupt, "check", check)
    assert retemper("train", "--resume", "run", "--json").document("result")["rows"]["test"] > 0


def test_a_stop_before_the_first_step_is_saved_too(retemper, table, tiny, monkeypatch):
    def saved(*arguments):
        start = save_start(*arguments)
        signal.raise_signal(signal.SIGTERM)
        return start

    monkeypatch.setattr("retemper.api.train.save_start", saved)
    answer = retemper("train", table, "--target", "label", "--out", "run", "--json", "--quiet", *tiny)
    error = answer.document("error")["error"]
    assert (answer.code, error["code"]) == (130, "interrupted")
    assert error["try"].endswith("retemper train --resume run")
