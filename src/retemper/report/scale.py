"""Figures with their intervals on one common scale, in percent of its width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MARGIN = 0.04


def placed(scores: Sequence[dict[str, Any]], zero: bool = True) -> list[dict[str, float] | None]:
    """Where each score's dot and interval lie.

    Args:
        scores: ``{"value", "low", "high"}``; ends may be None.
        zero: whether 0 belongs on the scale.

    Returns:
        ``{"at", "from", "to", "zero"}`` in percent for each score; None where it has no value.

    >>> placed([{"value": 1.0, "low": 0.0, "high": 2.0}, {"value": None}])[0]
    {'at': 50.0, 'from': 3.7, 'to': 96.3, 'zero': 3.7}
    """
    spans = [_span(score) for score in scores]
    known = [end for span in spans if span for end in span] + ([0.0] if zero else [])
    if not known:
        return [None] * len(spans)
    low, high = min(known), max(known)
    room = MARGIN * (high - low) or 1.0
    low, high = low - room, high + room

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    return [
        {
            "at": place(span[1]),
            "from": place(span[0]),
            "to": place(span[2]),
            "zero": place(0.0) if zero else 0.0,
        }
        if span
        else None
        for span in spans
    ]


def _span(score: dict[str, Any]) -> tuple[float, float, float] | None:
    value, low, high = (score.get(key) for key in ("value", "low", "high"))
    if value is None:
        return None
    return (value if low is None else low, value, value if high is None else high)
