"""``retemper registry``, and MODEL as ``name[@version]`` wherever a command takes one."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import retemper as package
from retemper import NetClassifier


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Two models of the columns ``size`` and ``label`` that say the opposite of each other."""
    size = np.linspace(-1, 1, 80)
    network = NetClassifier(hidden_units=8, learning_rate=0.05, epochs=8, random_state=0)
    return [
        network.fit(pl.DataFrame({"size": size}), np.where(side, "yes", "no")).model_.save(
            tmp_path_factory.mktemp("bundle")
        )
        for side in (size > 0, size < 0)
    ]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory of its own, with rows to predict."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETEMPER_REGISTRY", raising=False)
    pl.DataFrame({"size": [-0.9, 0.9]}).write_csv("new.csv")
    return tmp_path


def predicted(answer):
    assert answer.code == 0, answer.err
    return [line.split(",")[0] for line in answer.out.splitlines()[1:]]


def test_a_model_by_its_name(retemper, here, bundles):
    assert retemper("registry", "add", "churn", bundles[0]).out == "Added: churn@1 (in force)\n"
    assert "retemper registry promote churn@2" in retemper("registry", "add", "churn", bundles[1]).out
    assert predicted(retemper("predict", "churn", "new.csv")) == ["no", "yes"]
    assert predicted(retemper("predict", "churn@2", "new.csv")) == ["yes", "no"]
    assert "churn@2 instead of version 1" in retemper("registry", "promote", "churn@2").out
    assert predicted(retemper("predict", "churn", "new.csv")) == ["yes", "no"]
    assert retemper("registry", "rollback", "churn", "--quiet").out == "churn@1\n"
    assert package.load("churn").predict(pl.read_csv("new.csv")).tolist() == ["no", "yes"]
    assert (here / "registry" / "churn" / "versions" / "2" / "model" / "bundle.json").is_file()


def test_evaluate_and_add_take_a_name_too(retemper, here, bundles):
    retemper("registry", "add", "churn", bundles[0])
    target = json.loads((bundles[0] / "bundle.json").read_text())["target"]["name"]
    pl.DataFrame({"size": [-0.9, 0.9] * 5, target: ["no", "yes"] * 5}).write_csv("labelled.csv")
    scores = retemper("evaluate", "churn@1", "labelled.csv", "--json").document("evaluate")
    assert scores["metrics"]["test"]["accuracy"]["value"] == 1
    assert retemper("registry", "add", "stable", "churn@1").code == 0
    assert retemper("registry", "add", "copy", "churn@1", "--registry", "elsewhere").code == 2
    assert predicted(retemper("predict", "stable", "new.csv")) == ["no", "yes"]


def test_a_folder_that_holds_a_model_comes_first(retemper, here, bundles):
    retemper("registry", "add", "churn", bundles[0])
    (here / "churn").mkdir()  # anything of this name
    assert predicted(retemper("predict", "churn", "new.csv")) == ["no", "yes"]
    package.load(bundles[1]).save(here / "churn")
    assert predicted(retemper("predict", "churn", "new.csv")) == ["yes", "no"]
    assert predicted(retemper("predict", "churn@1", "new.csv")) == ["no", "yes"]


def test_the_registry_is_named_or_told_by_the_environment(retemper, here, bundles, monkeypatch):
    retemper("registry", "add", "churn", bundles[0], "--registry", "shared/models")
    assert not (here / "registry").exists()
    assert retemper("predict", "churn", "new.csv").code == 2
    monkeypatch.setenv("RETEMPER_REGISTRY", str(here / "shared" / "models"))
    assert predicted(retemper("predict", "churn", "new.csv")) == ["no", "yes"]
    assert retemper("registry", "list", "--registry", "other", "--json").document("registry")["models"] == []


def test_one_document(retemper, here, bundles):
    added = json.loads(retemper("registry", "add", "churn", bundles[0], "--note", "May", "--json").out)
    assert (added["name"], added["version"], added["in_force"], added["note"]) == ("churn", 1, True, "May")
    retemper("registry", "add", "churn", bundles[1])
    changed = json.loads(retemper("registry", "promote", "churn@2", "--reason", "why", "--json").out)
    assert (changed["action"], changed["version"], changed["before"], changed["reason"]) == (
        "promote",
        2,
        1,
        "why",
    )
    assert json.loads(retemper("registry", "rollback", "churn", "--json").out)["version"] == 1
    (model,) = retemper("registry", "list", "--json").document("registry")["models"]
    assert (model["name"], model["in_force"], model["before"]) == ("churn", 1, 2)
    assert [own["version"] for own in model["versions"]] == [1, 2] and len(model["changes"]) == 3
    document = retemper("registry", "list", "churn", "--out", "life.html", "--json").document("registry")
    assert document["page"] == "life.html" and "Version 1 is in force" in (here / "life.html").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("predict", "chrun", "new.csv"), "no_model"),
        (("predict", "chrun@1", "new.csv"), "no_model"),
        (("predict", "churn@7", "new.csv"), "unknown_version"),
        (("predict", "nowhere/at/all", "new.csv"), "no_model"),
        (("registry", "list", "chrun"), "unknown_model"),
        (("registry", "list", "churn", "--out", "page.txt"), "bad_option"),
        (("registry", "list", "--out", "page.html"), "missing_argument"),
        (("registry", "add", "a/b", "runs/none"), "bad_name"),
        (("registry", "add", "runs/a", "churn"), "bad_name"),
        (("registry", "add", "churn", "runs/none"), "no_model"),
        (("registry", "add", "é", "churn"), "bad_name"),
        (("registry", "promote", "churn"), "missing_argument"),
        (("registry", "promote", "churn@x"), "bad_version"),
        (("registry", "promote", "churn@9"), "unknown_version"),
        (("registry", "rollback", "churn"), "nothing_before"),
        (("registry", "rollback", "churn@1"), "bad_name"),
        (("registry", "remove", "churn"), "bad_option"),
        (("registry", "add", "churn", "churn", "--registry", "new.csv"), "cannot_read"),
    ],
)
def test_mistakes_are_told(retemper, here, bundles, words, code):
    retemper("registry", "add", "churn", bundles[0])
    answer = retemper(*words, "--json")
    error = answer.document("error")["error"]
    assert (answer.code, error["code"]) == (2, code) and error["try"]
    assert "chrun" not in str(words) or "churn" in error["message"]


def test_tables_for_a_person(retemper, here, bundles):
    assert "holds no model yet" in retemper("registry", "list").out
    for bundle in bundles:
        retemper("registry", "add", "churn", bundle, "--note", "from [May]")
    assert "churn" in retemper("registry", "list").out.splitlines()[2]
    shown = retemper("registry", "list", "churn").out
    assert shown.count("from [May]") == 2 and shown.count("in force") == 1
