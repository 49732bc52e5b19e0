"""What the report tells of a search: the evidence of the step ``search`` → plain facts, thinned for a page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from retemper.report.words import number

MOST_ROWS, MOST_POINTS, MOST_LINES, MOST_OPTIONS, MOST_FAULTS = 50, 400, 200, 12, 8
LEAST_PAIR = 0.005
"""A pair whose interval reaches below it is not shown: it may be chance."""
BEST_LINES = 20
"""Settings that stand out among the lines."""
FAILED_LINES = 40
MOST_LETTERS = 24
NBSP = "\N{NO-BREAK SPACE}"


def study(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The search of ``retemper tune``.

    Args:
        evidence: of the step ``search``, without nulls; empty where there was no such step.

    Returns:
        ``{}`` without trials; else counts, ``options`` and ``pairs`` (importance), ``rows`` (the best trials),
        ``front``, ``faults`` and what the charts draw (``points``, ``lines``, ``course``).

    >>> study({})
    {}
    """
    trials = evidence.get("trials") or []
    if not trials:
        return {}
    learnt = evidence.get("learnt") or {}
    space = evidence.get("space") or {}
    sound = [own for own in trials if own.get("loss") is not None]
    options = [_option(own, trials, space.get(own["path"]) or {}) for own in learnt.get("options") or []]
    named = [own["path"] for own in options]
    paths = named + [path for path in space if path not in named]
    front, left_out = evidence.get("front") or {}, evidence.get("left_out") or {}
    lost = len(trials) - len(sound) + int(left_out.get("lost") or 0)
    every = len(sound) + int(left_out.get("sound") or 0) + lost
    return {
        "trials": every,
        "listed_alone": left_out.get("all") or "",
        "lost": lost,
        "sentence": learnt.get("sentence") or "",
        "left_out": learnt.get("left_out") or [],
        **{key: learnt.get(key) for key in ("epochs", "folds", "explained")},
        "compared": learnt.get("trials"),
        "options": options[:MOST_OPTIONS],
        "options_left_out": max(0, len(options) - MOST_OPTIONS),
        "pairs": [_pair(own) for own in learnt.get("pairs") or [] if (own.get("low") or 0.0) >= LEAST_PAIR],
        "paths": [{"path": path, "name": path.removesuffix(".name").rpartition(".")[2]} for path in paths],
        "rows": [_row(trial, front) for trial in sound[:MOST_ROWS]],
        "rows_left_out": max(0, every - lost - MOST_ROWS),
        "faults": _faults(trials, left_out.get("faults") or []),
        "course": evidence.get("course") or {},
        "front": _front(front, trials),
        "lines": _lines(trials, paths[: MOST_OPTIONS - 1], space),
    }


def short(value: Any) -> str:
    """A value in a table.

    >>> short(0.0012345), short([64, 64]), short("a" * 40)
    ('0.00123', '64, 64', 'aaaaaaaaaaaaaaaaaaaaaaa…')
    """
    if isinstance(value, list | tuple):
        return ", ".join(short(one) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = "none" if value is None else str(value)
        return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
    return str(value) if isinstance(value, int) else number(value, 3)


def _option(
    own: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], axis: Mapping[str, Any]
) -> dict[str, Any]:
    """An option's share and curve, with the losses of some trials around it."""
    path, curve, flat = own["path"], own.get("curve") or {}, own.get("flat")
    values = curve.get("values") or []
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    where = own.get("where") or {}
    return {
        "path": path,
        "name": path.removesuffix(".name").rpartition(".")[2],
        "share": _share(own),
        "matters": bool(own.get("matters")),
        "trials": own.get("trials"),
        "flat": f"nothing gained {flat['side']} {short(flat['value'])}" if flat else "",
        "where": "; ".join(f"{key} {' or '.join(short(v) for v in among)}" for key, among in where.items()),
        "numbers": numbers,
        "log": numbers and bool(axis.get("log", min(values) > 0 and max(values) / min(values) >= 4)),
        "curve": curve,
        "points": _points(path, trials, values),
    }


def _share(own: Mapping[str, Any]) -> dict[str, Any]:
    """A share with its interval, for a bar and in words."""
    value, low, high = (float(own.get(key) or 0.0) for key in ("share", "low", "high"))
    few = f"under 1{NBSP}%"
    told = f"{100 * value:.0f}{NBSP}%" if value >= 0.01 else few
    return {"value": value, "low": low, "high": high, "told": told, "span": _span(low, high, few)}


def _span(low: float, high: float, few: str) -> str:
    return few if high < 0.01 else f"{100 * low:.0f} to {100 * high:.0f}{NBSP}%"


