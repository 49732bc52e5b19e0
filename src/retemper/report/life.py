"""A registered model's life as a page: scores from version to version, which was in force when, and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version as installed
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from retemper.core.version_records import Life, Version
from retemper.report.decision_words import strategy
from retemper.report.life_course import Decisions, course
from retemper.report.page import asset, environment
from retemper.report.page_file import write_page
from retemper.report.words import MAIN, metric

AHEAD = 0.06
"""Of the time line, behind the last event: what is in force stays in force."""


def life_facts(life: Life, place: str, decisions: Decisions = ()) -> dict[str, Any]:
    """What the page shows, as plain data.

    Args:
        life: the model's versions and changes.
        place: the registry.
        decisions: (label, content of decision.json) of retrainings, oldest first; the versions' own, or a stream's.

    Returns:
        Positions along a time line and along a scale of scores are in per cent of their width.
    """
    tasks = [own.lineage.task for own in life.versions]
    main = MAIN.get(tasks[-1], "") if tasks else ""
    line = _TimeLine(life)
    scale = _scale([own.lineage.metrics.get(main) for own in life.versions])
    return {
        "name": life.name,
        "place": place,
        "metric": metric(main)._asdict() if scale else None,
        "in_force": life.in_force,
        "since": _day(life.changes[-1].at) if life.changes else None,
        "versions": [_version(own, life, line, scale, main) for own in life.versions],
        "damaged": list(life.damaged),
        "changes": [
            {"at": _day(own.at), "action": own.action, "version": own.version, "before": own.before}
            | {"reason": own.reason}
            for own in reversed(life.changes)
        ],
        "ends": line.ends,
        "course": course(decisions) if decisions else None,
        "rollbacks": sum(own.action == "rollback" for own in life.changes),
    }


def _version(
    own: Version, life: Life, line: _TimeLine, scale: tuple[float, float] | None, main: str
) -> dict[str, Any]:
    lineage = own.lineage
    score = lineage.metrics.get(main)
    data = lineage.data
    return {
        "number": own.number,
        "in_force": own.number == life.in_force,
        "added": _day(own.added),
        "at": line.place(own.added),
        "periods": line.periods(own.number),
        "score": _mark(score, scale) if score and scale else None,
        "metrics": [(metric(name), value) for name, value in lineage.metrics.items()],
        "rows": sum(data.rows.values()) or None,
        "parent": lineage.parent,
        "decision": lineage.decision
        and {**lineage.decision, "strategy": strategy(str(lineage.decision["strategy"]))},
        "note": lineage.note,
        "lines": [
            ("Target", f"{lineage.target} ({lineage.task})"),
            ("Data", data.source or "not known"),
            ("Rows", ", ".join(f"{rows:,} {split}" for split, rows in data.rows.items()) or "not known"),
            (
                "Columns",
                f"{len(data.columns)}: {', '.join(data.columns[:12])}{' …' * (len(data.columns) > 12)}",
            ),
            ("SHA-256 of the data", data.sha256 or "not known"),
            ("SHA-256 of the recipe", lineage.recipe),
            ("Added from", lineage.run or "a bundle alone"),
            ("Added by", f"retemper {lineage.retemper}"),
            *((f"SHA-256 of {name}", digest) for name, digest in own.files.items()),
        ],
    }


class _TimeLine:
    """Places in per cent between the first event and a little behind the last."""

    def __init__(self, life: Life) -> None:
        self._changes = life.changes
        times = [_seconds(own.added) for own in life.versions] + [_seconds(own.at) for own in life.changes]
        self._first, last = min(times, default=0.0), max(times, default=0.0)
        self._length = max(last - self._first, 1.0) / (1 - AHEAD)
        self.ends = [_day(datetime.fromtimestamp(each, UTC).isoformat()) for each in (self._first, last)]

    def place(self, when: str) -> float:
        return 100 * (_seconds(when) - self._first) / self._length

    def periods(self, number: int) -> list[tuple[float, float]]:
        """Left end and width of each time that a version was in force."""
        places = [*(self.place(own.at) for own in self._changes), 100.0]
        return [
            (left, max(0.0, right - left))
            for own, (left, right) in zip(self._changes, pairwise(places), strict=True)
            if own.version == number
        ]


def _scale(scores: list[Mapping[str, float | None] | None]) -> tuple[float, float] | None:
    """Both ends of the axis of scores; None where there is none to show."""
    ends = [
        end
        for score in scores
        if score and score.get("value") is not None
        for end in (score["value"], score.get("low"), score.get("high"))
        if end is not None
    ]
    if not ends:
        return None
    room = 0.04 * (max(ends) - min(ends)) or max(abs(ends[0]) * 0.1, 1e-9)
    return min(ends) - room, max(ends) + room


def _mark(score: Mapping[str, float | None], scale: tuple[float, float]) -> dict[str, Any] | None:
    value, low, high = (score.get(key) for key in ("value", "low", "high"))
    if value is None:
        return None

    def place(number: float) -> float:
        return 100 * (number - scale[0]) / (scale[1] - scale[0])

    ends = None if low is None or high is None else (place(low), max(0.0, place(high) - place(low)))
    return {"value": value, "low": low, "high": high, "at": place(value), "ends": ends}


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).timestamp()


def _day(when: str) -> str:
    """A date and a time of day that a person reads: ``2026-07-14 10:15``, UTC."""
    return datetime.fromisoformat(when).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def render(facts: dict[str, Any]) -> str:
    """The page as HTML, without scripts.

    Args:
        facts: from :func:`life_facts`.

    >>> page = render(life_facts(Life("churn", (), ()), "registry"))
    >>> "No version is in force" in page, "<script" in page
    (True, False)
    """
    template = environment().get_template("life.html.j2")
    return template.render(
        facts, style=Markup(asset("page.css") + asset("decision.css")), by=installed("retemper")
    )


def write(facts: dict[str, Any], path: Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        InputError: ``cannot_write``.
    """
    return write_page(render(facts), path)
