"""Curves, axes and marks that the charts are made of. A colour is the name of a CSS variable of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

Figure = dict[str, Any]

MUTED, NETWORK, SECOND, THIRD, GRID = "--muted", "--accent", "--second", "--third", "--grid"
FAINT, INK, BAND = "--faint", "--ink", "--band"


def rank(member: dict[str, Any]) -> float:
    return float("inf") if member["lowest"] is None else float(member["lowest"])


def joined(
    members: list[dict[str, Any]], series: str, colour: str, width: float, name: str
) -> dict[str, Any]:
    """Many members' curves as one trace, parted by gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    ids: list[int | None] = []
    for member in members:
        values = member.get(series) or []
        x += [*member["epoch"][: len(values)], None]
        y += [*values, None]
        ids += [member["id"]] * len(values) + [None]
    hover = "network %{customdata}, epoch %{x}: %{y:.4g}<extra></extra>"
    return line(x, y, colour, width, name=name, customdata=ids, hovertemplate=hover)


def loss_figure(traces: list[dict[str, Any]], title: str) -> Figure:
    shown = [trace for trace in traces if trace["x"]]
    values = [v for trace in shown for v in trace["y"] if v is not None]
    return figure(shown, "Epoch", title, log_y=spread(values) > 3)


def reliability(name: str, bins: list[dict[str, Any]], colour: str, dash: str) -> dict[str, Any]:
    trace = line([b["confidence"] for b in bins], [b["accuracy"] for b in bins], colour, 2, name=name)
    most = max(b.get("rows") or 1 for b in bins)
    trace |= {
        "mode": "lines+markers",
        "customdata": [b.get("rows") for b in bins],
        "marker": {"color": colour, "size": [4 + 8 * math.sqrt((b.get("rows") or 1) / most) for b in bins]},
        "hovertemplate": "says %{x:.1%}, is right %{y:.1%}<br>%{customdata} rows<extra></extra>",
    }
    trace["line"]["dash"] = dash
    return trace


def line(x: Iterable[Any], y: Iterable[Any], colour: str, width: float, **more: Any) -> dict[str, Any]:
    line = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": line, **more}


def figure(
    traces: list[dict[str, Any]], x: str, y: str, log_x: bool = False, log_y: bool = False, height: int = 340
) -> Figure:
    legend = sum(bool(t.get("showlegend", True)) for t in traces) > 1
    layout = {"height": height, "xaxis": axis(x, log_x), "yaxis": axis(y, log_y), "showlegend": legend}
    return {"data": traces, "layout": layout}


def axis(title: str, log: bool) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "type": "log" if log else "linear",
        "gridcolor": GRID,
        "zerolinecolor": GRID,
    }


def band(low: float, high: float) -> dict[str, Any]:
    box = {"x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    return {"type": "rect", **box, "fillcolor": BAND, "line": {"width": 0}}


def upright(x: float) -> dict[str, Any]:
    place = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **place, "line": {"color": THIRD, "width": 2, "dash": "dash"}}


def median(values: list[Any]) -> float | None:
    known = sorted(v for v in values if v is not None)
    return known[len(known) // 2] if known else None


def spread(values: Iterable[Any]) -> float:
    """Largest over smallest; 1 where a logarithm would not work."""
    known = [v for v in values if v is not None]
    return max(known) / min(known) if known and min(known) > 0 else 1.0
