"""The nested estimate in the report: three figures on one scale, or the reason why there is none."""

import json

import pytest

from retemper.report.facts import facts
from retemper.report.nested import nested
from retemper.report.page import render


def changed(folder, **changes):
    """The page and its facts after ``nested`` of result.json was changed."""
    result = json.loads((folder / "result.json").read_text())
    for key, value in changes.items():
        if value is None:
            result["nested"].pop(key)
        else:
            result["nested"][key] = value
    (folder / "result.json").write_text(json.dumps(result))
    found = facts(folder)
    return found["nested"], render(found)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_estimate_stands_beside_the_test_and_the_promise(make_run, task):
    found, page = changed(make_run(task=task), message="Nested estimate: <0.3>")
    name = "rmse" if task == "regression" else "log_loss"
    assert [mark["title"] for mark in found["marks"]][:2] == ["Nested estimate", "Test rows"]
    assert found["marks"][0]["score"]["value"] == found["marks"][1]["score"]["value"]
    assert found["marks"][2]["score"] == {"value": 0.28, "low": None, "high": None}
    assert found["metric"] == name and found["scores"][0]["metric"] == name
    for words in (
        "How good is it really?",
        "&lt;0.3&gt;",
        "made anew 10 times",
        "the range of learning rates",
    ):
        assert words in page
    assert "Fewer repeats" not in page


def test_a_run_cut_short_says_so(make_run):
    _, page = changed(make_run(), cut_short="the time left does not allow for it", repeats=1)
    assert "Fewer repeats than asked: the time left does not allow for it." in page


def test_what_was_left_out_is_told_with_its_reason(make_run):
    found, page = changed(make_run(), left_out="9,000 rows")
    assert found == {"left_out": "There is no nested estimate: 9,000 rows."} and found["left_out"] in page
    assert "three ways" not in page


@pytest.mark.parametrize("result", [{}, {"nested": None}, {"nested": {}}, {"nested": {"metrics": 3}}])
def test_older_and_damaged_runs_have_a_reason(result):
    assert set(nested(result)) == {"left_out"}


@pytest.mark.parametrize("key", ["own", "message", "not_nested", "optimism", "networks", "learnt_from"])
def test_a_missing_piece_does_not_break_the_page(make_run, key):
    _, page = changed(make_run(), **{key: None})
    assert "How good is it really?" in page


CHOICES = [
    {
        "fold": 0,
        "values": {"model.width": 64, "training.optimizer.name": "adam"},
        "promised": 0.3,
        "score": 0.41,
    },
    {
        "fold": 2,
        "values": {"model.width": 16, "training.optimizer.name": "<sgd>"},
        "promised": 0.29,
        "score": 0.44,
    },
]
STABILITY = {
    "model.width": {"own": 64, "values": [64, 16], "same": 1, "low": 16, "high": 64},
    "training.optimizer.name": {"own": None, "values": ["adam", "<sgd>"], "same": 0},
}
SEARCH = {
    "choices": CHOICES,
    "stability": STABILITY,
    "trials": 48,
    "corrected": {"loss": 0.33, "low": 0.3, "high": 0.37, "trials": 24},
}


def test_a_nested_search_tells_what_each_fold_chose(make_run):
    found, page = changed(make_run(), **SEARCH, recipes=None)
    assert found["marks"][3]["title"] == "Best of 24 trials, corrected for being chosen"
    assert found["marks"][3]["score"] == {"value": 0.33, "low": 0.3, "high": 0.37}
    rows = found["search"]["rows"]
    assert [row["who"] for row in rows] == ["Without fold 1", "Without fold 3", "All rows (the run)"]
    assert [row["values"] for row in rows] == [["64", "adam"], ["16", "<sgd>"], ["64", "–"]]
    assert rows[-1]["promised"] == 0.28 and found["search"]["steady"] == ["1 of 2", "0 of 2"]
    for words in ("four ways", "made anew 2 times", "&lt;sgd&gt;", "Trials, all folds together", "0.4400"):
        assert words in page
    assert "Recipes raced" not in page and "<sgd>" not in page and "The time limit ended" not in page


def test_folds_that_time_cut_short_are_told(make_run):
    cut = [{**CHOICES[0], "out_of_time": True}, CHOICES[1]]
    _, page = changed(make_run(), **SEARCH | {"choices": cut}, cut_short="the time left did not allow for it")
    assert "The time limit ended 1 of the searches." in page
    assert "Fewer folds than asked: the time left did not allow for it." in page


@pytest.mark.parametrize("key", ["choices", "stability", "corrected", "trials"])
def test_a_missing_piece_of_a_search_does_not_break_the_page(make_run, key):
    _, page = changed(make_run(), **{name: value for name, value in SEARCH.items() if name != key})
    assert "How good is it really?" in page


def test_a_search_that_was_not_nested_says_how_it_would_be():
    found = nested({"nested": {}, "search": {"fidelity": "full"}})
    assert "--nested 5" in found["left_out"]
