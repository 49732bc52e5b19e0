"""The page of a decision: what it says of made-up decisions, and that no text of theirs becomes markup."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from tests.report.decisions_made_up import bare, candidate, kept, promoted, unlabelled

from retemper.core.errors import InputError
from retemper.report.decision_facts import decision_facts, told_of
from retemper.report.decision_page import render
from retemper.report.life_course import course
from retemper.report.write import write

EVIL = "<script>alert(1)</script>"


def words(page: str) -> str:
    """The text that a person reads."""
    plain = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(
        r"\s+", " ", plain.replace("\N{NO-BREAK SPACE}", " ").replace("&#39;", "'").replace("&lt;", "<")
    )


def page_of(decision: dict[str, Any]) -> str:
    return words(render(told_of(decision, "run-7")))


def test_promoted_over_concept_drift() -> None:
    page = page_of(promoted())
    for said in (
        "A new model takes over: it is better on the new rows. It loses on old ones, whose targets no longer hold.",
        "On 2,000 new rows, Replay gains 0.077 of log loss (95 % interval 0.059 to 0.095).",
        "On old rows it loses 1 point of accuracy (95 % interval 0.57 to 1.43 points).",
        "In force: income@4, instead of income@3.",
        "The same inputs now have other targets",
        "The change begins at row 12,000 of 20,000, p = 0.001; most of it in workclass (61 %)",
        "Most changed: Platform, from 0 % to 22.5 %.",
        "Log loss went from 0.2810 to 0.3950: worse by 0.114 (95 % interval 0.088 to 0.141).",
        "Of those within noise of the best, replay is the cheapest.",
        "6 of 8 tests passed, 2 are reported and do not block.",
        "8,000 rows: a change of 0.6 points would mostly show, a smaller one may hide.",
        "passes when a loss of more than 1 point is ruled out",
        "−0.73 points",
        "Networks trained 20",
    ):
        assert said in page, said


def test_kept_for_losses_elsewhere() -> None:
    page = page_of(kept())
    for said in (
        "The model stays: a new one is better on the new rows, but it loses on old rows and it is worse where "
        "workclass is Unpaid.",
        "On old rows it loses 2.3 points of accuracy (95 % interval 1.8 to 2.8 points).",
        "3 of 5 tests passed, 2 stand against it.",
        "2.3× 2.2× to 2.4×",
        "passes up to 5 times the old model's",
        "In force: income@3; income@4 was not let through.",
    ):
        assert said in page, said
    assert "What was forgotten" not in page and "Since when" not in page


def test_without_labels_nothing_is_tried() -> None:
    page = page_of(unlabelled())
    for said in (
        "The model stays: the new rows have no target, so no new model could be tried.",
        "Estimated without labels: Accuracy went from 87.1 % to 84.9 %: worse by 2.2 points",
        "Reliability of the estimate: fair .",
        "Without labels nobody can see whether the same inputs now have other targets.",
        "Importance weighting 84.7 % 0.8 points 0.9 points 2,210",
        "Nothing was tried.",
        "No new model came to the gate.",
    ):
        assert said in page, said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "The drift is harmless so far."),
        ({"estimated": True, "reliability": "good"}, "By this estimate the drift is harmless so far."),
        ({"estimated": True, "reliability": "poor"}, None),
    ],
)
def test_drift_is_called_harmless_only_where_that_is_known(more: dict[str, Any], said: str | None) -> None:
    made = unlabelled()
    made["harm"] |= {"verdict": "none", "low": -0.004, "high": 0.006, "estimated": False} | more
    page = page_of(made)
    assert ("harmless" in page) == (said is not None) and (said or "") in page


def test_the_keys_of_the_contract_alone_make_a_whole_page() -> None:
    page = page_of(bare())
    assert "Then and now" not in page and "Since when" not in page
    for said in (
        "it loses on old rows",
        "It hurts",
        "Better on new rows passed",
        "Nothing the model as it is",
    ):
        assert said in page, said


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"drift": {"detected": False, "p_value": 0.3}, "harm": {}}, "the new rows look like the old ones."),
        (
            {"drift": {"detected": True, "p_value": 0.01}, "harm": {"metric": "rmse", "low": -1, "high": 1}},
            "the world has changed, but that does no harm.",
        ),
        (
            {"drift": {"detected": True, "p_value": 0.01}, "harm": {"low": 0.1, "high": 1}},
            "no new model was tried.",
        ),
        (
            {"drift": {"detected": False, "p_value": 0.3}, "harm": {"low": 0.1, "high": 1}},
            "no new model was tried.",
        ),
    ],
)
def test_why_nothing_was_tried(changes: dict[str, Any], headline: str) -> None:
    told = told_of({"candidates": [], "promoted": False, "strategy": "nothing", **changes}, "run")
    assert told["answer"]["headline"] == f"The model stays: {headline}"


@pytest.mark.parametrize(
    ("name", "ends", "against"),
    [
        ("better_on_new", (-0.1, 0.1), "no new model is proved to be better on the new rows."),
        ("accuracy_on_old", (-0.1, 0.1), "better on the new rows, but it may lose too much on old rows."),
        ("accuracy_on_new", (-0.2, -0.1), "better on the new rows, but its accuracy is worse there."),
        (
            "calibration",
            (-0.2, -0.1),
            "better on the new rows, but its stated probabilities are less honest.",
        ),
        ("cost", (-9.0, -9.0), "better on the new rows, but a prediction costs too much."),
        ("likely_on_new_alone", (-0.1, 0.2), "better on the new rows, but the new rows alone don't show it."),
    ],
)
def test_what_stands_against_it(name: str, ends: tuple[float, float], against: str) -> None:
    gain = {"name": "better_on_new", "difference": 0.2, "low": 0.1, "high": 0.3, "passed": True}
    failed = {"name": name, "difference": sum(ends) / 2, "low": ends[0], "high": ends[1], "passed": False}
    tests = [failed] if name == "better_on_new" else [gain, failed]
    made = kept() | {"gate": {"verdict": "keep", "reason": "", "tests": tests}}
    assert told_of(made, "run")["answer"]["headline"].endswith(against)


def test_old_rows_that_judged_the_gain_are_told() -> None:
    made = promoted()
    made["gate"]["tests"][0]["old_rows"] = 1500
    page = page_of(made)
    assert "On 500 new rows and 1,500 old ones of the same world, Replay gains 0.077 of log loss" in page


def test_runs_of_one_strategy_are_told_by_the_best() -> None:
    made = promoted()
    short = "a short run of the race"
    runs = [
        ("ewc", short, 0.39, 0.8),
        ("ewc", short, 0.34, 0.82),
        ("lwf", short, 0.36, 0.8),
        ("ewc", "the challenger", 0.33, 0.85),
    ]
    made["candidates"] = [
        candidate(name, (loss, right), (0.3, 0.86), 1.0, 0.1) for name, _, loss, right in runs
    ]
    for own, (_, note, *_) in zip(made["candidates"], runs, strict=True):
        own["note"] = note
    made |= {
        "strategy": "ewc",
        "compute": {"spent": 3.0, "from_scratch": 12.0},
        "not_raced": {"gdumb": "too dear"},
    }
    told = told_of(made, "run")["candidates"]
    assert [(own["note"], own["chosen"], own["new"]["value"]) for own in told["shown"]] == [
        ("the challenger", True, "0.3300"),
        ("a short run of the race, the best of 2", False, "0.3400"),
        (short, False, "0.3600"),
    ]
    page = page_of(made)
    for said in (
        "2 strategies tried",
        "Strategies tried 2 Their runs 4",
        "All runs together took 4.0 s and cost 25 % of training from scratch.",
        "1 not tried, with the reason GDumb too dear",
        "Elastic weights, on new rows 0.3300",
    ):
        assert said in page, said


def test_what_the_model_did_not_know() -> None:
    made = promoted()
    gone = {"code": "columns_gone", "severity": "warning", "message": "The new rows have no column 'age'."}
    levels = {"workclass": ["Platform"], "city": [f"c{k}" for k in range(20)]}
    made |= {
        "added": {"classes": {"500K": 0.1}, "levels": levels, "columns": {}, "gone": ["age"]},
        "findings": [gone],
    }
    made |= {"rows": {"new": 2000, "never_trained_on": 333}}
    page = page_of(made)
    for said in (
        "New classes 500K",
        "New levels workclass: Platform; city: c0, c1,",
        "c11, and 8 more",
        "Columns that are gone age",
        "The new rows have no column 'age'.",
        "Kept apart, never trained on 333",
    ):
        assert said in page, said
    assert "New columns" not in page


def test_nothing_to_compare_with_is_said() -> None:
    made = unlabelled()
    why = [{"code": "rows", "why": "there are no old rows to compare with"}]
    nothing = {"detected": False, "p_value": None, "families": {}, "columns": [], "not_applicable": why}
    made["drift"] = {"alpha": 0.05, "rows": {"current": 50}, **nothing}
    page = page_of(made)
    assert "Nothing could be compared." in page and "there are no old rows to compare with" in page
    assert "– is the world different?" in page


def test_a_family_has_its_share_of_alpha() -> None:
    made = unlabelled()
    drift = told_of(made, "run")["drift"]
    assert drift["share"] == pytest.approx(0.05 / 4)
    assert [own["alarm"] for own in drift["families"]] == [True, True, True, False]
    assert drift["families"][3]["at"] < drift["families"][3]["limit"] < drift["families"][0]["at"]


def test_the_forest_is_one_scale_a_metric() -> None:
    groups = told_of(promoted(), "run")["gate"]["groups"]
    assert [own["title"] for own in groups] == ["Log loss", "Accuracy", "Calibration error", ""]
    loss = groups[0]["tests"]
    assert len({own["zero"] for own in loss}) == 1 and loss[0]["limit"] is None
    reported = next(own for own in loss if own["word"] == "reported")
    assert reported["at"] < reported["limit"] < reported["zero"] < loss[0]["from"]
    assert groups[3]["tests"][0]["limit"] < groups[3]["tests"][0]["at"]


def test_intervals_of_now_clear_before_where_the_change_is_proved() -> None:
    before, now, after = told_of(promoted(), "run")["answer"]["marks"]
    assert before["at"] < now["from"] < now["at"] < now["to"] and after["at"] < now["from"]


def test_gains_and_losses_of_errors_read_the_right_way_round() -> None:
    made = kept()
    made["harm"] |= {
        "metric": "accuracy",
        "before": 0.8,
        "now": 0.84,
        "low": 0.02,
        "high": 0.06,
        "verdict": "better",
    }
    assert "better by 4 points (95 % interval 2 to 6 points)" in page_of(made)
    made["harm"] |= {"metric": "rmse", "before": 8.0, "now": 8.1, "low": -0.2, "high": 0.4, "verdict": "none"}
    assert "worse by 0.1 (95 % interval −0.2 to 0.4), no more than noise or a trifle." in page_of(made)


@pytest.mark.parametrize("make", [promoted, unlabelled])
@pytest.mark.parametrize("null", [False, True])
def test_whatever_is_missing_or_null_there_is_a_page(make: Callable[[], dict[str, Any]], null: bool) -> None:
    kinds = {tuple("#" if isinstance(key, int) else key for key in path): path for path in paths(make())}
    assert len(kinds) > 60
    for *way, last in kinds.values():
        made = make()
        holder: Any = reduce(getitem, way, made)
        if null and isinstance(holder, dict):
            holder[last] = None
        else:
            del holder[last]
        assert "</html>" in render(told_of(made, "run")), (*way, last)
        assert course([("May", made)])["count"] == 1


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value below this one."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in pairs:
        yield (*path, key)
        yield from paths(own, (*path, key))


def test_text_of_the_data_stays_text() -> None:
    made = json.loads(
        json.dumps(promoted()).replace("workclass", EVIL).replace("replay", EVIL).replace("March", EVIL)
    )
    made |= {"target": EVIL, "champion": EVIL, "choice": EVIL}
    made["gate"]["reason"] = EVIL
    page = render(told_of(made, EVIL))
    assert "<script" not in page and page.count("&lt;script&gt;") > 20
    assert "http" not in page.replace("http-equiv", "")


def test_the_report_of_a_run_that_retrained(tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text(json.dumps(promoted()))
    (tmp_path / "log.jsonl").write_text('{"event": "race", "kept": ["replay"]}\n[1]\n{"half')
    page = write(tmp_path)
    assert page == tmp_path / "report.html"
    text = words(page.read_text())
    assert "Log of decisions (3 events)" in text and "Race kept replay" in text and "Unreadable line" in text


@pytest.mark.parametrize(("content", "code"), [(None, "no_result"), ("{", "bad_result"), ("3", "bad_result")])
def test_a_decision_that_is_not_there_or_damaged(tmp_path: Path, content: str | None, code: str) -> None:
    if content is not None:
        (tmp_path / "decision.json").write_text(content)
    with pytest.raises(InputError) as refused:
        decision_facts(tmp_path)
    assert refused.value.code == code
