"""What the report tells of cleaning and treatments: each with what was there before, what after, and how many."""

from __future__ import annotations

from typing import Any

from retemper.report.words import number

MOST_COLUMNS, MOST_ROWS, MOST_CLASSES = 40, 15, 12
UNTREATED = "untreated"
"""Where it was cut short, nothing can be held against it."""
GAPS = {
    "indicator": "a column says so",
    "median": "median of the column, and a column says so",
    "mean": "mean of the column, and a column says so",
    "constant": "a constant, and a column says so",
    "iterative": "predicted from the other columns, and a column says so",
}


def cleaning(result: dict[str, Any], evidence: dict[str, Any]) -> dict[str, Any]:
    """Cells and columns that are not used as they stand, treatments that were raced, labels that look wrong.

    Args:
        result: the content of result.json.
        evidence: by step name, without nulls.

    Returns:
        ``on`` (False with --no-clean, None in a run that doesn't say), ``changes``, ``treatments``, ``labels``.
    """
    recipe = result.get("recipe") or {}
    check, search = evidence.get("data_check") or {}, evidence.get("search_coarse") or {}
    treatments = search.get("treatments") or []
    kept = [one for own in treatments if own.get("verdict") == "kept" for one in own.get("cleaned") or []]
    changes = _changes(check, recipe, [*(check.get("cleaned") or []), *kept])
    return {
        "on": (recipe.get("data") or {}).get("clean"),
        "changes": changes[:MOST_COLUMNS],
        "more": max(0, len(changes) - MOST_COLUMNS),
        "treatments": [_treatment(own) for own in treatments],
        "labels": _labels(search.get("label_errors")),
    }


def _changes(
    check: dict[str, Any], recipe: dict[str, Any], done: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One line a change: what it is about, how many cells or rows (with their share), before → after.

    ``done``: what the recipe or a kept treatment did, counted in the training rows, with pictures of the column before
    and after where it holds numbers.
    """
    rows = check.get("rows") or 0
    clean = (recipe.get("data") or {}).get("clean", True)
    filled = GAPS.get(str((recipe.get("prepare") or {}).get("missing")), "a column says so")
    keys = ("column", "cells", "before", "after")
    found = [{**{key: own.get(key) for key in keys}, "rows": None, **_pictures(own)} for own in done]
    filled_in = {own.get("column") for own in done if own.get("what") == "gap"}
    for column in check.get("columns") or []:
        kind, missing = column.get("kind"), column.get("missing") or 0
        about = {"column": column.get("name"), "rows": rows, "pictures": None}
        if kind in ("identifier", "constant"):
            before = "names rows" if kind == "identifier" else "one value only"
            after = "left out" if clean or kind == "constant" else "used as it is"
            found.append({**about, "cells": rows, "before": before, "after": after})
        elif missing and column.get("name") not in filled_in:
            after = (
                "a level of its own"
                if kind in ("category", "boolean")
                else filled
                if kind == "number"
                else GAPS["indicator"]
            )
            found.append({**about, "cells": missing, "before": "missing", "after": after})
    found.sort(key=lambda own: -own["cells"])
    if check.get("duplicates"):
        about = {"column": None, "rows": rows, "cells": check["duplicates"], "pictures": None}
        found.append({**about, "before": "rows that repeat an earlier row", "after": "kept"})
    return found


def _pictures(own: dict[str, Any]) -> dict[str, Any]:
    histogram = own.get("histogram")
    if not histogram:
        return {"pictures": None}
    ends = [number(histogram["edges"][0]), number(histogram["edges"][-1])]
    return {"pictures": {when: {"counts": histogram[when], "ends": ends} for when in ("before", "after")}}


def _treatment(own: dict[str, Any]) -> dict[str, Any]:
    columns = own.get("columns") or {}
    return {
        "name": own.get("name") or "treatment",
        "why": own.get("why"),
        "note": own.get("note"),
        "verdict": own.get("verdict") or "not_tried",
        **{key: own.get(key) for key in ("before", "after", "gain", "low", "high")},
        "changes": [f"{path} = {_shown(value)}" for path, value in (own.get("changes") or {}).items()],
        "new": columns.get("new") or [],
        "left_out": columns.get("left_out") or [],
    }


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {number(inner)}" for key, inner in value.items())
    return number(value)


def _labels(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    if found.get("not_applicable"):
        return {"not_applicable": found["not_applicable"]}
    classes = [
        {"class": label, **{key: own.get(key) for key in ("given", "flagged", "suggested")}}
        for label, own in (found.get("classes") or {}).items()
    ]
    classes.sort(key=lambda own: -(own["flagged"] or 0))
    surest = found.get("surest") or []
    keys = ("before", "after", "low", "high")
    cut = found.get("cut_short") or []
    return {
        "not_applicable": None,
        **{key: found.get(key) for key in ("rows", "flagged", "rate", "low", "high", "warning_from")},
        **{key: found.get(key) for key in ("message", "treatment", "judged_by")},
        "classes": classes[:MOST_CLASSES],
        "classes_left_out": max(0, len(classes) - MOST_CLASSES),
        "surest": [
            {key: own.get(key) for key in ("row", "given", "suggested", "probability")}
            for own in surest[:MOST_ROWS]
        ],
        "more": max(0, len(surest) - MOST_ROWS),
        "tried": [
            {"name": name, "cut": bool({name, UNTREATED} & set(cut)), **{key: own.get(key) for key in keys}}
            for name, own in (found.get("tried") or {}).items()
        ],
    }
