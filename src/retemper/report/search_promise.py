"""What the best of many trials promises, what that is worth, and what the test rows said: on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retemper.report.scale import placed
from retemper.report.words import MAIN, number

LITTLE = 0.005
"""A share of the loss below which a difference is called none that shows."""


def promise(evidence: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """The optimism of having chosen.

    Args:
        evidence: of the step ``search``; its ``optimism`` is read.
        result: the content of result.json.

    Returns:
        ``{}`` where it was not estimated; else ``metric``, ``marks`` (figures with their places), ``trials`` and
        ``message``.

    >>> own = {"apparent": 0.30, "loss": 0.32, "low": 0.28, "high": 0.36, "trials": 40, "amount": 0.02}
    >>> promise({"optimism": own}, {"task": "classification"})["message"]
    'Being the best of 40 flatters it by 0.02.'
    """
    own = evidence.get("optimism")
    if not own:
        return {}
    metric = MAIN.get(result.get("task") or "", "log_loss")
    test = ((result.get("metrics") or {}).get("test") or {}).get(metric)
    shown = [
        ("As it was chosen", {"value": own["apparent"], "low": None, "high": None}),
        ("Corrected for the choice", {"value": own["loss"], "low": own["low"], "high": own["high"]}),
    ]
    shown += [("Test rows", {key: test.get(key) for key in ("value", "low", "high")})] if test else []
    marks: list[dict[str, Any]] = [{"title": title, "score": score} for title, score in shown]
    for mark, place in zip(marks, placed([mark["score"] for mark in marks], zero=False), strict=True):
        mark["place"] = place
    return {"metric": metric, "marks": marks, "trials": own["trials"], "message": _message(own)}


def _message(own: Mapping[str, Any]) -> str:
    if own["trials"] < 2:
        return "There was one trial alone, and so no choice that flatters."
    if own["amount"] < LITTLE * abs(own["loss"]):
        return f"Being the best of {own['trials']:,} flatters it by nothing that shows."
    return f"Being the best of {own['trials']:,} flatters it by {number(own['amount'], 2)}."
