"""What activations give, as pictures: bins of histograms, in percent of the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retemper.report.thinning import evenly
from retemper.report.words import number

MOST_PICTURES = 12


def activations_of(
    last: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Histograms of activations now, and before training where the same activation was seen then; 12 of them.

    >>> own = {"name": "relu", "low": 0.0, "high": 2.0, "counts": (5, 1), "zeros": 0.5}
    >>> found = activations_of([own])
    >>> found["pictures"][0]["zeros"], [bar["height"] for bar in found["pictures"][0]["now"]], found["left_out"]
    (0.5, [100.0, 50.0], 0)
    """
    alike = [own["name"] for own in first] == [own["name"] for own in last]
    shown = [
        _histogram(k, own, first[k] if alike else None)
        for k, own in ((k, last[k]) for k in evenly(len(last), MOST_PICTURES))
        if own["counts"]
    ]
    return {"pictures": shown, "left_out": len(last) - len(shown)}


def of_training(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The same of what a run's ``read_curves`` saw; without pictures where it saw nothing."""
    seen = evidence.get("activations") or {}
    found = activations_of(seen.get("histograms") or [], seen.get("start") or [])
    return {**found, "rows": seen.get("rows")}


def _histogram(place: int, own: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Both histograms on one axis, heights as shares of the highest bin of each."""
    both = [_without_zeros(each) for each in (own, before) if each and each["counts"]]
    low, high = min(each["low"] for each in both), max(each["high"] for each in both)
    bars = [_bars(each, low, high) for each in both]
    return {
        "name": own["name"].replace("_", " "),
        "place": place + 1,
        "now": bars[0],
        "before": bars[1] if len(bars) > 1 else None,
        "ends": [number(low, 3), number(high, 3)],
        "zeros": own["zeros"],
    }


def _without_zeros(own: Mapping[str, Any]) -> dict[str, Any]:
    """Exact zeros of a rectifier would tower over all else; their share is told in words."""
    if own["low"] < 0 or own["zeros"] == 0 or len(own["counts"]) < 2:
        return dict(own)
    total = sum(own["counts"])
    first = max(own["counts"][0] - round(own["zeros"] * total), 0)
    return {**own, "counts": (first, *own["counts"][1:])}


def _bars(own: Mapping[str, Any], low: float, high: float) -> list[dict[str, float]]:
    """Bins as places and heights in percent of the picture."""
    width = (own["high"] - own["low"]) / len(own["counts"])
    span = high - low
    top = max(own["counts"]) or 1
    if span <= 0 or width <= 0:
        at = 50.0 if span <= 0 else 100 * (own["low"] - low) / span
        return [{"at": min(at, 98.0), "width": 2.0, "height": 100.0}]
    return [
        {
            "at": round(100 * (own["low"] + k * width - low) / span, 2),
            "width": round(100 * width / span, 2),
            "height": round(100 * count / top, 2),
        }
        for k, count in enumerate(own["counts"])
    ]
