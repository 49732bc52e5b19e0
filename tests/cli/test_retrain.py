"""``retemper retrain``: one document, one exit code, a RUN that is a MODEL."""

import json

import polars as pl
import pytest


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A folder with a saved champion, new rows and old ones."""
    monkeypatch.chdir(tmp_path)
    made.champion("classes").save(tmp_path / "champion")
    made.table("classes", 100, 2, turned=True).write_csv("new.csv")
    made.table("classes", 120, 5).write_csv("old.csv")
    return tmp_path


def test_one_document_and_a_run_that_is_a_model(retemper, place):
    words = ["retrain", "champion", "new.csv", "--old", "old.csv", "--out", "run", "--strategy", "warm_start"]
    answer = retemper(*words, "--set", "folds=3", "--keep-old", "40", "--json")
    assert answer.code == 0
    decision = answer.document("decision")
    assert decision == json.loads((place / "run" / "decision.json").read_text())
    assert decision["champion"] == "champion" and decision["challenger"] == "run/model"
    predicted = retemper("predict", "run", "new.csv", "--out", "said.csv")
    assert predicted.code == 0 and pl.read_csv("said.csv").height == 100
    assert retemper("report", "run").code == 0
    again = retemper(*words)
    assert again.code == 2 and "run" in again.err


def test_without_json_a_sentence_and_a_table(retemper, place):
    answer = retemper(
        "retrain", "champion", "new.csv", "--out", "run", "--strategy", "new_head", "--gate", "strict"
    )
    assert answer.code == 0
    assert "The ch" in answer.out and "new_head" in answer.out and "report.html" in answer.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--strategy", "relpay"], "unknown_strategy"),
        (["--gate", "loose"], "bad_retrain_option"),
        (["--old", "nowhere.csv"], "no_such_file"),
        (["--set", "fold=3"], "bad_retrain_option"),
    ],
)
def test_mistakes_are_one_document_too(retemper, place, words, code):
    answer = retemper("retrain", "champion", "new.csv", "--out", "run", "--json", *words)
    assert answer.code == 2
    assert answer.document("error")["error"]["code"] == code
    assert not (place / "run").exists()
    if code == "unknown_strategy":
        assert "replay" in answer.document("error")["error"]["message"]


def test_promotion_in_the_registry(retemper, place, monkeypatch):
    monkeypatch.setenv("RETEMPER_REGISTRY", str(place / "registry"))
    assert retemper("registry", "add", "shop", "champion").code == 0
    answer = retemper("retrain", "shop", "new.csv", "--out", "run", "--json")
    decision = answer.document("decision")
    assert answer.code == 0 and decision["champion"] == "shop@1" and decision["promoted"]
    life = json.loads(retemper("registry", "list", "shop", "--json").out)
    text = json.dumps(life)
    assert decision["gate"]["reason"] in text
    (_, second) = life["models"][0]["versions"]
    new = decision["data"]["new"]
    assert new["path"] == str(place / "new.csv") and len(new["sha256"]) == 64
    assert (second["data"]["source"], second["data"]["sha256"]) == (new["path"], new["sha256"])
    assert second["data"]["rows"]["train"] > 0 and second["metrics"]["log_loss"]["low"] is not None
    assert decision["data"]["old"] is None
