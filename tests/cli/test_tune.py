"""``tune``: what it prints and writes holds by the contract of every run."""

import json

import pytest

from retemper.procedure.sequence import STEPS

from .conftest import small_table

SPACE = "learning_rate: [0.01, 0.001]\nwidth: [8, 16]\n"


@pytest.fixture(scope="module", params=["classes", "values"])
def tune(request, tmp_path_factory):
    """The words of a search on a small table, of two classes or of values, and its folder."""
    target = {"classes": "label", "values": "size"}[request.param]
    place = tmp_path_factory.mktemp("tune")
    small_table().write_csv(place / "table.csv")
    (place / "space.yaml").write_text(SPACE)
    words = ["tune", place / "table.csv", "--target", target, "--space", place / "space.yaml"]
    settings = ["tune.epochs=2", "procedure.bootstrap=100", "workers=1"]
    words += [word for setting in settings for word in ("--set", setting)]
    return [*words, "--out", place / "run"], place / "run"


def test_the_result_is_that_of_every_run(retemper, tune):
    words, run = tune
    result = retemper(*words, "--sampler", "grid", "--folds", 2, "--seed", 3, "--json").document("result")
    assert result == json.loads((run / "result.json").read_text())
    steps = {step["name"]: step for step in result["steps"]}
    assert list(steps) == list(STEPS)
    made = [name for name, step in steps.items() if step["verdict"] != "skipped"]
    assert made == ["data_check", "baselines", "search_coarse", "calibrate", "test_once"]
    assert steps["search_coarse"]["message"].startswith("4 trials; the best, ")
    assert steps["search_coarse"]["seconds"] > 0
    assert len(result["search"]["evidence"]["trials"]) == result["search"]["trials"] == 4
    assert "4 trials; the best, " in (run / "report.html").read_text()
