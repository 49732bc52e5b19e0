"""What the report tells of the nested estimate: ``nested`` of result.json → plain facts."""

from __future__ import annotations

from typing import Any

from retemper.report.nested_search import nested_search
from retemper.report.scale import placed
from retemper.report.words import MAIN, METRICS

SCORES = ("value", "low", "high")
UNASKED = (
    "This search was not made anew without parts of the rows; `retemper tune --nested 5` does so, and tells what "
    "choosing as it chooses is worth on rows that had no say in it."
)


def nested(result: dict[str, Any]) -> dict[str, Any]:
    """The estimate beside the test's figure and what the run's own choice promised.

    Args:
        result: the content of result.json.

    Returns:
        ``{"left_out": why}`` where there is none, else the figures of the main metric as ``marks`` on one scale, all
        metrics as ``scores``, and how it was made.

    >>> nested({})["left_out"]
    'This run was made before there were nested estimates.'
    """
    found = result.get("nested")
    if found == {} and (result.get("search") or {}).get("fidelity"):
        return {"left_out": UNASKED}
    if not isinstance(found, dict):
        return {"left_out": "This run was made before there were nested estimates."}
    if "left_out" in found or not isinstance(found.get("metrics"), dict):
        why = found.get("left_out") or "there was no network to judge"
        return {"left_out": f"There is no nested estimate: {why}."}
    name = found.get("metric") or MAIN.get(result.get("task", ""), "log_loss")
    test = (result.get("metrics") or {}).get("test") or {}
    own = {"value": found.get("own"), "low": None, "high": None}
    figures = [
        ("Nested estimate", found["metrics"].get(name)),
        ("Test rows", test.get(name)),
        ("The run's own choice, on the rows it chose by", own),
    ]
    if corrected := found.get("corrected"):
        told = {"value": corrected.get("loss"), "low": corrected.get("low"), "high": corrected.get("high")}
        count = corrected.get("trials") or "many"
        figures.append((f"Best of {count} trials, corrected for being chosen", told))
    marks: list[dict[str, Any]] = [{"title": title, "score": _score(score)} for title, score in figures]
    for mark, place in zip(marks, placed([mark["score"] for mark in marks], zero=False), strict=True):
        mark["place"] = place
    known = [metric for metric in METRICS if metric in found["metrics"]]
    rows = [
        {"metric": metric, "nested": _score(found["metrics"][metric]), "test": _score(test.get(metric))}
        for metric in known
    ]
    keys = ("rows", "of_rows", "folds", "repeats", "recipes", "networks", "learnt_from", "optimism", "inner")
    return {
        "metric": name,
        "marks": marks,
        "scores": rows,
        "message": found.get("message") or "",
        "not_nested": [str(own) for own in found.get("not_nested") or []],
        "cut_short": found.get("cut_short"),
        "search": nested_search(found),
        **{key: found.get(key) for key in keys},
    }


def _score(found: Any) -> dict[str, Any]:
    found = found if isinstance(found, dict) else {}
    return {key: found.get(key) for key in SCORES}
