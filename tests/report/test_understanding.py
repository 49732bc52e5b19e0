"""What is told of the model itself, and the reason wherever a part is not there."""

import json

import pytest

from retemper.report.charts import figures
from retemper.report.facts import facts
from retemper.report.page import render
from retemper.report.scale import placed
from retemper.report.understanding import understanding

PARTS = ("importance", "dependence", "slices", "surprising", "more_data")


def changed(folder, change):
    """The facts after ``change(result)``."""
    result = json.loads((folder / "result.json").read_text())
    change(result)
    (folder / "result.json").write_text(json.dumps(result))
    return facts(folder)


def test_an_older_run_says_why_it_has_nothing(make_run):
    found = changed(make_run(), lambda result: result.pop("understanding"))
    assert "made before" in found["understanding"]["left_out"]
    page = render(found)
    assert "This run was made before models were looked into" in page
    assert "Which columns matter" not in page and "dependence-0" not in figures(found)


def test_a_recipe_without_it_and_a_run_without_networks_say_so(make_run):
    def off(result):
        result["understanding"] = {}
        result["recipe"]["procedure"]["understand"] = False

    assert "procedure.understand" in changed(make_run(), off)["understanding"]["left_out"]
    assert understanding({"understanding": {}})["left_out"] == "There was no network to look into."


@pytest.mark.parametrize("part", PARTS)
def test_a_part_left_out_is_told_with_its_reason(make_run, part):
    found = changed(make_run(), lambda r: r["understanding"].update({part: {"left_out": "time was up"}}))
    assert found["understanding"][part] == {"left_out": "time was up"}
    page = render(found)
    assert "What is not here, and why" in page and "time was up" in page


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_not_recorded_is_told_too(make_run, part):
    found = changed(make_run(), lambda r: r["understanding"].pop(part))
    assert found["understanding"][part]["left_out"] == "the run has no record of it"
    assert "What is not here, and why" in render(found)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_each_piece_of_a_part_may_be_missing(make_run, part, task):
    folder = make_run(task=task)
    whole = json.loads((folder / "result.json").read_text())
    for key in whole["understanding"][part]:
        found = changed(folder, lambda r, key=key: r.update(understanding=_without(whole, part, key)))
        assert "</html>" in render(found), key


def _without(whole, part, key):
    return whole["understanding"] | {
        part: {k: v for k, v in whole["understanding"][part].items() if k != key}
    }


def test_each_row_of_a_part_may_hold_next_to_nothing(make_run):
    def bare(result):
        told = result["understanding"]
        told["importance"] |= {"columns": [{"column": "age"}], "together": [{"columns": ["a", "b"]}]}
        told["dependence"] |= {"columns": [{"column": "age"}], "left_out": [{"column": "note"}]}
        told["slices"]["slices"] = [{"words": "age > 3"}]
        told["surprising"] |= {"largest": [{"row": 3}], "counts": [{"threshold": 0.1}]}
        told["more_data"] |= {"points": [{"rows": 3}], "answer": None}

    assert "age &gt; 3" in render(changed(make_run(), bare))


@pytest.mark.parametrize(
    ("answer", "words"), [("yes", "Yes."), ("no", "No."), ("can't tell", "Nobody can tell yet.")]
)
def test_more_data_is_answered_in_a_sentence(make_run, answer, words):
    def answered(result):
        result["understanding"]["more_data"] |= {
            "answer": answer,
            "why": "Nobody can tell yet: twice the rows …",
        }

    found = changed(make_run(), answered)
    assert found["understanding"]["more_data"]["sentence"] == words
    assert found["understanding"]["more_data"]["why"] == "Twice the rows …"
    assert f'<p class="headline">{words}</p>' in render(found)


def test_the_learning_curve_ends_at_twice_the_rows(make_run):
    data = figures(facts(make_run()))["more-data"]["data"]
    law, measured, doubled = data
    assert measured["x"] == [4000, 8000, 16000, 31747] and doubled["x"] == [2 * 31747]
    assert measured["error_y"]["array"] == pytest.approx([0.004] * 4)
    assert law["x"][0] == 4000 and law["x"][-1] == pytest.approx(2 * 31747)
    assert law["y"][-1] == pytest.approx(0.27 + 0.03 * 2**-0.5)


def test_numbers_and_dates_are_curves_and_levels_are_dots(make_run):
    found = facts(make_run(classes=("a", "b", "c")))
    made = figures(found)
    age, since, work = found["understanding"]["dependence"]["columns"]
    assert (age["drawn"], since["drawn"], work["drawn"]) == (True, True, False)
    assert "dependence-2" not in made
    assert [dot["name"] for dot in age["levels"][0]] == ["(missing)"]
    assert [dot["name"] for dot in work["levels"][0]] == ["Private", "State", "(missing)"]
    assert made["dependence-0"]["data"][0]["x"] == [18, 30, 44]
    assert made["dependence-1"]["layout"]["xaxis"]["type"] == "date"
    assert made["dependence-1"]["data"][0]["x"][0] == 1704067200000
    assert len(made["dependence-0"]["data"]) == 6, "two classes: both ends of the band and the mean, each"


@pytest.mark.parametrize(
    ("aside", "words"),
    [
        ({"surplus": {"value": 0.05, "low": 0.01, "high": 0.09}}, "too sure"),
        ({"surplus": {"value": 0.0, "low": -0.01, "high": 0.01}}, "the model knows it"),
        ({"surplus": {"value": -0.05, "low": -0.09, "high": -0.01}}, "not sure enough"),
        ({"bias": {"value": 3.0, "low": 1.0, "high": 5.0}}, "too low here"),
        ({"bias": {"value": -3.0, "low": -5.0, "high": -1.0}}, "too high here"),
        ({"bias": {"value": 0.1, "low": -1.0, "high": 1.2}}, "no bias beyond noise"),
        ({}, ""),
    ],
)
def test_a_slice_is_read_for_a_person(aside, words):
    told = {"understanding": {"slices": {"slices": [{"words": "x", **aside}]}}}
    reading = understanding(told)["slices"]["slices"][0]["reading"]
    assert words in reading and bool(words) == bool(reading)


def test_places_keep_order_and_stay_on_the_scale():
    places = placed(
        [{"value": 2, "low": 1, "high": 4}, {"value": -1, "low": None, "high": None}, {"value": None}]
    )
    assert places[2] is None
    first, second = places[:2]
    assert 0 <= second["at"] < second["zero"] < first["from"] < first["at"] < first["to"] <= 100
    assert second["from"] == second["at"] == second["to"]
    assert placed([{"value": 0.0}])[0]["at"] == 50.0
