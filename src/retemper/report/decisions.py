"""What the report tells of decisions: threshold, precision–recall, intervals and sets, with what they reach."""

from __future__ import annotations

from typing import Any

from retemper.report.words import number

MOST_CLASSES = 6
SCORES = ("value", "low", "high")
COSTS = ("chosen", "likeliest", "gain")
MOST_LABELS = 8
"""A matrix of costs with more classes is in result.json alone."""


def decisions(evidence: dict[str, Any]) -> dict[str, Any]:
    """Threshold, coverage and precision–recall, from the evidence of ``calibrate`` and ``test_once``.

    Args:
        evidence: by step name, without nulls.

    Returns:
        ``curves`` (the six classes with the smallest share; ``more`` were left out), ``threshold``,
        ``costs``, ``interval``, None where the run has none; ``called``: how classes are called, in words.
    """
    chosen, proved = evidence.get("calibrate") or {}, evidence.get("test_once") or {}
    curves = sorted(_curves(proved.get("precision_recall") or {}), key=lambda own: own["share"] or 0)
    return {
        "curves": curves[:MOST_CLASSES],
        "more": max(0, len(curves) - MOST_CLASSES),
        "threshold": _threshold(chosen.get("threshold") or {}, proved.get("threshold") or {}),
        "costs": _costs(chosen.get("costs") or {}, proved.get("costs") or {}),
        "called": _called(proved.get("called") or {}),
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


def _costs(chosen: dict[str, Any], proved: dict[str, Any]) -> dict[str, Any] | None:
    if not chosen or not proved:
        return None
    figures = {name: {key: (proved.get(name) or {}).get(key) for key in SCORES} for name in COSTS}
    small = len(chosen.get("labels") or []) <= MOST_LABELS
    return {"labels": chosen.get("labels"), "matrix": chosen.get("matrix") if small else None, **figures}


def _called(how: dict[str, Any]) -> str:
    """How a row gets its class, for whoever reads a table of called classes."""
    if how.get("by") == "threshold":
        return f"{how.get('positive')} from a probability of {number(how.get('value'), 3)} on"
    return "the class of least expected cost" if how.get("by") == "costs" else "the likeliest class"


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
        "by": [{"of": of, "parts": parts} for of, parts in (proved.get("by") or {}).items() if parts],
        "tried": [{"kind": kind, **own} for kind, own in (chosen.get("tried") or {}).items()],
    }


def _held(wanted: float | None, low: float | None, high: float | None) -> str | None:
    """Whether the coverage that was asked lies in the interval of the one that was reached."""
    if wanted is None or low is None or high is None:
        return None
    if low <= wanted <= high:
        return "as asked, within noise"
    return "less than asked" if high < wanted else "more than asked"
