"""Cleaning, treatments and decisions as the report tells them."""

import json

import pytest

from retemper.report.charts import figures
from retemper.report.cleaning import cleaning
from retemper.report.decisions import decisions
from retemper.report.facts import facts
from retemper.report.page import render

CHECK = {
    "rows": 1000,
    "duplicates": 3,
    "columns": [
        {"name": "age", "kind": "number", "missing": 120},
        {"name": "town", "kind": "category", "missing": 7},
        {"name": "since", "kind": "datetime", "missing": 1},
        {"name": "key", "kind": "identifier", "missing": 0},
        {"name": "same", "kind": "constant", "missing": 0},
        {"name": "whole", "kind": "number", "missing": 0},
    ],
}


def told(clean=True, missing="median"):
    recipe = {"data": {"clean": clean}, "prepare": {"missing": missing}}
    changes = cleaning({"recipe": recipe}, {"data_check": CHECK})["changes"]
    return {own["column"]: own for own in changes}


def test_what_is_cleaned_is_counted_before_and_after():
    found = told()
    assert "whole" not in found
    assert (found["age"]["cells"], found["age"]["before"]) == (120, "missing")
    assert found["age"]["after"] == "median of the column, and a column says so"
    assert found["town"]["after"] == "a level of its own"
    assert found["since"]["after"] == "a column says so", "dates are not imputed"
    assert found["key"]["after"] == found["same"]["after"] == "left out"
    assert (found[None]["cells"], found[None]["after"]) == (3, "kept")


def test_without_cleaning_identifiers_stay_and_the_page_says_so(make_run):
    assert told(clean=False)["key"]["after"] == "used as it is"
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    result["recipe"]["data"]["clean"] = False
    (folder / "result.json").write_text(json.dumps(result))
    page = render(facts(folder))
    assert "Cleaning is off" in page and "used as it is" in page


def test_treatments_show_reason_change_and_verdict(make_run):
    found = facts(make_run())["cleaning"]["treatments"]
    assert [own["verdict"] for own in found] == ["kept", "not_tried", "reverted"]
    assert found[0]["changes"] == ["prepare.constructed = ratio, product"]
    assert found[0]["new"] == ["age × hours"]
    page = render(facts(make_run(name="again")))
    assert "age × hours explain 7% more" in page and "0.001 to 0.007" in page


def test_label_errors_show_counts_before_and_after_and_the_surest_rows(make_run):
    labels = facts(make_run())["cleaning"]["labels"]
    assert labels["classes"][0] == {"class": ">50K", "given": 2000, "flagged": 40, "suggested": 1990}
    assert labels["surest"][0]["row"] == 17 and labels["treatment"] == "drop"
    page = render(facts(make_run(task="regression", name="values")))
    assert "2.7\N{NO-BREAK SPACE}% to 3.6\N{NO-BREAK SPACE}%" in page and "Rows as given" not in page


@pytest.mark.parametrize(
    ("cut", "left"), [(["fix"], {"drop": False, "fix": True}), (["untreated"], {"drop": True, "fix": True})]
)
def test_a_training_that_was_cut_short_proves_nothing(make_run, cut, left):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    step = next(s for s in result["steps"] if s["name"] == "search_coarse")
    step["evidence"]["label_errors"] |= {"cut_short": cut, "treatment": None}
    (folder / "result.json").write_text(json.dumps(result))
    found = facts(folder)
    assert {own["name"]: own["cut"] for own in found["cleaning"]["labels"]["tried"]} == left
    page = render(found)
    assert page.count("the training was cut short") == sum(left.values())
    assert ("0.004 to 0.016" in page) != left["drop"]
    assert "−0.01 to 0.008" not in page.split("Treatments of the labels")[1]


def test_why_label_errors_were_not_looked_for(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    step = next(s for s in result["steps"] if s["name"] == "search_coarse")
    step["evidence"]["label_errors"] = {"not_applicable": "there is too little time"}
    (folder / "result.json").write_text(json.dumps(result))
    assert "Not looked for: there is too little time." in render(facts(folder))


def test_a_run_that_skipped_the_search_has_no_treatments(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    for step in result["steps"]:
        if step["name"] not in ("data_check", "train_long", "test_once"):
            step |= {"verdict": "skipped", "evidence": {}}
    (folder / "result.json").write_text(json.dumps(result))
    found = facts(folder)
    assert found["cleaning"]["treatments"] == [] and found["cleaning"]["labels"] is None
    page = render(found)
    assert "Treatments of columns" not in page and "Labels that look wrong" not in page
    assert "Cells and columns" in page


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.88, 0.92, "as asked, within noise"),
        (0.8, 0.85, "less than asked"),
        (0.93, 0.97, "more than asked"),
        (None, None, None),
    ],
)
def test_coverage_is_judged_by_its_interval(low, high, verdict):
    proved = {"interval": {"wanted": 0.9, "coverage": {"value": 0.9, "low": low, "high": high}, "width": 3.0}}
    assert decisions({"test_once": proved})["interval"]["verdict"] == verdict


