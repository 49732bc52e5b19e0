"""What the page of a decision tells of forgetting: scores on every batch after every batch, transfers, classes."""

from __future__ import annotations

from typing import Any

from retemper.report.decision_words import SHARES, change, told
from retemper.report.words import fixed, metric

MOST_BATCHES, MOST_CLASSES = 24, 60


def forgetting_facts(found: dict[str, Any]) -> dict[str, Any] | None:
    """The matrix of scores after each batch, transfers, and what became of each class.

    Args:
        found: ``batches`` (names), ``matrix`` (row i: after batch i; column j: on batch j; null: not known), ``metric``
            (accuracy where it is missing), ``backward_transfer``, ``forward_transfer``, ``by_class``.

    Returns:
        None where nothing was found out.
    """
    name = str(found.get("metric") or "accuracy")
    matrix = [row[-MOST_BATCHES:] for row in (found.get("matrix") or [])[-MOST_BATCHES:]]
    classes = found.get("by_class") or []
    transfers = [found.get(f"{way}_transfer") for way in ("backward", "forward")]
    if not matrix and not classes and transfers == [None, None]:
        return None
    batches = [str(own) for own in found.get("batches") or []]
    batches += [f"batch {k}" for k in range(len(batches) + 1, len(found.get("matrix") or []) + 1)]
    return {
        "metric": metric(name)._asdict(),
        "batches": batches[-len(matrix) :] if matrix else [],
        "left_out": max(0, len(batches) - MOST_BATCHES),
        "matrix": _heat(matrix, name),
        "backward": None if transfers[0] is None else change(name, transfers[0], signed=True),
        "forward": None if transfers[1] is None else change(name, transfers[1], signed=True),
        "classes": [_class(own, name) for own in sorted(classes, key=_fallen)[:MOST_CLASSES]],
        "more_classes": max(0, len(classes) - MOST_CLASSES),
    }


def _heat(matrix: list[list[Any]], name: str) -> list[list[dict[str, Any] | None]]:
    """Each cell's words and how strongly it is tinted: the better, the stronger."""
    known = [value for row in matrix for value in row if value is not None]
    least, most = min(known, default=0.0), max(known, default=1.0)
    sign = 1 if metric(name).higher else -1
    worst = least if sign > 0 else most

    def cell(value: float | None) -> dict[str, Any] | None:
        if value is None:
            return None
        tint = sign * (value - worst) / ((most - least) or 1.0)
        short = f"{100 * value:.1f}" if name in SHARES else fixed(value)
        return {"text": short, "title": told(name, value), "tint": round(0.08 + 0.92 * tint, 3)}

    return [[cell(value) for value in row] for row in matrix]


def _fallen(own: dict[str, Any]) -> float:
    before, after = own.get("before"), own.get("after")
    return 0.0 if before is None or after is None else float(after - before)


def _class(own: dict[str, Any], name: str) -> dict[str, Any]:
    before, after = own.get("before"), own.get("after")
    moved = None if before is None or after is None else after - before
    return {
        "name": str(own.get("class")),
        "before": told(name, before),
        "after": told(name, after),
        "change": change(name, moved, signed=True) if moved is not None else "new" if before is None else "–",
        "worse": moved is not None and moved < 0,
        "rows": own.get("rows"),
        "from": round(100 * before, 1) if before is not None and name in SHARES else None,
        "to": round(100 * after, 1) if after is not None and name in SHARES else None,
    }
