"""The distribution of a column: a histogram that far values don't flatten, or levels; and the target along it."""

from __future__ import annotations

from typing import Any

import numpy as np

from retemper.report.table.cells import Cells, Floats

BINS, MOST_LEVELS = 30, 8
FENCE_IQR, FAR = 5.0, 3.0
"""Values count as far where the whole range is 3 times that within 5 interquartile ranges of the quartiles."""
LEAST_ROWS = 10
"""Rows of a bin for which the target is told."""


def shape(column: Cells, target: Cells | None = None) -> dict[str, Any] | None:
    """How the column's values are spread.

    Args:
        column: any kind; None comes back where there is nothing to draw.
        target: of two classes (the rarer one's share is told) or a number (its mean), along the bins or levels.

    Returns:
        ``counts``, ``along`` (the target in each bin, scaled to 0–1; None of few rows), ``ends`` as ``edges`` or
        ``levels``; ``below`` and ``above``: how many values lie outside the picture; ``least``, ``most``.
    """
    values, known = column.values, ~column.gaps
    if not known.any() or column.kind in ("identifier", "constant"):
        return None
    if column.levels:
        codes = values[known].astype(np.int64)
        counts = np.bincount(codes, minlength=len(column.levels))[:MOST_LEVELS]
        shown = {"levels": list(column.levels[:MOST_LEVELS]), "of": len(column.levels)}
        return shown | {"counts": counts.tolist(), "along": _along(codes, known, len(counts), target)}
    own = values[known]
    low, high = _range(own)
    inside = (own >= low) & (own <= high)
    edges = _edges(own, low, high)
    places = np.where(inside, np.clip(np.searchsorted(edges, own, side="right") - 1, 0, len(edges) - 2), -1)
    counts = np.bincount(places[inside], minlength=len(edges) - 1)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "along": _along(places, known, len(counts), target),
        "below": int((own < low).sum()),
        "above": int((own > high).sum()),
        "least": float(own.min()),
        "most": float(own.max()),
        "median": float(np.median(own)),
        "unit": {"datetime": "seconds since 1970", "text": "characters"}.get(column.kind),
    }


def told_of(target: Cells | None) -> str | None:
    """What the line along a column stands for; None: there is no line."""
    if target is None or len(target.levels) > 2:
        return None
    return f"share of {target.levels[-1]}" if target.levels else f"mean of {target.name}"


def _range(values: Floats) -> tuple[float, float]:
    """What is drawn: everything, or 5 interquartile ranges beyond the quartiles where values lie far outside."""
    least, low, high, most = np.quantile(values, [0, 0.25, 0.75, 1]).tolist()
    fence = FENCE_IQR * (high - low)
    low, high = max(least, low - fence), min(most, high + fence)
    if fence > 0 and most - least > FAR * (high - low):
        near = values[(values >= low) & (values <= high)]
        return float(near.min()), float(near.max())
    return least, most if most > least else least + 1


def _edges(values: Floats, low: float, high: float) -> Floats:
    """One bin a value for few whole numbers, so that no gaps come from the cutting."""
    if (values == np.round(values)).all() and 1 <= high - low < BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    return np.linspace(low, high, BINS + 1)


def _along(places: Any, known: Any, bins: int, target: Cells | None) -> list[float | None] | None:
    if told_of(target) is None or target is None:
        return None
    y = (target.values == 1).astype(np.float64) if target.levels else target.values
    own = y[known]
    used = (places >= 0) & (places < bins) & ~target.gaps[known]
    rows = np.bincount(places[used], minlength=bins)
    means = np.bincount(places[used], own[used], minlength=bins) / np.maximum(rows, 1)
    return [float(f"{m:.5g}") if n >= LEAST_ROWS else None for m, n in zip(means, rows, strict=True)]
