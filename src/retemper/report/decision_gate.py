"""What the page of a decision tells of the gate: every test, its interval and limit, and what it could have seen."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from retemper.report.decision_words import change, ends, gate_test, plural
from retemper.report.words import metric, number

ROOM = 0.05


def gate_facts(gate: dict[str, Any]) -> dict[str, Any]:
    """The gate as the page shows it.

    Args:
        gate: of decision.json; of its tests, all but ``name``, ``difference``, ``low``, ``high`` and ``passed`` may
            be missing.

    Returns:
        ``verdict``, ``reason``, ``groups`` (tests of one metric on one scale, in per cent of its width), ``counts``,
        ``not_tested``.
    """
    tests = [own for own in gate.get("tests") or [] if isinstance(own, dict)]
    measures = list(dict.fromkeys(_measure(own) for own in tests))
    ordered = sorted(tests, key=lambda own: measures.index(_measure(own)))
    passed = sum(bool(own.get("passed")) for own in tests)
    return {
        "verdict": gate.get("verdict"),
        "reason": gate.get("reason") or "",
        "groups": [_group(name, list(own)) for name, own in groupby(ordered, key=_measure)],
        "counts": {"made": len(tests), "passed": passed, "failed": sum(blocking(own) for own in tests)},
        "excused": sum(not own.get("passed") and not blocking(own) for own in tests),
        "not_tested": [(gate_test(name), why) for name, why in (gate.get("not_tested") or {}).items()],
    }


def blocking(test: dict[str, Any]) -> bool:
    """Whether a test failed that stands against the challenger.

    >>> blocking({"passed": False}), blocking({"passed": False, "blocks": False})
    (True, False)
    """
    return not test.get("passed") and bool(test.get("blocks", True))


def _measure(test: dict[str, Any]) -> str:
    """What the test's numbers are of; tests of one measure share a scale."""
    return str(test.get("metric") or test.get("name"))


def _group(name: str, tests: list[dict[str, Any]]) -> dict[str, Any]:
    """Tests on one scale of gains, 0 and the limits on it."""
    known = all(own.get("metric") for own in tests) and tests[0].get("rule") != "limit"
    marks = [end for own in tests for end in (*_span(own), _limit(own)) if end is not None] + [0.0]
    low, high = min(marks), max(marks)
    room = ROOM * (high - low) or 1.0

    def place(value: float | None) -> float | None:
        if value is None:
            return None
        return round(100 * (value - low + room) / (high - low + 2 * room), 2)

    return {
        "title": metric(name).title if known else "",
        "ratio": tests[0].get("rule") == "limit",
        "tests": [_test(own, place) for own in tests],
    }


def _test(own: dict[str, Any], place: Any) -> dict[str, Any]:
    name = str(own.get("metric") or "")
    ratio = own.get("rule") == "limit"
    low, middle, high = _span(own)
    rows, seen = own.get("rows"), own.get("could_see")
    failed = not own.get("passed")
    return {
        "title": gate_test(str(own.get("name"))),
        "passed": not failed,
        "blocks": bool(own.get("blocks", True)),
        "word": "passed" if not failed else "failed" if own.get("blocks", True) else "reported",
        "badge": "pass" if not failed else "fail" if own.get("blocks", True) else "skipped",
        "at": place(middle),
        "from": place(low if low is not None else middle),
        "to": place(high if high is not None else middle),
        "zero": place(0.0),
        "limit": place(_limit(own)),
        "value": _ratio(middle) if ratio else change(name, middle, signed=True),
        "ends": ends(name, low, high)
        if not ratio
        else ""
        if low == high
        else f"{_ratio(high)} to {_ratio(low)}",
        "rule": _rule(own, name),
        "power": _power(own, name, rows, seen),
        "p": own.get("p_value"),
    }


def _span(test: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    return test.get("low"), test.get("difference"), test.get("high")


def _limit(test: dict[str, Any]) -> float | None:
    """Where the line lies that decides, on the scale of gains."""
    limit, rule = test.get("limit"), test.get("rule")
    if limit is None or rule == "gain":
        return None
    if rule == "limit":
        return 1.0 - float(limit)
    return -float(limit) if limit else None


def _ratio(gain: float | None) -> str:
    """The gate tells a ratio r of costs as the gain 1 - r."""
    return "–" if gain is None else f"{number(1 - gain, 3)}×"


def _rule(own: dict[str, Any], name: str) -> str:
    limit = own.get("limit")
    beyond = f" of more than {change(name, limit)}" if limit else ""
    return {
        "gain": "passes when a gain is proved",
        "not_worse": f"passes when a loss{beyond} is ruled out",
        "no_harm": f"passes unless a loss{beyond} is proved",
        "limit": f"passes up to {number(limit, 3)} times the old model's",
    }.get(str(own.get("rule")), "")


def _power(own: dict[str, Any], name: str, rows: int | None, seen: float | None) -> str:
    """What so many rows show and what they can't."""
    told = "" if rows is None else plural(rows, "row" if own.get("rule") != "limit" else "measurement")
    if seen is None:
        return told
    return f"{told + ': ' if told else ''}a change of {change(name, seen)} would mostly show, a smaller one may hide"
