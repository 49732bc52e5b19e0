"""The report of a search: thinned facts, charts that draw, text that does no harm."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from retemper.report import page
from retemper.report.facts import facts
from retemper.report.study import study
from retemper.report.study_charts import study_figures

RATE = "training.optimizer.learning_rate"
HOSTILE = "</script><img src=x onerror='alert(1)'>"


def curve(values):
    loss = [0.5 + 0.01 * k for k in range(len(values))]
    return {"values": values, "loss": loss, "low": [v - 0.1 for v in loss], "high": [v + 0.1 for v in loss]}


def evidence(count=60, failed=3, word="relu"):
    """A search over a rate, a width and an activation; the last few trials failed."""
    rng = np.random.default_rng(0)
    widths, words = [16, 32, 64], [word, "gelu"]
    trials = []
    for k in range(count):
        values = {
            RATE: float(10 ** rng.uniform(-4, -1)),
            "model.width": widths[k % 3],
            "model.activation": words[k % 2],
        }
        loss = None if k >= count - failed else 0.3 + 0.4 * k / count
        trials.append(
            {
                "number": k,
                "values": values,
                "loss": loss,
                "compared": loss,
                "epochs": 9,
                "folds": {"0": loss, "1": loss},
                "standard_error": 0.01,
                "cost": 100.0 * values["model.width"],
                "error": None
                if loss
                else {"code": "no_memory", "message": f"Too large {word}", "advice": "Less."},
            }
        )
    options = [
        {"path": RATE, "share": 0.7, "low": 0.6, "high": 0.8, "matters": True, "trials": 57, "where": {}}
        | {"flat": None, "curve": curve(np.geomspace(1e-4, 1e-1, 40).tolist())},
        {"path": "model.width", "share": 0.1, "low": 0.02, "high": 0.2, "matters": True, "trials": 57}
        | {"where": {}, "flat": {"side": "beyond", "value": 32}, "curve": curve(widths)},
        {"path": "model.activation", "share": 0.004, "low": 0, "high": 0.009, "matters": False, "trials": 9}
        | {"where": {"model.name": ["mlp"]}, "flat": None, "curve": curve(words)},
    ]
    pair = {"paths": [RATE, "model.width"], "share": 0.05, "low": 0.02, "high": 0.08}
    pair |= {"values": [[0.001, 0.01], widths], "loss": [[0.5, 0.4, 0.3], [0.6, 0.5, 0.4]]}
    told = {"epochs": 9, "folds": 2, "trials": 57, "lost": 0, "explained": 0.8, "left_out": ["One reason."]}
    best = [{"spent_epochs": 10 * k, "trial": 9 - k, "loss": 0.7 - 0.1 * k, "epochs": 3} for k in (1, 2, 4)]
    return {
        "trials": trials,
        "space": {
            RATE: {"low": 1e-4, "high": 1e-1, "log": True, "integer": False},
            "model.width": {"values": widths},
            "model.activation": {"values": words},
        },
        "learnt": {**told, "options": options, "pairs": [pair], "sentence": "The rate explains 70 %."},
        "course": {
            "best": best,
            "rungs": [{"epochs": 3, "trials": 60}, {"epochs": 9, "trials": 20}],
            "spent_epochs": 90,
            "full_epochs": 9,
        },
        "front": {"members": [0], "best": 0, "enough": 0},
    }


@pytest.fixture
def searched(make_run):
    """Gives a run folder whose search left such evidence."""

    def make(**given):
        folder = make_run()
        result = json.loads((folder / "result.json").read_text())
        step = {"name": "search", "verdict": "pass", "message": "Some trials were made.", "seconds": 1.0}
        result["steps"].append(step | {"evidence": evidence(**given)})
        (folder / "result.json").write_text(json.dumps(result))
        return folder

    return make


def test_a_run_without_a_search_has_no_such_part(make_run):
    found = facts(make_run())
    assert found["study"] == {} and study_figures(found) == {}
    assert 'id="study"' not in page.render(found)


def test_the_story_is_told(searched):
    html = page.render(facts(searched()))
    for words in (
        'id="study"',
        "The rate explains 70 %.",
        "One reason.",
        "60 to 80\N{NO-BREAK SPACE}%",
        "nothing gained beyond 32",
        "may be chance",
        "model.name mlp",
        "Too large relu",
        "Less.",
        "7 more are in result.json.",
        "under 1\N{NO-BREAK SPACE}%",
    ):
        assert words in html, words


def test_the_best_come_first_and_failed_ones_apart():
    found = study(evidence())
    assert [row["number"] for row in found["rows"]] == list(range(50)) and found["lost"] == 3
    (fault,) = found["faults"]
    assert (fault["count"], fault["trials"]) == (3, [57, 58, 59])
    assert found["options"][0]["log"] and found["options"][1]["log"] and not found["options"][2]["numbers"]


def test_all_but_one_failed(searched):
    found = facts(searched(count=20, failed=19))
    assert len(found["study"]["rows"]) == 1 and found["study"]["lines"] == {}
    assert "</html>" in page.render(found)


def test_settings_are_places_on_their_axes():
    lines = study(evidence())["lines"]
    assert [own["name"] for own in lines["axes"]] == ["learning_rate", "width", "activation", "loss"]
    first = lines["lines"][0]["places"]
    assert 0 <= first[0] <= 1 and first[1:] == [0.0, 0.0, 0.0]
    trials = evidence()
    trials["trials"][0]["values"].pop("model.width")
    assert study(trials)["lines"]["lines"][0]["places"][1] is None


def test_lines_go_below_the_axis_of_an_option_that_is_not_there():
    trials = evidence()
    trials["trials"][0]["values"].pop("model.width")
    figure = study_figures({"study": study(trials)})["study-lines"]
    (best,) = [trace for trace in figure["data"] if trace["name"] == "best"]
    assert best["y"][1] < -0.1 and best["y"][3] == 0.0 and None not in best["y"][:4]
    assert [own["x"] for own in figure["layout"]["annotations"] if own["text"] == "none"] == [1]


def test_failed_settings_are_lines_that_reach_no_loss():
    figure = study_figures({"study": study(evidence(failed=5))})["study-lines"]
    (failed,) = [trace for trace in figure["data"] if trace["name"] == "failed"]
    assert sorted(set(failed["customdata"]) - {None}) == [55, 56, 57, 58, 59]
    assert max(x for x in failed["x"] if x is not None) == 2
    whole = study_figures({"study": study(evidence(failed=0))})["study-lines"]
    assert all(trace["name"] != "failed" for trace in whole["data"])


def test_many_trials_make_a_small_page(searched):
    found = facts(searched(count=10_000, failed=100))
    assert max(len(own["points"]["x"]) for own in found["study"]["options"]) == 400
    assert len(found["study"]["lines"]["lines"]) == 200 and found["study"]["lines"]["of"] == 9900
    assert len(page.render(found).encode()) < 1_700_000


def test_what_a_long_list_leaves_out_is_counted(searched):
    error = {"code": "no_memory", "message": "Too large relu", "advice": "Less."}
    left = {"sound": 8000, "lost": 40, "faults": [error | {"count": 40}], "all": "checkpoints/trials.jsonl"}
    found = study(evidence() | {"left_out": left})
    assert (found["trials"], found["lost"], found["rows_left_out"]) == (8100, 43, 8007)
    assert [own["count"] for own in found["faults"]] == [43]
    folder = searched()
    result = json.loads((folder / "result.json").read_text())
    result["steps"][-1]["evidence"]["left_out"] = left
    (folder / "result.json").write_text(json.dumps(result))
    assert "8,007 more are in checkpoints/trials.jsonl" in page.render(facts(folder))


@pytest.mark.parametrize("part", ["space", "learnt", "course", "front"])
def test_any_part_may_be_missing(searched, part):
    folder = searched()
    result = json.loads((folder / "result.json").read_text())
    result["steps"][-1]["evidence"].pop(part)
    (folder / "result.json").write_text(json.dumps(result))
    assert "</html>" in page.render(facts(folder))


def test_text_of_values_is_harmless(searched):
    found = facts(searched(word=HOSTILE))
    assert "<" not in json.dumps(study_figures(found)).replace("<br>", "").replace("<extra></extra>", "")
    html = page.render(found)
    assert "<img" not in html.split("<script", 1)[0] and "&lt;img" in html


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome")
def test_a_browser_draws_every_chart(searched, tmp_path):
    folder = searched()
    path = folder / "report.html"
    found = facts(folder)
    path.write_text(page.render(found), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=3000",
        "--enable-logging=stderr",
    ]
    drawn = subprocess.run(
        [BROWSER, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "CONSOLE" not in drawn.stderr, drawn.stderr
    names = study_figures(found)
    assert len(names) == 7
    for name in names:
        element = drawn.stdout.split(f'data-figure="{name}"')[1].split(">")[0]
        assert "js-plotly-plot" in element or f'js-plotly-plot" data-figure="{name}"' in drawn.stdout, name