def _points(path: str, trials: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> dict[str, Any]:
    """Value and loss of some trials, evenly from the best to the worst; far losses lie at the upper edge."""
    having = [own for own in trials if own.get("compared") is not None and path in own["values"]]
    having.sort(key=lambda own: float(own["compared"]))
    shown = thinned(having, MOST_POINTS)
    bound = _bound([float(own["compared"]) for own in having])
    return {
        "x": [own["values"][path] for own in shown],
        "y": [min(float(own["compared"]), bound) for own in shown],
        "trials": [own.get("number") for own in shown],
        "of": len(having),
    }


def _bound(losses: Sequence[float]) -> float:
    """No loss is drawn beyond the upper quartile by more than 1.5 times the distance of the quartiles."""
    if not losses:
        return 0.0
    low, high = losses[len(losses) // 4], losses[3 * len(losses) // 4]
    return min(losses[-1], high + 1.5 * (high - low)) if len(losses) > 3 else losses[-1]


def thinned(values: Sequence[Any], most: int) -> list[Any]:
    """So many at most, evenly from the first to the last.

    >>> thinned(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(values) <= most:
        return list(values)
    return [values[round(k * (len(values) - 1) / (most - 1))] for k in range(most)]


def _pair(own: Mapping[str, Any]) -> dict[str, Any]:
    """A table of mean losses; a cell's tone says how far it is from the middle of what is there."""
    loss = own["loss"]
    every = [value for row in loss for value in row]
    low, high = min(every), max(every)
    middle, half = (low + high) / 2, (high - low) / 2 or 1.0
    cells = [
        [
            {"loss": value, "better": value <= middle, "tone": round(abs(value - middle) / half, 3)}
            for value in row
        ]
        for row in loss
    ]
    return {
        "paths": own["paths"],
        "share": _share(own),
        "values": [[short(value) for value in values] for values in own["values"]],
        "cells": cells,
        "least": low,
        "most": high,
    }


def _row(trial: Mapping[str, Any], front: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: trial.get(key) for key in ("number", "loss", "epochs", "cost")},
        "error": trial.get("standard_error"),
        "folds": len(trial.get("folds") or {}),
        "values": {path: short(value) for path, value in (trial.get("values") or {}).items()},
        "enough": trial.get("number") == front.get("enough") and front.get("enough") != front.get("best"),
        "front": trial.get("number") in (front.get("members") or []),
    }


def _faults(
    trials: Sequence[Mapping[str, Any]], left_out: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What failed, by what was said of it, the most frequent first; those that are not listed count too."""
    failed = [own for own in trials if own.get("loss") is None]
    said = Counter(_said(own) for own in failed)
    for own in left_out:
        said[_said({"error": own})] += own["count"]
    return [
        {
            "code": code,
            "message": message,
            "advice": advice,
            "count": count,
            "trials": [own.get("number") for own in failed if _said(own) == (code, message, advice)][:6],
        }
        for (code, message, advice), count in said.most_common(MOST_FAULTS)
    ]


def _said(trial: Mapping[str, Any]) -> tuple[str, str, str]:
    error = trial.get("error") or {}
    if not error:
        return "diverged", "The loss was no longer finite.", "Narrow the learning rate's range from above."
    advice = str(error.get("advice") or "")
    return str(error.get("code") or "failed"), str(error.get("message") or ""), advice


def _front(front: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Cost and loss of the priced trials, and the settings on the front."""
    priced = [own for own in trials if own.get("cost") is not None and own.get("loss") is not None]
    if not front or len({own["cost"] for own in priced}) < 2:
        return {}
    by_number = {own["number"]: own for own in priced}
    members = [by_number[number] for number in front.get("members") or [] if number in by_number]
    keys = ("number", "cost", "loss")
    return {
        "points": [{key: own[key] for key in keys} for own in thinned(priced, MOST_POINTS)],
        "members": [{key: own[key] for key in keys} for own in members],
        "best": by_number.get(front.get("best")),
        "enough": by_number.get(front.get("enough")),
        "of": len(priced),
    }


def _lines(
    trials: Sequence[Mapping[str, Any]], paths: Sequence[str], space: Mapping[str, Any]
) -> dict[str, Any]:
    """Settings as lines through one axis an option: places from 0 to 1, None where the option is not there."""
    sound = [own for own in trials if own.get("compared") is not None]
    sound.sort(key=lambda own: float(own["compared"]))
    shown = sound[:BEST_LINES] + thinned(sound[BEST_LINES:], MOST_LINES - BEST_LINES)
    if len(shown) < 2 or not paths:
        return {}
    axes = [_axis(path, space.get(path) or {}, shown) for path in paths]
    losses = [float(own["compared"]) for own in sound]
    bound = _bound(losses)
    room = bound - losses[0] or 1.0
    return {
        "axes": [{key: axis[key] for key in ("name", "low", "high")} for axis in axes]
        + [{"name": "loss", "low": number(losses[0], 3), "high": number(bound, 3)}],
        "best": min(BEST_LINES, max(1, len(sound) // 5)),
        "of": len(sound),
        "lines": [
            {
                "trial": own.get("number"),
                "places": [
                    *(axis["place"](own["values"].get(axis["path"])) for axis in axes),
                    round(min((float(own["compared"]) - losses[0]) / room, 1.0), 4),
                ],
            }
            for own in shown
        ],
        "failed": [
            {
                "trial": own.get("number"),
                "places": [axis["place"](own["values"].get(axis["path"])) for axis in axes],
            }
            for own in thinned([own for own in trials if own.get("loss") is None], FAILED_LINES)
        ],
    }


def _axis(path: str, given: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An axis of the lines: a choice has even places; a range that of its scale."""
    name = path.removesuffix(".name").rpartition(".")[2]
    if "low" in given:
        low, high, log = float(given["low"]), float(given["high"]), bool(given.get("log"))

        def place(value: Any) -> float | None:
            if value is None:
                return None
            if high == low:
                return 0.5
            share = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
            return round(share, 4)

        return {"path": path, "name": name, "low": short(low), "high": short(high), "place": place}
    values = list(given.get("values") or []) or [
        own["values"][path] for own in trials if path in own["values"]
    ]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        values.sort()
    order = {str(value): k for k, value in reversed(list(enumerate(values)))}
    last = max(1, len(values) - 1)

    def step(value: Any) -> float | None:
        return round(order[str(value)] / last, 4) if str(value) in order else None

    ends = [short(values[0]), short(values[-1])] if values else ["", ""]
    return {"path": path, "name": name, "low": ends[0], "high": ends[1], "place": step}
