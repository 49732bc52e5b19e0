"""What the report tells of decisions: threshold, precision–recall, intervals and sets, with what they reach."""

from __future__ import annotations

from typing import Any

MOST_CLASSES = 6
SCORES = ("value", "low", "high")


def decisions(evidence: dict[str, Any]) -> dict[str, Any]:
    """Threshold, coverage and precision–recall, from the evidence of ``calibrate`` and ``test_once``.

    Args:
        evidence: by step name, without nulls.

    Returns:
        ``curves`` (the six classes with the smallest share; ``more`` were left out), ``threshold``, ``interval``;
        None where the run has none.
    """
    chosen, proved = evidence.get("calibrate") or {}, evidence.get("test_once") or {}
    curves = sorted(_curves(proved.get("precision_recall") or {}), key=lambda own: own["share"] or 0)
    return {
        "curves": curves[:MOST_CLASSES],
        "more": max(0, len(curves) - MOST_CLASSES),
        "threshold": _threshold(chosen.get("threshold") or {}, proved.get("threshold") or {}),
        "interval": _interval(chosen.get("interval") or {}, proved.get("interval") or {}),
    }


def _curves(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "class": label,
            "share": own.get("share"),
            "area": {key: (own.get("average_precision") or {}).get(key) for key in SCORES},
            "precision": own.get("precision") or [],
            "recall": own.get("recall") or [],
            "threshold": own.get("threshold") or [],
        }
        for label, own in found.items()
        if isinstance(own, dict)
    ]


def _threshold(chosen: dict[str, Any], proved: dict[str, Any]) -> dict[str, Any] | None:
    if not chosen and not proved:
        return None
    keys = ("positive", "goal", "value", "low", "high", "gain", "gain_low", "gain_high")
    outcomes = [
        (title, proved[name])
        for name, title in (("chosen", "With the threshold"), ("argmax", "At one half"))
        if name in proved
    ]
    names = list(dict.fromkeys(name for _, outcome in outcomes for name in outcome))
    return {
        **{key: chosen.get(key, proved.get(key)) for key in keys},
        "outcomes": [
            {"title": title, "values": [outcome.get(name) for name in names]} for title, outcome in outcomes
        ],
        "names": names,
    }


def _interval(chosen: dict[str, Any], proved: dict[str, Any]) -> dict[str, Any] | None:
    if not chosen and not proved:
        return None
    coverage = {key: (proved.get("coverage") or {}).get(key) for key in SCORES}
    wanted = proved.get("wanted", chosen.get("wanted"))
    return {
        "wanted": wanted,
        "coverage": coverage,
        "verdict": _held(wanted, coverage["low"], coverage["high"]),
        "width": proved.get("width"),
        "size": proved.get("size"),
        "difficulty": chosen.get("difficulty"),
        "tried": [{"kind": kind, **own} for kind, own in (chosen.get("tried") or {}).items()],
    }


def _held(wanted: float | None, low: float | None, high: float | None) -> str | None:
    """Whether the coverage that was asked lies in the interval of the one that was reached."""
    if wanted is None or low is None or high is None:
        return None
    if low <= wanted <= high:
        return "as asked, within noise"
    return "less than asked" if high < wanted else "more than asked"
