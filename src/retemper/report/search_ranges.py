"""Where in each range the best value lies, the good ones around it, and which ranges were widened."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retemper.report.study import short
from retemper.report.words import number

MOST_RANGES = 24
OUTER = 10.0
"""Percent of a range at either end."""
Place = Callable[[Any], float]


def ranges(evidence: Mapping[str, Any], result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for each option with an order: numbers from a range, or numbers that were listed.

    Args:
        evidence: of the step ``search``: ``space`` and ``trials``, the best first.
        result: the content of result.json; its findings ``edge_of_range`` are read.

    Returns:
        for each: ``name``, ``low`` and ``high`` of the scale, the places in percent of the ``best`` value, of the
        ``good`` ones and of the range as it was ``given``, and ``told``, a few words.

    >>> trials = [{"loss": 0.1, "values": {"width": 64}}, {"loss": 0.2, "values": {"width": 16}}]
    >>> (own,) = ranges({"space": {"width": {"values": [16, 32, 64]}}, "trials": trials}, {})
    >>> own["best"], own["told"]
    (100.0, 'the largest of those listed')
    """
    sound = [own["values"] for own in evidence.get("trials") or [] if own.get("loss") is not None]
    if not sound:
        return []
    edges = {
        own["evidence"]["option"]: own
        for own in result.get("findings") or []
        if own.get("code") == "edge_of_range" and "option" in (own.get("evidence") or {})
    }
    space = evidence.get("space") or {}
    found = [_line(path, axis, sound, edges.get(path)) for path, axis in space.items()]
    return [own for own in found if own][:MOST_RANGES]


def _line(
    path: str, axis: Mapping[str, Any], values: Sequence[Mapping[str, Any]], edge: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    place, low, high = _scale(axis)
    if place is None:
        return None
    having = [own[path] for own in values if path in own]
    if not having:
        return None
    good = {place(value) for value in having[: math.ceil(math.sqrt(len(having)))]}
    best = values[0].get(path)
    given = edge["evidence"] if edge and _is_wider(edge["evidence"]) else None
    return {
        "path": path,
        "name": path.rpartition(".")[2],
        "low": short(low),
        "high": short(high),
        "value": None if best is None else short(best),
        "best": None if best is None else place(best),
        "good": sorted(good),
        "given": [place(given["low"]), place(given["high"])] if given else None,
        "told": _told(best, axis, edge, place),
        "edge": edge is not None,
    }


def _scale(axis: Mapping[str, Any]) -> tuple[Place | None, Any, Any]:
    """Value → percent of the scale, and the scale's ends; None: the values have no order."""
    if "low" in axis:
        low, high, log = float(axis["low"]), float(axis["high"]), bool(axis.get("log"))
        if high <= low:
            return None, low, high

        def along(value: Any) -> float:
            share = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
            return round(100 * min(max(share, 0.0), 1.0), 2)

        whole = bool(axis.get("integer"))
        return along, int(low) if whole else low, int(high) if whole else high
    values = axis.get("values") or []
    if len(values) < 2 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return None, None, None
    ordered = sorted(values)

    def step(value: Any) -> float:
        return round(100 * ordered.index(value) / (len(ordered) - 1), 2)

    return step, ordered[0], ordered[-1]


def _is_wider(evidence: Mapping[str, Any]) -> bool:
    return (evidence.get("widened_low"), evidence.get("widened_high")) != (evidence["low"], evidence["high"])


def _told(best: Any, axis: Mapping[str, Any], edge: Mapping[str, Any] | None, place: Place) -> str:
    if best is None:
        return "not in the best setting"
    if "values" in axis:
        ends = {
            min(axis["values"]): "the smallest of those listed",
            max(axis["values"]): "the largest of those listed",
        }
        return ends.get(best, "between those listed")
    if edge is None:
        return "inside" if OUTER <= place(best) <= 100 - OUTER else "near an edge; no reason to widen"
    given = edge["evidence"]
    side = "upper" if given["side"] == "high" else "lower"
    if not _is_wider(given):
        return f"at the {side} edge; a wider range may gain"
    was = f"widened from {number(given['low'], 3)} to {number(given['high'], 3)}"
    beyond = best > given["high"] if given["side"] == "high" else best < given["low"]
    return f"{was}; {'the best lies beyond' if beyond else 'nothing better beyond'}"
