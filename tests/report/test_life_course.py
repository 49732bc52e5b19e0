"""The course of a life: places on the chart, the version in force, the order of batches, and what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from retemper.core.errors import InputError
from retemper.core.version_records import Life
from retemper.report.life import life_facts
from retemper.report.life import render as render_life
from retemper.report.life_course import MOST_DRAWN, course, life_of
from retemper.report.life_stream import render
from retemper.report.write import write

from .decisions_made_up import kept, promoted, stream, unlabelled

EVIL = "<script>alert(1)</script>"


def saved(folder: Path, decisions: list[tuple[str, dict[str, Any]]]) -> Path:
    """A RUN of a watched stream, its batches written in any order."""
    for label, decision in reversed(decisions):
        place = folder / "batches" / label
        place.mkdir(parents=True)
        (place / "decision.json").write_text(json.dumps(decision))
    return folder


def words(page: str) -> str:
    plain = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", plain.replace("\N{NO-BREAK SPACE}", " "))


def test_places_on_the_chart() -> None:
    found = course([("May", promoted()), ("June", kept())])
    first, second = found["decisions"]
    assert (first["x"], second["x"]) == (25, 75)
    # Log loss: more is worse and stands higher; low and high are before + the change's ends.
    assert first["y"]["before"] == 190 - 16 and first["y"]["high"] == 16
    assert first["y"]["high"] < first["y"]["now"] < first["y"]["low"] < first["y"]["before"]
    assert first["y"]["now"] < first["y"]["after"] < first["y"]["before"]
    assert second["y"]["after"] is None, "what was not promoted never predicted"


def test_the_version_in_force() -> None:
    found = course(stream())
    assert [(own["name"], own["short"]) for own in found["bands"]] == [
        (f"income@{k}", str(k)) for k in (3, 4, 5, 6)
    ]
    assert sum(own["width"] for own in found["bands"]) == pytest.approx(100, abs=0.1)
    assert found["bands"][1]["at"] == pytest.approx(100 * 4 / 14, abs=0.01)
    assert (found["count"], found["promoted"], found["alarms"]) == (14, 3, 5)


def test_other_metrics_have_no_dot() -> None:
    found = course([("May", unlabelled()), ("June", kept())])  # accuracy, then log loss
    assert found["others"] == 1 and found["metric"]["title"] == "Log loss"
    assert set(found["decisions"][0]["y"].values()) == {None}
    assert "1 decision was made by another metric and has no dot." in words(
        render({"name": "flow", "in_force": "a@1", "course": found})
    )


def test_the_contract_s_keys_and_nulls_are_enough() -> None:
    nothing = {
        "harm": {"metric": "rmse", "before": None, "now": None, "low": None, "high": None, "estimated": True},
        "drift": {"detected": False, "p_value": None, "alpha": 0.05, "families": {}, "columns": []},
        "candidates": [],
        "champion": "flow@1",
        "challenger": None,
        "promoted": False,
        "gate": {"verdict": "keep", "reason": "There are too few rows.", "tests": []},
        "strategy": "nothing",
    }
    page = words(render({"name": "flow", "in_force": "flow@1", "course": course([("May", nothing)])}))
    assert "not compared" in page and "It can't be told" in page.replace("&#39;", "'") and "flow@1" in page


def test_batches_in_order_with_links(tmp_path: Path) -> None:
    folder = saved(tmp_path, [("batch-2", promoted()), ("batch-9", kept()), ("batch-10", unlabelled())])
    (folder / "batches" / "batch-9" / "report.html").write_text("")
    facts = life_of(folder)
    assert [own["label"] for own in facts["course"]["decisions"]] == ["batch-2", "batch-9", "batch-10"]
    assert [own["page"] for own in facts["course"]["decisions"]] == [
        None,
        "batches/batch-9/report.html",
        None,
    ]
    assert facts["in_force"] == "income@3"


def test_the_report_of_a_watched_stream(tmp_path: Path) -> None:
    text = words(write(saved(tmp_path, stream())).read_text())
    for said in (
        "income@6 is in force, after 14 decisions.",
        "5 alarms of drift",
        "3 promotions",
        "11 times the model stayed",
        "Gain +0.077 (+0.059 to +0.095)",
        "The world has changed, but that does no harm.",
        "hollow: estimated without labels",
    ):
        assert said in text, said


def test_only_the_last_are_drawn(tmp_path: Path) -> None:
    many = [(f"{k}", kept()) for k in range(MOST_DRAWN + 5)]
    found = life_of(saved(tmp_path, many))["course"]
    assert (found["left_out"], found["count"], len(found["decisions"])) == (5, MOST_DRAWN + 5, MOST_DRAWN)
    assert found["decisions"][0]["label"] == "5"


@pytest.mark.parametrize(("content", "code"), [(None, "no_result"), ("{", "bad_result")])
def test_nothing_was_watched_or_a_decision_is_damaged(tmp_path: Path, content: str | None, code: str) -> None:
    if content is not None:
        (tmp_path / "batches" / "1").mkdir(parents=True)
        (tmp_path / "batches" / "1" / "decision.json").write_text(content)
    with pytest.raises(InputError) as refused:
        life_of(tmp_path)
    assert refused.value.code == code


def test_decisions_on_the_page_of_a_registered_model() -> None:
    life = Life("churn", (), ())
    told = words(render_life(life_facts(life, "registry", [("version 2", promoted())])))
    assert "Decision after decision" in told and "Replay" in told
    assert "Decision after decision" not in words(render_life(life_facts(life, "registry")))


def test_text_of_the_data_stays_text() -> None:
    own = promoted() | {"champion": EVIL, "challenger": EVIL, "strategy": EVIL}
    page = render({"name": EVIL, "in_force": EVIL, "course": course([(EVIL, own)])})
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
