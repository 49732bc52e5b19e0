"""What is read from a run folder: thinned, merged, and never trusted to be whole."""

import json
import math

import numpy as np
import pytest

from retemper.core.history import append_rows
from retemper.report.charts import figures
from retemper.report.facts import MOST_COLUMNS, MOST_EPOCHS, MOST_MEMBERS, MOST_POINTS, _log, facts
from retemper.report.page import render
from retemper.report.verdict import verdict


def result_with(own, rival, interval=True):
    score = {"value": own, "low": own - 0.01 if interval else None, "high": own + 0.01 if interval else None}
    other = {"value": rival, "low": rival - 0.01, "high": rival + 0.01}
    baselines = {
        "majority": {"log_loss": {"value": 0.69, "low": None, "high": None}},
        "linear": {"log_loss": other},
    }
    return {"task": "classification", "metrics": {"test": {"log_loss": score}}, "baselines": baselines}


@pytest.mark.parametrize(
    ("own", "rival", "interval", "outcome", "words"),
    [
        (0.30, 0.33, True, "ahead", "The network beats linear model."),
        (0.30, 0.305, True, "level", "does not clearly beat linear model"),
        (0.305, 0.30, True, "level", "does not clearly beat linear model"),
        (0.33, 0.30, True, "behind", "does not beat linear model"),
        (0.30, 0.301, False, "ahead", "beats"),
        (0.80, 0.75, True, "behind", "does not beat class frequencies"),
    ],
)
def test_the_verdict_is_against_the_best_baseline(own, rival, interval, outcome, words):
    found = verdict(result_with(own, rival, interval))
    assert found["outcome"] == outcome and words in found["headline"]


def test_marks_lie_on_one_scale_and_far_ones_at_its_edge():
    marks = {m["model"]: m for m in verdict(result_with(0.30, 0.31))["marks"]}
    assert marks["network"]["at"] < marks["linear"]["at"] < 100
    assert marks["network"]["from"] < marks["network"]["at"] < marks["network"]["to"]
    assert marks["majority"]["off"] == "right" and marks["network"]["off"] is None


def test_without_scores_nothing_is_claimed():
    found = verdict({"task": "regression", "metrics": {}, "baselines": {}})
    assert found["outcome"] == "none" and found["marks"] == [] and "no test scores" in found["detail"]


def test_curves_are_thinned_and_the_best_stay(make_run):
    folder = make_run()
    (folder / "history" / "train_long.jsonl").unlink()
    rows = [
        {
            "member": m,
            "epoch": e,
            "step": e,
            "train_loss": 1 / e,
            "val_loss": 1 + m - e / 1e4,
            "learning_rate": 0.1,
        }
        for m in range(MOST_MEMBERS + 5)
        for e in range(1, (1000 if m == 3 else 4))
    ]
    append_rows(folder / "history" / "train_long.jsonl", reversed(rows))
    curves = facts(folder)["curves"]["train_long"]
    assert curves["of"] == MOST_MEMBERS + 5
    assert [m["id"] for m in curves["members"]] == list(range(MOST_MEMBERS))
    assert len(curves["members"][3]["epoch"]) == MOST_EPOCHS and curves["members"][3]["epoch"][-1] == 999


def test_a_damaged_history_is_told_and_the_rest_is_shown(make_run):
    folder = make_run()
    with (folder / "history" / "train_long.jsonl").open("a") as file:
        file.write('{"member": 1, "ep')
    found = facts(folder)
    assert found["notes"] == ["history/train_long.jsonl is damaged; its curves are not shown."]
    assert "training" not in figures(found) and "search" in figures(found)


