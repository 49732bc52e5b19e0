"""The page: whole without any network, harmless whatever the data says, drawn by a real browser."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from retemper.core.errors import InputError
from retemper.report import page
from retemper.report.facts import facts
from retemper.report.write import write

HOSTILE = '</script><img src=x onerror="alert(1)"><!-- {{ 7 * 7 }} &amp; \u2028'


class Elements(HTMLParser):
    """All start tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        inside = self.tags[-1][0] if self.tags else ""
        (self.scripts if inside == "script" else self.texts).append(data)

    def named(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("options", [{}, {"task": "regression"}, {"bare": True}])
def test_it_needs_nothing_from_outside(make_run, options):
    path = write(make_run(**options))
    html = path.read_text(encoding="utf-8")
    assert path.name == "report.html" and len(html.encode()) < 3_000_000
    assert not list(path.parent.glob(".*.tmp"))
    elements = Elements(html)
    for tag, attributes in elements.tags:
        assert "src" not in attributes and tag not in ("link", "iframe", "object"), tag
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(
        r"@import|url\(", elements.texts[0] + (html.split("<style>")[1].split("</style>")[0])
    )
    policy = next(
        a["content"] for a in elements.named("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';") and policy.count("'sha256-") == 2


def test_the_story_is_told(make_run):
    text = " ".join(Elements(write(make_run()).read_text(encoding="utf-8")).texts)
    for words in (
        "The network does not beat gradient boosting.",
        "Predicting income",
        "13 steps: 11 passed, 2 with a warning.",
        "64 rows were learnt to 100 % in 87 steps.",
        "Validation loss rises by 2.1 % after epoch 21",
        "hours_per_week",
        "T = 1.07",
        "learning_rate: 0.0041",
        "Confusion matrix",
        "More dropout",
        "width at its upper end, 256",
        "Permission is hereby granted, free of charge",
    ):
        assert words in text, words


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_text_from_the_data_is_harmless(make_run, task):
    folder = make_run(task=task, label=HOSTILE, classes=(HOSTILE, "<b>bold</b>", "plain"))
    result = json.loads((folder / "result.json").read_text())
    result["steps"][0]["message"] += HOSTILE
    result["steps"][0]["evidence"]["columns"][1] |= {"name": HOSTILE, "why": HOSTILE, "kind": HOSTILE}
    result["steps"][0]["evidence"]["columns"][2]["histogram"]["levels"][0] = HOSTILE
    result["steps"][6]["evidence"]["edges"] = [HOSTILE]
    result["findings"][0]["message"] += HOSTILE
    result["findings"][0]["evidence"][HOSTILE] = HOSTILE
    result["versions"][HOSTILE] = HOSTILE
    (folder / "result.json").write_text(json.dumps(result))
    with (folder / "recipe.yaml").open("a") as recipe, (folder / "log.jsonl").open("a") as log:
        recipe.write(f"x: {HOSTILE}\n")
        log.write(json.dumps({"event": HOSTILE, HOSTILE: HOSTILE}) + "\n")
    html = write(folder).read_text(encoding="utf-8")
    elements = Elements(html)
    assert not elements.named("img")
    assert "&lt;b&gt;bold" in html or task == "regression"
    assert len(elements.named("script")) == 3 and "<!--" not in html.split("<script", 1)[0]
    assert "{{ 7 * 7 }}" in html and "onerror=&#34;" in html
    assert not [name for _, attributes in elements.tags for name in attributes if name.startswith("on")]


def test_json_in_the_page_can_not_end_its_element():
    text = page.embedded({"a": HOSTILE})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": HOSTILE}


def test_a_report_is_replaced_whole(make_run):
    folder = make_run()
    first = write(folder).read_text(encoding="utf-8")
    assert write(folder).read_text(encoding="utf-8") == first


def test_no_result_is_said(tmp_path):
    with pytest.raises(InputError, match="has no result"):
        write(tmp_path)
    (tmp_path / "result.json").write_text('{"schema": 1')
    with pytest.raises(InputError, match="damaged"):
        write(tmp_path)


@pytest.mark.parametrize(
    "dropped", ["evidence", "metrics", "baselines", "steps", "findings", "search", "rows"]
)
def test_any_part_may_be_missing(make_run, dropped):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    if dropped == "evidence":
        for step in result["steps"]:
            step["evidence"] = {}
    else:
        result[dropped] = [] if isinstance(result[dropped], list) else {}
    (folder / "result.json").write_text(json.dumps(result))
    assert "</html>" in page.render(facts(folder))


PIECES = [
    ("data_check", "rows", "columns", "duplicates", "classes", "target"),
    ("baselines", "metric", "validation", "best"),
    ("initial_loss", "expected", "observed", "ratio"),
    ("overfit_sample", "rows", "metric", "reached", "needed", "steps", "curve"),
    ("input_blind", "metric", "real", "zeros", "shuffled_labels"),
    ("learning_rate_range", "low", "high", "suggested", "abstained", "rates", "losses"),
    ("search_coarse", "trials", "best", "edges", "history"),
    ("search_refine", "trials", "best", "edges", "history"),
    ("train_long", "members", "history", "rounds"),
    ("read_curves", "rounds"),
    ("ensemble", "candidates", "chosen", "single", "ensemble", "gain", "low", "high", "kept"),
    ("calibrate", "temperature", "before", "after", "reliability", "kept"),
    ("test_once", "read", "confusion", "residuals", "reliability"),
]


@pytest.mark.parametrize(("step", "key"), [(step, key) for step, *keys in PIECES for key in keys])
def test_each_piece_of_evidence_may_be_missing(make_run, step, key):
    folder = make_run(task="regression" if key in ("target", "residuals") else "classification")
    result = json.loads((folder / "result.json").read_text())
    evidence = next(s for s in result["steps"] if s["name"] == step)["evidence"]
    evidence.pop(key, None)
    (folder / "result.json").write_text(json.dumps(result))
    assert "</html>" in page.render(facts(folder))


def test_null_is_as_good_as_missing(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    for step in result["steps"]:
        step["evidence"] = dict.fromkeys(step["evidence"])
    (folder / "result.json").write_text(json.dumps(result))
    found = facts(folder)
    assert not any(found["evidence"].values()) and "</html>" in page.render(found)


def test_each_number_of_a_record_may_be_missing(make_run):
    """Trials, members, rounds and columns that hold only their name."""
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    evidence = {step["name"]: step["evidence"] for step in result["steps"]}
    evidence["data_check"]["columns"] = [{"name": "age"}]
    evidence["search_coarse"]["trials"] = [{"id": 1}]
    evidence["search_refine"]["trials"] = [{"id": 2, "val_loss": None}]
    evidence["train_long"] |= {"members": [{"id": 1}], "rounds": [{"epochs": 3}, {}]}
    evidence["read_curves"]["rounds"] = [{"remedy": "more_dropout"}]
    result["findings"][0]["outcome"] = {"remedy": None, "verdict": "not_tried"}
    (folder / "result.json").write_text(json.dumps(result))
    assert "More dropout" in page.render(facts(folder))


def test_rounds_of_the_full_training_are_told(make_run):
    assert "The time allowed 2 rounds, of 4, 2 networks." in page.render(facts(make_run()))


def changed(folder, change):
    """The run's facts after a change of its result."""
    path = folder / "result.json"
    result = json.loads(path.read_text())
    change(result, {step["name"]: step["evidence"] for step in result["steps"]})
    path.write_text(json.dumps(result))
    return facts(folder)


def test_findings_come_the_most_serious_first_whatever_step_found_them(make_run):
    told = changed(make_run(), lambda result, evidence: result["findings"].reverse())
    assert [own["severity"] for own in told["findings"]] == ["warning", "advice"]


def test_a_range_that_is_not_given_has_no_reason_made_up(make_run):
    def abstain(result, evidence):
        evidence["learning_rate_range"] |= {"abstained": True, "low": None, "high": None, "suggested": None}

    text = page.render(changed(make_run(), abstain))
    assert "No range is given; the step says why." in text and "seeds disagree" not in text


def test_costs_are_told_with_their_intervals_apart(make_run):
    def with_costs(result, evidence):
        score = {"value": 0.25, "low": 0.2, "high": 0.3}
        figures = {"chosen": score, "likeliest": {**score, "value": 0.31}, "gain": score}
        labels = {"labels": ["<=50K", ">50K"], "matrix": [[0, 1], [5, 0]]}
        evidence["calibrate"]["costs"] = {**labels, **figures}
        evidence["test_once"]["costs"] = figures

    assert "0.3100 (0.2000 to 0.3000) when the likeliest is" in page.render(changed(make_run(), with_costs))


FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--virtual-time-budget=3000",
    "--enable-logging=stderr",
]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome")
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_browser_draws_every_chart(make_run, tmp_path, task):
    folder = make_run(task=task)
    path = write(folder)
    drawn = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "CONSOLE" not in drawn.stderr, drawn.stderr
    places = Elements(drawn.stdout)
    charts = [a for _, a in places.tags if "data-figure" in a]
    assert len(charts) == len(page.figures(facts(folder))) >= 7
    assert all("js-plotly-plot" in (a["class"] or "") for a in charts)
