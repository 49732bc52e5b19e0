"""Charts of the finished model: what columns do, what a threshold would give, what more rows would bring."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from retemper.report.traces import INK, MUTED, NETWORK, SECOND, THIRD, Figure, figure, line

PALETTE = [NETWORK, SECOND, THIRD, MUTED, INK, "--warn"]
DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
"""Colour never stands alone: every curve of a palette has a dash of its own."""
BANDS = ["--band", "--second-band", "--third-band"]
LAW_POINTS = 40


def dependence(facts: dict[str, Any]) -> dict[str, Figure]:
    """Mean prediction along each number or date, with its 95 % band; ``dependence-0`` and so on."""
    part = facts["understanding"].get("dependence") or {}
    made = {}
    for number, column in enumerate(part.get("columns") or []):
        if column["drawn"]:
            made[f"dependence-{number}"] = _along(column, facts["task"] == "regression")
    return made


def _along(column: dict[str, Any], values: bool) -> Figure:
    places = [i for i, cell in enumerate(column["grid"]) if cell is not None]
    dates = column["kind"] == "datetime"
    x = [_milliseconds(column["grid"][i]) if dates else column["grid"][i] for i in places]
    share = [column["share"][i] if i < len(column["share"]) else 0 for i in places]
    traces: list[dict[str, Any]] = []
    for k, curve in enumerate(column["curves"][: len(BANDS)]):
        low, mean, high = ([curve[key][i] for i in places] for key in ("low", "mean", "high"))
        edge = {"hoverinfo": "skip", "showlegend": False}
        traces.append(line(x, low, PALETTE[k], 0, **edge))
        traces.append(line(x, high, PALETTE[k], 0, fill="tonexty", fillcolor=BANDS[k], **edge))
        own = line(x, mean, PALETTE[k], 2, showlegend=False, customdata=share)
        own["line"]["dash"] = DASHES[k]
        top = max(share) or 1
        own |= {
            "mode": "lines+markers",
            "marker": {"color": PALETTE[k], "size": [4 + 7 * (s / top) ** 0.5 for s in share]},
            "hovertemplate": "at %{x}: %{y:"
            + (".4g" if values else ".1%")
            + "}<br>%{customdata:.1%} of the rows<extra></extra>",
        }
        traces.append(own)
    made = figure(traces, "", "Mean prediction" if values else "Mean probability", height=230)
    made["layout"]["yaxis"] |= {"nticks": 5} if values else {"tickformat": ".0%", "nticks": 5}
    made["layout"]["xaxis"] |= {"type": "date" if dates else "linear", "nticks": 7}
    return made


def _milliseconds(text: str) -> float:
    """An ISO date as Plotly counts time."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds() * 1000


def precision_recall(facts: dict[str, Any]) -> Figure | None:
    """Precision against recall of the rarest classes, and the chosen threshold's place."""
    found = facts["decisions"]
    curves = [own for own in found["curves"] if len(own["recall"]) > 1]
    if not curves:
        return None
    traces = []
    for k, own in enumerate(curves):
        trace = line(
            own["recall"], own["precision"], PALETTE[k], 2, showlegend=False, customdata=own["threshold"]
        )
        trace["line"]["dash"] = DASHES[k]
        trace["hovertemplate"] = (
            "recall %{x:.1%}, precision %{y:.1%}<br>from a probability of %{customdata:.3g} on<extra></extra>"
        )
        traces.append(trace)
    traces += _chosen_point(found["threshold"] or {})
    made = figure(
        traces, "Recall: share of the class that is found", "Precision: share of calls that are right"
    )
    for side in ("xaxis", "yaxis"):
        made["layout"][side] |= {"range": [0, 1.03], "tickformat": ".0%"}
    return made


def _chosen_point(threshold: dict[str, Any]) -> list[dict[str, Any]]:
    outcomes, names = threshold.get("outcomes") or [], threshold.get("names") or []
    if not outcomes or "precision" not in names or "recall" not in names:
        return []
    values = dict(zip(names, outcomes[0]["values"], strict=True))
    dot = {"color": SECOND, "size": 12, "symbol": "diamond", "line": {"color": "--card", "width": 2}}
    hover = "the threshold: recall %{x:.1%}, precision %{y:.1%}<extra></extra>"
    place = {"x": [values["recall"]], "y": [values["precision"]]}
    return [
        {
            "type": "scatter",
            "mode": "markers",
            **place,
            "marker": dot,
            "showlegend": False,
            "hovertemplate": hover,
        }
    ]


def more_data(facts: dict[str, Any]) -> Figure | None:
    """The metric against the number of rows: measured with intervals, the fitted law, and twice the rows."""
    part = facts["understanding"].get("more_data") or {}
    points = part.get("points") or []
    if len(points) < 2:
        return None
    rows = [own["rows"] for own in points]
    measured = _with_bars(rows, points, NETWORK, "circle", "measured")
    traces = [measured]
    law, have = part.get("law") or {}, part.get("have")
    if have and None not in [law.get(key) for key in "abc"]:
        last, end = rows[-1], 2 * have
        grid = [rows[0] * (end / rows[0]) ** (i / (LAW_POINTS - 1)) for i in range(LAW_POINTS)]
        curve = [law["a"] + law["b"] * (n / last) ** -law["c"] for n in grid]
        fitted = line(grid, curve, MUTED, 1.5, name="fitted law", hoverinfo="skip")
        fitted["line"]["dash"] = "dot"
        traces.insert(0, fitted)
        if part["doubled"]["value"] is not None:
            traces.append(
                _with_bars([end], [part["doubled"]], SECOND, "diamond", "expected with twice the rows")
            )
    made = figure(traces, "Training rows", facts["understanding"]["metric"], log_x=True)
    ticks = [*rows, *([2 * have] if have and len(traces) > 1 else [])]
    made["layout"]["xaxis"] |= {"tickvals": ticks, "ticktext": [f"{n:,}" for n in ticks]}
    return made


def _with_bars(
    x: list[float], scores: list[dict[str, Any]], colour: str, symbol: str, name: str
) -> dict[str, Any]:
    values = [own["value"] for own in scores]
    ends = [[own["value"] if own.get(key) is None else own[key] for key in ("low", "high")] for own in scores]
    down = [value - low for value, (low, _) in zip(values, ends, strict=True)]
    up = [high - value for value, (_, high) in zip(values, ends, strict=True)]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": values,
        "name": name,
        "marker": {"color": colour, "size": 10, "symbol": symbol},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": up,
            "arrayminus": down,
            "color": colour,
            "thickness": 1.5,
            "width": 5,
        },
        "customdata": ends,
        "hovertemplate": "%{x:,.0f} rows: %{y:.4g} (%{customdata[0]:.4g} to %{customdata[1]:.4g})<extra></extra>",
    }
