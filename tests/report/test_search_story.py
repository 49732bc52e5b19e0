"""Around a search's trials: what the best is worth, ranges, the earlier search, the sampler, the stacks."""

import json

import pytest

from retemper.core.records import Step, to_json
from retemper.procedure.search_steps import as_in_train
from retemper.report import page
from retemper.report.facts import facts
from retemper.report.search_ranges import ranges
from retemper.report.search_stacks import stacks

RATE = "training.optimizer.learning_rate"
HOSTILE = "<img src=x onerror='alert(1)'>"
OPTIMISM = {"apparent": 0.30, "loss": 0.32, "low": 0.28, "high": 0.36, "trials": 40, "amount": 0.02}


def edge(side="high", low=1e-4, high=1e-2, widened=(1e-4, 1e-1)):
    given = {"option": RATE, "side": side, "low": low, "high": high}
    given |= {"widened_low": widened[0], "widened_high": widened[1]}
    named = {"code": "edge_of_range", "severity": "advice", "confidence": 0.8, "message": "At the edge."}
    return named | {"evidence": given, "remedies": ["widen_range"]}


def evidence(best=0.05, low=1e-4, high=1e-1, **more):
    trials = [
        {"number": k, "loss": 0.1 + k, "values": {RATE: rate, "model.width": 32, "model.activation": "relu"}}
        for k, rate in enumerate([best, 0.02, 0.03, *[0.001] * 6])
    ]
    space = {
        RATE: {"low": low, "high": high, "log": True, "integer": False},
        "model.width": {"values": [64, 16, 32]},
        "model.activation": {"values": ["relu", "gelu"]},
    }
    return {"trials": trials, "space": space, **more}


def warm(kept=True, now=(0.5, 0.4, None)):
    probes = [{"values": {RATE: 0.01}, "before": 0.1 * k, "now": loss} for k, loss in enumerate(now)]
    return {"run": "/data/runs/may", "settings": 64, "left_out": 3, "kept": kept, "reason": "So it is."} | {
        "probes": probes
    }


@pytest.fixture
def rendered(make_run):
    """Gives the page of a run whose search left such evidence, and such a log."""

    def make(found, findings=(), events=()):
        folder = make_run()
        result = json.loads((folder / "result.json").read_text())
        step = {"name": "search", "verdict": "pass", "message": "Made.", "seconds": 1.0, "evidence": found}
        result["steps"].append(step)
        result["findings"] += findings
        result["search"] = {"trials": 9, "sampler": "bayes", "fidelity": "halving", "best": {}}
        (folder / "result.json").write_text(json.dumps(result))
        (folder / "log.jsonl").write_text("".join(json.dumps(own) + "\n" for own in events))
        return page.render(facts(folder)).split('id="study"')[1].split("</section>")[0]

    return make


def test_every_part_is_on_the_page(rendered):
    why = "TPE, since there may be 64 trials."
    sampler = {"asked": "bayes", "used": "tpe", "why": why}
    events = [
        {"event": "timed", "name": "stacks.members.a", "milliseconds_a_step": {"1": 0.5, "8": 1.6}},
        {"event": "decision", "name": "stacks.members.a", "value": 8},
    ]
    html = rendered(evidence(optimism=OPTIMISM, warm_start=warm(), sampler=sampler), [edge()], events)
    for words in (
        "Being the best of 40 flatters it by 0.02.",
        "0.2800 to 0.3600",
        "widened from 0.0001 to 0.01; the best lies beyond",
        "The earlier search",
        "So it is.",
        "64 settings of may are in this space, 3 are not.",
        ">failed<",
        why,
        "successive halving",
        "8: 0.2",
    ):
        assert words in html, words


def test_without_evidence_no_part_is_made_up(rendered):
    html = rendered(evidence())
    assert "What the best is worth" not in html and "The earlier search" not in html
    assert "Stacks were not timed" in html


def test_a_replay_says_where_its_stacks_come_from(rendered):
    assert "log of another run" in rendered(evidence(), events=[{"event": "started", "replay": "log.jsonl"}])


def test_a_dropped_search_says_so(rendered):
    html = rendered(evidence(warm_start=warm(kept=False)))
    assert ">dropped<" in html and ">kept<" not in html