def test_a_regression_has_intervals_and_no_curves(make_run):
    found = facts(make_run(task="regression"))
    assert found["decisions"]["curves"] == [] and found["decisions"]["interval"]["width"] == 81.4
    page = render(found)
    assert "Prediction intervals: do they hold?" in page and "less than asked" in page
    assert "precision-recall" not in figures(found)


def test_of_many_classes_the_rarest_have_curves(make_run):
    found = facts(make_run(classes=tuple(f"class {i}" for i in range(40))))
    assert [own["class"] for own in found["decisions"]["curves"]] == [f"class {i}" for i in range(6)]
    assert found["decisions"]["more"] == 34
    assert "34 more are in result.json" in render(found)
    dashes = [t["line"]["dash"] for t in figures(found)["precision-recall"]["data"] if t["mode"] == "lines"]
    assert len(set(dashes)) == 6, "colour never stands alone"


def test_the_threshold_is_shown_with_what_it_gains(make_run):
    page = render(facts(make_run()))
    assert "0.38 to 0.45" in page and "0.002 to 0.021, 95" in page
    chosen = [
        t for t in figures(facts(make_run(name="b")))["precision-recall"]["data"] if t["mode"] == "markers"
    ]
    assert (chosen[0]["x"], chosen[0]["y"]) == ([0.75], [0.7])


def test_a_threshold_that_does_not_exist_is_said():
    found = decisions({"calibrate": {"threshold": {"positive": "yes", "goal": "recall_at_precision"}}})
    assert found["threshold"]["value"] is None and found["threshold"]["outcomes"] == []


def test_the_best_epoch_is_judged_after_its_temperature(make_run):
    made = figures(facts(make_run()))["training"]["data"]
    calibrated = next(t for t in made if "temperature" in t.get("name", ""))
    dot = next(t for t in made if t.get("name") == "lowest")
    assert dot["y"][0] == min(v for v in calibrated["y"] if v is not None)


def test_what_a_kept_treatment_did_is_shown_before_and_after():
    picture = {"edges": list(range(21)), "before": [5] * 20, "after": [4] * 20}
    age = {"what": "placeholder", "column": "age", "cells": 30, "before": "-999", "after": "missing"}
    town = {"what": "gap", "column": "age", "cells": 150, "before": "missing", "after": "41"}
    search = {
        "treatments": [
            {"name": "placeholders emptied", "verdict": "kept", "cleaned": [{**age, "histogram": picture}]},
            {"name": "clipped", "verdict": "reverted", "cleaned": [{**age, "cells": 99}]},
        ]
    }
    result = {"recipe": {"data": {"clean": True}, "prepare": {"missing": "median"}}}
    check = {**CHECK, "cleaned": [town]}
    changes = cleaning(result, {"data_check": check, "search_coarse": search})["changes"]
    ours = [own for own in changes if own["column"] == "age"]
    assert [(own["cells"], own["before"], own["after"]) for own in ours] == [
        (150, "missing", "41"),
        (30, "-999", "missing"),
    ], "the gap is told once, by what was done; what was reverted is not told"
    assert ours[1]["pictures"]["before"] == {"counts": [5] * 20, "ends": ["0", "20"]}


def test_the_page_draws_a_column_before_and_after(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    done = {"what": "outlier", "column": "age", "cells": 7, "before": "900", "after": "99"}
    done["histogram"] = {"edges": list(range(21)), "before": [5] * 20, "after": [4] * 20}
    next(own for own in result["steps"] if own["name"] == "data_check")["evidence"]["cleaned"] = [done]
    (folder / "result.json").write_text(json.dumps(result))
    page = render(facts(folder))
    place = page[page.index('id="cleaning"') :]
    row = place[place.index(">age<") : place.index("</tr>", place.index(">age<"))]
    assert row.count('class="spark"') == 2 and "900" in row and "of the training rows" in row
