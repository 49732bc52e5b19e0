"""What the report tells of the model itself: ``understanding`` of result.json → plain facts.

Every part is there or says why it is not (``left_out``), so that a page never leaves a gap without a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retemper.report.scale import placed
from retemper.report.words import METRICS, number

PARTS = ("importance", "dependence", "slices", "surprising", "more_data")
MOST_COLUMNS, MOST_SLICES, MOST_ROWS = 15, 10, 12
ANSWERS = {"yes": "Yes.", "no": "No.", "can't tell": "Nobody can tell yet."}


def understanding(result: dict[str, Any]) -> dict[str, Any]:
    """The five parts, each as facts or with the reason why it is missing.

    Args:
        result: the content of result.json.

    Returns:
        ``{"left_out": why}`` where nobody looked, else ``metric``, ``rows``, ``networks`` and one dict a part.

    >>> understanding({})["left_out"]
    'This run was made before models were looked into; train again to see it.'
    """
    found = result.get("understanding")
    if not found:
        return {"left_out": _reason(result)}
    makers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "importance": _importance,
        "dependence": _dependence,
        "slices": _slices,
        "surprising": _surprising,
        "more_data": _more_data,
    }
    parts = {}
    for name in PARTS:
        part = found.get(name)
        if not isinstance(part, dict) or not part:
            parts[name] = {"left_out": "the run has no record of it"}
        else:
            parts[name] = (
                {"left_out": part["left_out"]}
                if isinstance(part.get("left_out"), str)
                else makers[name](part)
            )
    metric = found.get("metric")
    title = METRICS[metric].title if metric in METRICS else "Loss"
    return {"metric": title, "rows": found.get("rows"), "networks": found.get("networks"), **parts}


def _reason(result: dict[str, Any]) -> str:
    if "understanding" not in result:
        return "This run was made before models were looked into; train again to see it."
    asked = ((result.get("recipe") or {}).get("procedure") or {}).get("understand", True)
    if not asked:
        return "Left out, as the recipe says (procedure.understand)."
    return "There was no network to look into."


def _score(found: Any) -> dict[str, Any]:
    """A figure with its interval, whatever of it is there."""
    found = found if isinstance(found, dict) else {}
    return {key: found.get(key) for key in ("value", "low", "high")}


def _importance(part: dict[str, Any]) -> dict[str, Any]:
    columns: list[dict[str, Any]] = [
        {
            "names": [column.get("column")],
            "rise": _score(column.get("rise")),
            "used": bool(column.get("used")),
            "related": [own.get("column") for own in column.get("related") or []],
        }
        for column in part.get("columns") or []
    ]
    groups: list[dict[str, Any]] = [
        {"names": own.get("columns") or [], "rise": _score(own.get("rise")), "used": True, "related": []}
        for own in part.get("together") or []
    ]
    shown = columns[:MOST_COLUMNS]
    for entries in (shown, groups):
        for own, place in zip(entries, placed([own["rise"] for own in entries]), strict=True):
            own["place"] = place
    return {
        **{key: part.get(key) for key in ("rows", "repeats", "of")},
        "columns": shown,
        "together": groups,
        "unused": sum(not column["used"] for column in columns),
        "more": len(columns) - len(shown),
    }


def _dependence(part: dict[str, Any]) -> dict[str, Any]:
    columns = [_depending(column) for column in part.get("columns") or []]
    left_out = [{"column": own.get("column"), "why": own.get("why")} for own in part.get("left_out") or []]
    return {
        **{key: part.get(key) for key in ("rows", "networks")},
        "columns": [column for column in columns if column["grid"] and column["curves"]],
        "not_shown": left_out,
    }


def _depending(column: dict[str, Any]) -> dict[str, Any]:
    """Numbers and dates are drawn as curves; levels, and the missing cells of all kinds, as dots."""
    grid, curves = column.get("grid") or [], column.get("curves") or []
    ordered = column.get("kind") in ("number", "datetime")
    dots = [i for i, cell in enumerate(grid) if cell is None or not ordered]
    levels = []
    for curve in curves:
        mean, low, high = (curve.get(key) or [None] * len(grid) for key in ("mean", "low", "high"))
        scores = [{"value": mean[i], "low": low[i], "high": high[i]} for i in dots]
        levels.append(
            [
                {"name": "(missing)" if grid[i] is None else str(grid[i]), "score": score, "place": place}
                for i, score, place in zip(dots, scores, placed(scores, zero=False), strict=True)
            ]
        )
    return {
        "name": column.get("column"),
        "kind": column.get("kind"),
        "grid": grid,
        "share": column.get("share") or [],
        "curves": curves,
        "outputs": [curve.get("output") for curve in curves],
        "drawn": ordered and len(grid) - len(dots) > 1,
        "levels": levels,
    }


def _slices(part: dict[str, Any]) -> dict[str, Any]:
    slices = [
        {
            **{key: own.get(key) for key in ("words", "rows", "share", "metric", "elsewhere")},
            "confirmed": bool(own.get("confirmed")),
            "gap": _score(own.get("gap")),
            "reading": _reading(own),
        }
        for own in part.get("slices") or []
    ]
    shown = slices[:MOST_SLICES]
    for own, place in zip(shown, placed([own["gap"] for own in shown]), strict=True):
        own["place"] = place
    return {
        **{key: part.get(key) for key in ("rows", "searched", "columns", "confirmed")},
        "slices": shown,
        "more": len(slices) - len(shown),
    }


def _reading(own: dict[str, Any]) -> str:
    """One sentence on whether the model knows of the trouble, from the surplus or the bias."""
    surplus, bias = _score(own.get("surplus")), _score(own.get("bias"))
    if surplus["low"] is not None and surplus["high"] is not None:
        shown = f"{number(surplus['value'], 2)} ({number(surplus['low'], 2)} to {number(surplus['high'], 2)})"
        if surplus["low"] > 0:
            return f"the model is too sure here: {shown} of the loss is more than it expects"
        if surplus["high"] < 0:
            return f"the model is not sure enough here: the loss is {shown} off what it expects"
        return "hard rows, and the model knows it: the loss is what its own probabilities expect"
    if bias["low"] is not None and bias["high"] is not None:
        shown = f"{number(bias['value'], 3)} ({number(bias['low'], 3)} to {number(bias['high'], 3)})"
        if bias["low"] > 0 or bias["high"] < 0:
            side = "low" if bias["low"] > 0 else "high"
            return f"predictions are too {side} here: true − predicted is {shown} on average"
        return "errors of both signs: no bias beyond noise"
    return ""


def _surprising(part: dict[str, Any]) -> dict[str, Any]:
    keys = (
        "row", "loss", "expected", "predicted", "probability", "confidence", "low", "high", "deviations",
    )  # fmt: skip
    rows = [
        {key: own.get(key) for key in keys} | {"cells": own.get("cells") or {}}
        for own in part.get("largest") or []
    ]
    counts = [
        {key: own.get(key) for key in ("threshold", "found", "expected", "low", "high")}
        for own in part.get("counts") or []
    ]
    typical = part.get("typical_error")
    return {
        "rows": part.get("rows"),
        "typical": _score(typical) if typical else None,
        "largest": rows[:MOST_ROWS],
        "more": max(0, len(rows) - MOST_ROWS),
        "counts": counts,
    }


def _more_data(part: dict[str, Any]) -> dict[str, Any]:
    answer = part.get("answer")
    return {
        "answer": answer,
        "sentence": ANSWERS.get(str(answer), ANSWERS["can't tell"]),
        "why": _sentence(str(part.get("why") or "").removeprefix("Nobody can tell yet: ")),
        **{key: part.get(key) for key in ("have", "law", "width")},
        "points": [
            own for own in part.get("points") or [] if own.get("rows") and own.get("value") is not None
        ],
        **{key: _score(part.get(key)) for key in ("gain", "doubled", "floor")},
    }


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