def test_large_parts_are_cut_and_said(make_run):
    folder = make_run(task="regression")
    result = json.loads((folder / "result.json").read_text())
    check, test = result["steps"][0]["evidence"], result["steps"][12]["evidence"]
    check["columns"] *= 100
    (folder / "result.json").write_text(json.dumps(result))
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"event": "x"}\n' * 400 + '{"half a li')
    found = facts(folder)
    assert len(found["data"]["columns"]) == MOST_COLUMNS and found["data"]["columns_left_out"] == 400
    assert len(found["residuals"]["predicted"]) == MOST_POINTS and found["residuals"]["of"] == 3000
    assert len(test["residuals"]["predicted"]) == 3000
    assert found["log_left_out"] == 25 + 401 - 300


def test_a_column_has_a_histogram_with_units_or_levels(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    result["steps"][0]["evidence"]["columns"] = [
        {"name": "colour", "levels": ["red", 1], "counts": [3, 2]},
        {
            "name": "date",
            "histogram": {"edges": [-86400, 0, 86400], "counts": [1, 2], "unit": "seconds since 1970"},
        },
        {"name": "text", "histogram": {"edges": [5, 900], "counts": [1], "unit": "characters"}},
        {"name": "empty", "histogram": {"edges": [], "counts": []}},
        {"name": "key"},
    ]
    (folder / "result.json").write_text(json.dumps(result))
    colour, date, text, empty, key = (column["histogram"] for column in facts(folder)["data"]["columns"])
    assert colour == {"levels": ["red", "1"], "counts": [3, 2]}
    assert date["ends"] == ["1969-12-31", "1970-01-02"] and text["ends"] == ["5", "900 characters"]
    assert empty is None and key is None
    assert "1969-12-31" in render(facts(folder))


def test_shares_of_many_classes_are_of_all_rows(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    result["steps"][0]["evidence"]["classes"] = {f"class {i}": 10 for i in range(40)}
    (folder / "result.json").write_text(json.dumps(result))
    found = facts(folder)
    assert found["data"]["classes_rows"] == 400 and found["data"]["classes_left_out"] == 16
    page = render(found)
    assert page.count("10 · 2.5\N{NO-BREAK SPACE}%") == 24 and "and 16 rarer classes" in page


def test_many_classes_become_a_list_of_confusions(make_run):
    folder = make_run(classes=tuple(f"class {i}" for i in range(40)))
    confusion = facts(folder)["confusion"]
    assert len(confusion["pairs"]) == 20 and "counts" not in confusion
    counts = [pair["count"] for pair in confusion["pairs"]]
    assert counts == sorted(counts, reverse=True)
    assert all(pair["true"] != pair["predicted"] for pair in confusion["pairs"])


def test_figures_are_plain_json_with_no_text_from_the_data(make_run):
    found = facts(make_run(label="MARK-target", classes=("MARK-a", "MARK-b")))
    made = figures(found)
    assert set(made) == {
        "overfit", "rates", "trials", "search", "training", "signals", "calibration", "precision-recall",
        "more-data", "dependence-0", "dependence-1", "layer-gradients", "layer-updates",
    }  # fmt: skip
    text = json.dumps(made, allow_nan=False)
    assert "MARK" not in text and len(text) < 200_000
    colours = {c for c in json.dumps(made).split('"') if c.startswith("--")}
    assert colours <= {
        "--muted",
        "--accent",
        "--second",
        "--third",
        "--grid",
        "--faint",
        "--band",
        "--card",
    } | {
        "--accent-faint",
        "--second-faint",
        "--second-band",
        "--third-band",
        "--warn",
        "--ink",
    }


def test_losses_that_are_not_finite_leave_gaps(make_run):
    folder = make_run()
    path = folder / "history" / "train_long.jsonl"
    path.unlink()
    append_rows(path, [{"member": 0, "epoch": e, "train_loss": math.nan, "val_loss": np.inf} for e in (1, 2)])
    found = facts(folder)
    assert found["curves"]["train_long"]["members"][0]["val_loss"] == [None, None]
    assert figures(found)["training"]["data"]


def test_a_damaged_line_of_the_log_is_shown_as_unreadable(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"event": "started"}\n{"event": "st\xf4p"}\n{"ev\xf4')
    events, left_out = _log(path)
    assert [each["event"] for each in events] == ["started", "st\ufffdp", "unreadable line"] and left_out == 0