def test_text_is_harmless(rendered):
    found = evidence(warm_start=warm() | {"reason": HOSTILE, "run": HOSTILE})
    found["space"] |= {HOSTILE: {"values": [1, 2]}}
    found["trials"][0]["values"] |= {HOSTILE: 1}
    found["warm_start"]["probes"][0]["values"] = {HOSTILE: HOSTILE}
    html = rendered(found)
    assert "<img" not in html and html.count("&lt;img") >= 4


def test_places_lie_on_the_ranges_own_scale():
    rate, width = ranges(evidence(best=1e-4), {})
    assert rate["best"] == 0.0 and rate["good"] == pytest.approx([0.0, 76.7, 82.57])
    assert rate["told"] == "near an edge; no reason to widen" and rate["given"] is None
    assert (width["best"], width["low"], width["high"]) == (50.0, "16", "64")
    assert width["told"] == "between those listed"


@pytest.mark.parametrize(
    "best, finding, told",
    [
        (0.05, edge(), "the best lies beyond"),
        (0.005, edge(), "nothing better beyond"),
        (0.05, edge(low=1e-4, high=1e-1, widened=(1e-4, 1e-1)), "at the upper edge; a wider range may gain"),
        (2e-4, edge("low", 1e-3, 1e-1, (1e-4, 1e-1)), "the best lies beyond"),
        (0.01, None, "inside"),
    ],
)
def test_what_became_of_an_edge_is_told(best, finding, told):
    own = ranges(evidence(best=best), {"findings": [finding] if finding else []})[0]
    assert own["told"].endswith(told) and own["edge"] == bool(finding)
    if finding and "widened from" in own["told"]:
        assert own["given"] in ([0.0, 66.67], [33.33, 100.0])


def test_an_option_that_the_best_setting_lacks_has_no_dot():
    found = evidence()
    found["trials"][0]["values"].pop(RATE)
    own = ranges(found, {})[0]
    assert own["best"] is None and own["good"] and own["told"] == "not in the best setting"


def test_failed_trials_have_no_place():
    found = evidence()
    for trial in found["trials"]:
        trial["loss"] = None
    assert ranges(found, {}) == []


def test_the_chosen_size_is_cheapest_a_network(tmp_path):
    log = tmp_path / "log.jsonl"
    lines = [
        {"event": "timed", "name": "stacks.members.a", "milliseconds_a_step": {"1": 0.5, "8": 1.6}},
        {"event": "decision", "name": "stacks.members.a", "value": 8},
        {
            "event": "timed",
            "name": "stacks.widths.b",
            "milliseconds_a_step": {"16": 1, "64": 3, "together": 5},
        },
        {"event": "decision", "name": "stacks.widths.b", "value": False},
    ]
    log.write_text("".join(json.dumps(own) + "\n" for own in lines) + '{"event": "timed", "na')
    found = stacks(log)
    assert [(own["members"], own["ms"], own["chosen"]) for own in found["sizes"][0]] == [
        (1, 0.5, False),
        (8, 0.2, True),
    ]
    assert found["widths"] == [{"widths": "16, 64", "apart": 4, "together": 5, "chosen": "apart"}]
    assert stacks(tmp_path / "none.jsonl")["sizes"] == []


def test_a_search_alone_shows_the_steps_it_has(make_run):
    folder = make_run()
    result = json.loads((folder / "result.json").read_text())
    assert len(facts(folder)["steps"]) == len(result["steps"]) == 13
    made = {"data_check", "baselines", "calibrate", "test_once"}
    steps = [Step(own["name"], "pass", "Made.") for own in result["steps"] if own["name"] in made]
    named = as_in_train(
        [*steps, Step("search", "pass", "40 trials.")], [own["name"] for own in result["steps"]]
    )
    (folder / "result.json").write_text(json.dumps(result | {"steps": to_json(named)}))
    found = facts(folder)
    assert [own["title"] for own in found["steps"]] == [
        "Data check", "Baselines", "Search", "Calibration", "Test, once",
    ]  # fmt: skip
    assert "5 steps: 5 passed." in page.render(found)
