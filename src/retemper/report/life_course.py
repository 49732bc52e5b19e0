"""Decision after decision: how the model did, whether drift was seen, what was decided, which version was in force."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retemper.core.errors import InputError
from retemper.report.decision_answer import answer, judged_verdict
from retemper.report.decision_drift import equals, small
from retemper.report.decision_file import challenger_of, read_decision
from retemper.report.decision_harm import TITLES
from retemper.report.decision_words import change, ends, main_metric, strategy, told
from retemper.report.words import metric, phrase

MOST_DRAWN = 240
"""Of the decisions, the last ones that are drawn and told one by one."""
HEIGHT, EDGE = 190, 16
"""Of the chart, and of the empty strip at its top and bottom, in pixels."""
TICKS = 4

Decisions = Sequence[tuple[str, Mapping[str, Any]]]


def life_of(folder: Path) -> dict[str, Any]:
    """What the page of a watched stream shows, from ``batches/*/decision.json``, in the order of their names.

    Numbers within names count as numbers: batch-10 comes after batch-9.

    Args:
        folder: of the stream's RUN.

    Returns:
        ``name``, ``course`` (see :func:`course`), ``in_force``: what the last decision left in force.

    Raises:
        InputError: ``no_result`` where there is no decision, ``bad_result`` where one can't be read.
    """
    paths = sorted(folder.glob("batches/*/decision.json"), key=lambda path: natural(path.parent.name))
    if not paths:
        raise InputError(
            "no_result",
            "The folder holds no decisions: nothing was watched here yet.",
            {"folder": str(folder)},
            "Name the RUN folder of `retemper retrain NAME --watch FOLDER`.",
        )
    read = [read_decision(path) for path in paths]
    named = [(str(own.get("batch") or path.parent.name), own) for own, path in zip(read, paths, strict=True)]
    found = course(named)
    pages = [path.with_name("report.html") for path in paths[-MOST_DRAWN:]]
    for told_here, page in zip(found["decisions"], pages, strict=True):
        told_here["page"] = page.relative_to(folder).as_posix() if page.is_file() else None
    return {"name": folder.resolve().name, "course": found, "in_force": found["decisions"][-1]["in_force"]}


def natural(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, numbers in them by their value.

    >>> sorted(["batch-10", "batch-9", "a"], key=natural)
    ['a', 'batch-9', 'batch-10']
    """
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def course(decisions: Decisions) -> dict[str, Any]:
    """A chart with lanes below it, and a line for each decision.

    Args:
        decisions: (label, content of decision.json), oldest first, one or more.

    Returns:
        ``metric``; ``decisions``, each with its place ``x`` in per cent of the width, and ``y`` of before, now (with
        both ends) and after in pixels; ``ticks``; ``bands`` of the version in force; counts of all decisions.
    """
    shown = [_decision(label, dict(own)) for label, own in decisions[-MOST_DRAWN:]]
    name = shown[-1]["measure"]
    low, high = _range([own for own in shown if own["measure"] == name])

    def height(value: float | None) -> float | None:
        if value is None:
            return None
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low), 1)

    for place, own in enumerate(shown):
        same = own["measure"] == name
        own["x"] = round(100 * (place + 0.5) / len(shown), 3)
        own["y"] = {key: height(value) if same else None for key, value in own.pop("values").items()}
    every = [dict(own) for _, own in decisions]
    return {
        "metric": metric(name)._asdict(),
        "decisions": shown,
        "ticks": [(height(value), told(name, value)) for value in _ticks(low, high)],
        "bands": _bands(shown),
        "height": HEIGHT,
        "width": 16 * len(shown),
        "others": sum(own["measure"] != name for own in shown),
        "count": len(every),
        "alarms": sum(bool((own.get("drift") or {}).get("detected")) for own in every),
        "harmed": sum(judged_verdict(own) == "harm" for own in every),
        "promoted": sum(bool(own.get("promoted")) for own in every),
        "seconds": sum(own.get("seconds") or 0 for own in every) or None,
        "left_out": len(every) - len(shown),
    }


def _decision(label: str, own: dict[str, Any]) -> dict[str, Any]:
    name, harm, drift = main_metric(own), own.get("harm") or {}, own.get("drift") or {}
    before, now = harm.get("before"), harm.get("now")
    verdict, promoted = judged_verdict(own), bool(own.get("promoted"))
    in_force = own.get("challenger") if promoted else own.get("champion")
    return {
        "label": label,
        "measure": name,
        "values": {
            "before": before,
            "now": now,
            # The interval is of the change: laid at what was before, it clears "before" where the change is proved.
            "low": _sum(before, harm.get("low")) if now is not None else None,
            "high": _sum(before, harm.get("high")) if now is not None else None,
            "after": _after(own, name) if promoted else None,
        },
        "alarm": bool(drift.get("detected")),
        "p": _against(drift),
        "kinds": [phrase(str(kind)).lower() for kind in drift.get("kinds") or []],
        "harm": TITLES.get(verdict, phrase(verdict)),
        "badge": {"harm": "fail", "none": "pass", "better": "pass"}.get(verdict, "warn"),
        "before": told(name, before),
        "now": told(name, now),
        "change": ends(name, harm.get("low"), harm.get("high")),
        "estimated": bool(harm.get("estimated")),
        "promoted": promoted,
        "strategy": strategy(str(own.get("strategy"))) if own.get("candidates") else "nothing tried",
        "why": _gain(own) if promoted else _why(answer(own, name)["headline"]),
        "after": told(name, _after(own, name)) if promoted else None,
        "in_force": str(in_force or "not known"),
        "page": None,
    }


def _against(drift: Mapping[str, Any]) -> str:
    """The p-value and its bound, which in a stream is another one each time."""
    if drift.get("p_value") is None:
        return "not compared"
    bound = drift.get("alpha")
    return equals(drift["p_value"]) + (f" (alarm up to {small(bound)})" if bound else "")


def _after(own: dict[str, Any], name: str) -> float | None:
    """How the chosen candidate does on the new rows."""
    score = (challenger_of(own).get("new") or {}).get(name)
    return score.get("value") if isinstance(score, dict) else score


def _why(headline: str) -> str:
    """The reason alone: that the model stays is said beside it."""
    reason = headline.removeprefix("The model stays: ")
    return f"{reason[0].upper()}{reason[1:]}"


def _gain(own: dict[str, Any]) -> str:
    """The gain that the gate saw on new rows, with its interval."""
    tests = (own.get("gate") or {}).get("tests") or []
    first = next((test for test in tests if test.get("name") == "better_on_new"), None)
    if first is None:
        return ""
    name = str(first.get("metric") or main_metric(own))
    gain = change(name, first.get("difference"), signed=True)
    return f"Gain {gain} ({ends(name, first.get('low'), first.get('high'))})"


def _sum(value: float | None, more: float | None) -> float | None:
    return None if value is None or more is None else value + more


def _range(decisions: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    known = [value for own in decisions for value in own["values"].values() if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    return [low + (high - low) * k / (TICKS - 1) for k in range(TICKS)]


def _bands(shown: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Spans of decisions in a row with one version in force, in per cent of the width."""
    bands: list[dict[str, Any]] = []
    step = 100 / len(shown)
    for place, own in enumerate(shown):
        if bands and bands[-1]["name"] == own["in_force"]:
            bands[-1]["width"] = round(bands[-1]["width"] + step, 3)
        else:
            number = own["in_force"].rpartition("@")[2]
            bands.append(
                {"name": own["in_force"], "short": number, "at": round(place * step, 3), "width": step}
            )
    return bands
