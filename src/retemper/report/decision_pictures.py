"""A column then and now, as a picture: two histograms on one axis, or the shares of levels side by side."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from retemper.report.words import number, percent

MOST_LEVELS = 8


def picture(own: dict[str, Any]) -> dict[str, Any] | None:
    """What is drawn of a column.

    Args:
        own: ``name``, ``kind`` (``number`` or ``category``), ``edges`` or ``levels``, ``then`` and ``now`` (rows in
            each bin or level).

    Returns:
        None where there is nothing on one of the sides, or where counts and bins don't fit each other.

    >>> drawn = picture({"name": "a", "kind": "number", "edges": [0, 1, 3], "then": [5, 5], "now": [1, 9]})
    >>> drawn["sentence"]
    'Half of the values lay below about 1; now below about 1.89.'
    """
    then, now = ([float(count or 0) for count in own.get(side) or []] for side in ("then", "now"))
    if not sum(then) or not sum(now) or len(then) != len(now):
        return None
    shares = [[count / sum(side) for count in side] for side in (then, now)]
    base = {"name": str(own.get("name")), "rows": (int(sum(then)), int(sum(now)))}
    edges = own.get("edges")
    if edges:
        return base | _histogram(edges, shares) if len(edges) == len(then) + 1 else None
    levels = [str(level) for level in own.get("levels") or []]
    return base | _levels(levels, shares) if len(levels) == len(then) else None


def _histogram(edges: list[Any], shares: list[list[float]]) -> dict[str, Any]:
    """Bars and a line in per cent of the picture; heights are rows per unit, so that wide bins don't look full."""
    even = any(edge is None for edge in edges) or any(high <= low for low, high in pairwise(edges))
    places = [float(k) for k in range(len(edges))] if even else [float(edge) for edge in edges]
    first, length = places[0], places[-1] - places[0]
    lefts = [100 * (place - first) / length for place in places]
    widths = [high - low for low, high in pairwise(lefts)]
    density = [[share / width for share, width in zip(side, widths, strict=True)] for side in shares]
    top = max(map(max, density))
    bars = [
        [
            {"at": round(left, 2), "width": round(width, 2), "height": round(96 * own / top, 1)}
            for left, width, own in zip(lefts, widths, side, strict=False)
        ]
        for side in density
    ]
    known = [number(edge, 3) for edge in (edges[0], edges[-1])]
    return {"then": bars[0], "now": bars[1], "ends": known, "levels": None, "sentence": _moved(edges, shares)}


def _moved(edges: list[Any], shares: list[list[float]]) -> str:
    halves = [_half(edges, side) for side in shares]
    if None in halves:
        return ""
    before, now = (number(half, 3) for half in halves)
    return f"Half of the values lay below about {before}; now below about {now}."


def _half(edges: list[Any], side: list[float]) -> float | None:
    """The median, as far as a histogram tells it: straight between the ends of its bin."""
    reached = list(accumulate(side))
    k = next(k for k, share in enumerate(reached) if share >= 0.5 - 1e-12)
    low, high = edges[k], edges[k + 1]
    if low is None or high is None:
        return None
    return float(low + (high - low) * (0.5 - (reached[k] - side[k])) / side[k])


def _levels(levels: list[str], shares: list[list[float]]) -> dict[str, Any]:
    """The levels whose shares changed most, in the order they came; the others together."""
    then, now = shares
    ranked = sorted(range(len(levels)), key=lambda k: -abs(now[k] - then[k]))
    shown = sorted(ranked[:MOST_LEVELS])
    others = ranked[MOST_LEVELS:]
    rows = [(levels[k], then[k], now[k]) for k in shown]
    if others:
        rows.append((f"{len(others)} others", sum(then[k] for k in others), sum(now[k] for k in others)))
    top = max(max(before, after) for _, before, after in rows)
    most = ranked[0]
    return {
        "levels": [
            {
                "name": name,
                "then": percent(before),
                "now": percent(after),
                "then_width": round(100 * before / top, 1),
                "now_width": round(100 * after / top, 1),
            }
            for name, before, after in rows
        ],
        "sentence": f"Most changed: {levels[most]}, from {percent(then[most])} to {percent(now[most])}.",
    }
