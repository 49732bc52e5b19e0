"""The page of a model's life: what it says, and that no text of the registry becomes markup."""

from __future__ import annotations

import re

import pytest

from retemper.core.version_records import Change, DataFingerprint, Life, Lineage, Version
from retemper.report.life import life_facts, render

EVIL = "<script>alert(1)</script>"


def version(number: int, day: int, value: float | None = None, **more: object) -> Version:
    score = {"log_loss": {"value": value, "low": value - 0.1, "high": value + 0.1}} if value else {}
    data = DataFingerprint("/data/a.csv", {"train": 80, "test": 20}, ("age", "label"), "ab" * 32)
    lineage = Lineage("classification", "label", data, "cd" * 32, score, **more)  # type: ignore[arg-type]
    return Version(number, f"2026-03-{day:02}T00:00:00+00:00", lineage, {"model/bundle.json": "ef" * 32})


def change(action: str, number: int, before: int | None, day: int, reason: str = "") -> Change:
    return Change(action, number, before, f"2026-03-{day:02}T00:00:00+00:00", reason)  # type: ignore[arg-type]


@pytest.fixture
def life() -> Life:
    """Two versions: the second was promoted on day 11 and taken back on day 21."""
    changes = (change("add", 1, None, 1), change("promote", 2, 1, 11), change("rollback", 1, 2, 21, EVIL))
    return Life("churn", (version(1, 1, 0.4), version(2, 5, 0.3, note=EVIL, parent=1)), changes, (3,))


def test_places_on_the_time_line(life: Life) -> None:
    first, second = life_facts(life, "registry")["versions"]
    day = 94 / 20  # 20 days are 94 % of the line
    assert first["periods"] == [pytest.approx((0, 10 * day)), pytest.approx((94, 6))]
    assert second["periods"] == [pytest.approx((10 * day, 10 * day))]
    assert second["at"] == pytest.approx(4 * day) and (first["in_force"], second["in_force"]) == (True, False)


def test_places_on_the_scale_of_scores(life: Life) -> None:
    first, second = (own["score"] for own in life_facts(life, "registry")["versions"])
    assert second["at"] < first["at"] and first["ends"][0] == pytest.approx(100 * (0.1 + 0.012) / 0.324)
    assert first["ends"][0] + first["ends"][1] == pytest.approx(100 * (0.3 + 0.012) / 0.324)


def test_what_the_page_says(life: Life) -> None:
    page = render(life_facts(life, "registry"))
    text = re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))
    for words in (
        "Version 1 is in force, since 2026-03-21 00:00 (UTC).",
        "Damaged: version 3.",
        "Rolled back · version 1",
        "further left is better",
        "0.3000",
        "version 1",
        "80 train, 20 test",
    ):
        assert words in text, words
    assert "<script" not in page and page.count("&lt;script&gt;") >= 2
    assert "http" not in re.sub(r"http-equiv", "", page)


@pytest.mark.parametrize("scored", [False, True])
def test_a_life_that_has_just_begun(scored: bool) -> None:
    only = version(1, 1, 0.5 if scored else None)
    page = render(life_facts(Life("churn", (only,), ()), "registry"))
    assert (
        "No version is in force" in page
        and ("not scored" not in page)
        and ("No version came" in page) != scored
    )
