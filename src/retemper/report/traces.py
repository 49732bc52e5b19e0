"""Curves, axes and marks that the charts are made of. A colour is the name of a CSS variable of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median_high
from typing import Any

from retemper.report.words import number

Figure = dict[str, Any]

MUTED, NETWORK, SECOND, THIRD, GRID = "--muted", "--accent", "--second", "--third", "--grid"
FAINT, INK, BAND = "--faint", "--ink", "--band"

HEALTHY_UPDATES = (1e-4, 1e-2)
"""Steps of a thousandth of the weights are healthy (Karpathy, CS231n): a power of ten to either side."""


def rank(member: dict[str, Any]) -> float:
    """A member's place among others: its lowest validation loss, a lost network last.

    >>> sorted([{"lowest": None}, {"lowest": 0.3}], key=rank)
    [{'lowest': 0.3}, {'lowest': None}]
    """
    return float("inf") if member["lowest"] is None else float(member["lowest"])


def joined(
    members: list[dict[str, Any]], series: str, colour: str, width: float, name: str
) -> dict[str, Any]:
    """Many members' curves as one trace, parted by gaps.

    Args:
        members: with ``epoch``, ``id`` and the series.
        series: which values, for example ``val_loss``; a member without them adds nothing.
        colour: name of a CSS variable.
        width: of the line, pixels.
        name: in the legend.

    >>> joined([{"id": 4, "epoch": [1, 2], "val_loss": [0.5, 0.4]}], "val_loss", MUTED, 1, "all")["y"]
    [0.5, 0.4, None]
    """
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
    """Losses over epochs, logarithmic where the largest is more than three times the smallest.

    >>> loss_figure([line([1, 2], [0.9, 0.1], NETWORK, 2)], "Loss")["layout"]["yaxis"]["type"]
    'log'
    """
    shown = [trace for trace in traces if trace["x"]]
    values = [v for trace in shown for v in trace["y"] if v is not None]
    return figure(shown, "Epoch", title, log_y=spread(values) > 3)


def reliability(name: str, bins: list[dict[str, Any]], colour: str, dash: str) -> dict[str, Any]:
    """How often predictions are right against how sure they were; a mark's area grows with its bin's rows.

    Args:
        name: in the legend.
        bins: with ``confidence`` and ``accuracy`` (shares), and ``rows`` where they are known.
        colour: name of a CSS variable.
        dash: Plotly's name of the line's pattern.

    >>> reliability("now", [{"confidence": 0.9, "accuracy": 0.8, "rows": 5}], NETWORK, "solid")["marker"]["size"]
    [12.0]
    """
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
    """A trace of one line, ``width`` pixels wide; ``more`` are Plotly's own fields.

    >>> line([1], [2.0], MUTED, 1, name="loss")["name"]
    'loss'
    """
    line = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": line, **more}


def figure(
    traces: list[dict[str, Any]], x: str, y: str, log_x: bool = False, log_y: bool = False, height: int = 340
) -> Figure:
    """Traces on two named axes; a legend where more than one of them is to be named.

    Args:
        traces: Plotly's.
        x, y: titles of the axes; ``Epoch`` has whole ticks.
        log_x, log_y: logarithmic axes.
        height: pixels.

    >>> figure([line([1, 2], [3, 4], MUTED, 1)], "Epoch", "Loss")["layout"]["xaxis"]["dtick"]
    1
    """
    legend = sum(bool(t.get("showlegend", True)) for t in traces) > 1
    axes = {
        "xaxis": axis(x, [v for t in traces for v in t["x"]] if log_x else None),
        "yaxis": axis(y, [v for t in traces for v in t["y"]] if log_y else None),
    }
    if x == "Epoch":
        axes["xaxis"] |= whole_ticks([v for t in traces for v in t["x"] if v is not None])
    return {"data": traces, "layout": {"height": height, **axes, "showlegend": legend}}


def whole_ticks(values: list[Any]) -> dict[str, Any]:
    """Ticks of an axis that counts: no halves between few whole numbers."""
    return {"dtick": 1} if values and max(values) - min(values) < 10 else {}


def axis(title: str, log_values: Iterable[Any] | None = None) -> dict[str, Any]:
    """An axis; logarithmic over ``log_values`` where they are given."""
    made = {"title": {"text": title}, "type": "linear", "gridcolor": GRID, "zerolinecolor": GRID}
    if log_values is None:
        return made
    ticks = log_ticks([v for v in log_values if v is not None and v > 0])
    return {
        **made,
        "type": "log",
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [number(v) for v in ticks],
    }


def log_ticks(values: list[float]) -> list[float]:
    """Powers of ten over several decades, else 1, 2 and 5 times them.

    >>> log_ticks([0.25, 3.0]), log_ticks([2e-5, 0.3])
    ([0.2, 0.5, 1.0, 2.0, 5.0], [1e-05, 0.0001, 0.001, 0.01, 0.1, 1.0])
    """
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    steps = [1] if max(values) / min(values) > 100 else [1, 2, 5]
    every = [float(f"{step}e{power}") for power in range(low, high + 1) for step in steps]
    return [v for v in every if min(values) / 2 <= v <= max(values) * 2 or len(steps) == 1]


def band(low: float, high: float) -> dict[str, Any]:
    """A shaded band from ``low`` to ``high`` of x, over the whole height.

    >>> band(1, 3)["x1"]
    3
    """
    box = {"x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    return {"type": "rect", **box, "fillcolor": BAND, "line": {"width": 0}}


def healthy_updates(y: str = "y") -> dict[str, Any]:
    """A shaded band where updates of weights are healthy, over the whole width.

    Args:
        y: Plotly's name of the upright axis.

    >>> healthy_updates()["y1"]
    0.01
    """
    low, high = HEALTHY_UPDATES
    box = {"x0": 0, "x1": 1, "xref": "x domain", "y0": low, "y1": high, "yref": y, "layer": "below"}
    return {"type": "rect", **box, "fillcolor": BAND, "line": {"width": 0}}


def upright(x: float) -> dict[str, Any]:
    """A dashed line at x, over the whole height.

    >>> upright(0.5)["x0"]
    0.5
    """
    place = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **place, "line": {"color": THIRD, "width": 2, "dash": "dash"}}


def median(values: list[Any]) -> float | None:
    """The median of what is known; of an even number the upper of the two in the middle.

    >>> median([3.0, None, 1.0]), median([None])
    (3.0, None)
    """
    known = [v for v in values if v is not None]
    return float(median_high(known)) if known else None


def spread(values: Iterable[Any]) -> float:
    """Largest over smallest; 1 where a logarithm would not work."""
    known = [v for v in values if v is not None]
    return max(known) / min(known) if known and min(known) > 0 else 1.0
