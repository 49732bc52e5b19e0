"""Charts of a search: losses against each option, settings as lines, the course, rungs, accuracy against cost.

Names and values of options are text that a person wrote; only letters, digits and a few signs of it go into a figure.
"""

from __future__ import annotations

from typing import Any

from retemper.report.study import short
from retemper.report.traces import (
    FAINT,
    GRID,
    INK,
    NETWORK,
    SECOND,
    Figure,
    axis,
    figure,
    line,
    spread,
)

HARMLESS = set(" .,+-−_()[]/…")
FADED, LOST = "--accent-faint", "--second-faint"
ABSENT = -0.16
"""Where a line goes at the axis of an option that its setting lacks: below the axis."""


def study_figures(facts: dict[str, Any]) -> dict[str, Figure]:
    """All charts of the search, by the id of their place on the page."""
    found = facts["study"]
    if not found:
        return {}
    made: dict[str, Figure | None] = {
        "study-lines": _lines(found["lines"]),
        "study-course": _course(found["course"]),
        "study-rungs": _rungs(found["course"]),
        "study-front": _front(found["front"]),
    }
    made |= {f"study-option-{k}": _option(own) for k, own in enumerate(found["options"])}
    return {name: own for name, own in made.items() if own}


def harmless(text: Any) -> str:
    """Text without any sign that could be markup.

    >>> harmless("<b>relu</b>")
    'brelu/b'
    """
    return "".join(sign for sign in str(text) if sign.isalnum() or sign in HARMLESS)


def _option(own: dict[str, Any]) -> Figure | None:
    """Loss against one option: the trials, the mean over all other options, and its 95 % band."""
    curve, points = own["curve"], own["points"]
    values = curve.get("values") or []
    if len(values) < 2:
        return None
    x = values if own["numbers"] else list(range(len(values)))
    places = {str(value): k for k, value in enumerate(values)}
    at = points["x"] if own["numbers"] else [places.get(str(value)) for value in points["x"]]
    dots = {
        **_dots(at, points["y"], points["trials"], FAINT, 5),
        "name": "trials",
        "hovertemplate": "trial %{customdata}: loss %{y:.4g}<extra></extra>",
    }
    text = [harmless(short(value)) for value in values]
    mean = {
        **line(x, curve["loss"], NETWORK, 2.5, name="mean over the other options"),
        "customdata": text,
        "hovertemplate": "%{customdata}: %{y:.4g}<extra></extra>",
    }
    if own["numbers"] and len(values) > 12:
        shade = line([*x, *x[::-1]], [*curve["low"], *curve["high"][::-1]], "--band", 0, hoverinfo="skip")
        shade |= {"fill": "toself", "fillcolor": "--band", "showlegend": False}
        traces = [dots, shade, mean]
    else:
        up = [high - loss for high, loss in zip(curve["high"], curve["loss"], strict=True)]
        mean |= {"mode": "lines+markers", "marker": {"color": NETWORK, "size": 9}}
        mean["error_y"] = {"type": "data", "array": up, "color": NETWORK, "thickness": 1.5, "width": 5}
        traces = [dots, mean]
    for trace in traces:
        trace["showlegend"] = False
    made = figure(traces, "", "Loss", log_x=own["log"], log_y=spread(points["y"]) > 5, height=230)
    if not own["numbers"] or len(values) <= 8:
        made["layout"]["xaxis"] |= {"tickmode": "array", "tickvals": x, "ticktext": text}
    return made


def _dots(x: Any, y: Any, trials: Any, colour: str, size: int) -> dict[str, Any]:
    marker = {"color": colour, "size": size}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "customdata": trials, "marker": marker}


def _lines(found: dict[str, Any]) -> Figure | None:
    """Parallel coordinates: each setting is a line through one axis an option; the best stand out."""
    if not found:
        return None
    axes, lines = found["axes"], found["lines"]
    places = list(range(len(axes)))
    best = lines[: found["best"]]
    traces = [
        _joined(found["failed"], places[:-1], LOST, 1, "failed"),
        _joined(lines[found["best"] :], places, FAINT, 1, "others"),
        _joined(best[1:], places, FADED, 1.5, "best fifth" if found["best"] < 20 else "best 20"),
        _joined(best[:1], places, NETWORK, 3, "best"),
    ]
    made = figure([own for own in traces if own["x"]], "", "", height=360)
    layout = made["layout"]
    layout["shapes"] = [
        {"type": "line", "x0": k, "x1": k, "y0": 0, "y1": 1, "line": {"color": GRID, "width": 2}}
        for k in places
    ]
    names = [harmless(own["name"]).replace("_", " ") for own in axes]
    layout["xaxis"] |= {"tickmode": "array", "tickvals": places, "ticktext": names, "showgrid": False}
    layout["xaxis"] |= {"range": [-0.35, len(axes) - 0.65], "zeroline": False}
    lacking = [k for k in places[:-1] if any(own["places"][k] is None for own in lines + found["failed"])]
    layout["yaxis"] |= {"range": [(ABSENT - 0.09) if lacking else -0.09, 1.09], "visible": False}
    layout["annotations"] = [
        {
            "x": k,
            "y": height,
            "text": harmless(own[end]),
            "showarrow": False,
            "font": {"size": 10.5, "color": INK},
        }
        for k, own in enumerate(axes)
        for end, height in (("low", -0.055), ("high", 1.055))
    ]
    layout["annotations"] += [
        {"x": k, "y": ABSENT - 0.05, "text": "none", "showarrow": False, "font": {"size": 10.5, "color": INK}}
        for k in lacking
    ]
    return made


def _joined(
    lines: list[dict[str, Any]], places: list[int], colour: str, width: float, name: str
) -> dict[str, Any]:
    x: list[int | None] = []
    y: list[float | None] = []
    trials: list[int | None] = []
    for own in lines:
        x += [*places, None]
        y += [*(ABSENT if place is None else place for place in own["places"]), None]
        trials += [own["trial"]] * len(places) + [None]
    made = line(
        x, y, colour, width, name=name, customdata=trials, hovertemplate="trial %{customdata}<extra></extra>"
    )
    return made | {"connectgaps": False}


def _course(course: dict[str, Any]) -> Figure | None:
    """The best loss so far against the epochs spent on all trials."""
    best, end = course.get("best") or [], course.get("spent_epochs")
    if len(best) < 2 or not end:
        return None
    x = [*(own["spent_epochs"] for own in best), end]
    y = [*(own["loss"] for own in best), best[-1]["loss"]]
    told = [[own["trial"], own["epochs"]] for own in best]
    trace = line(x, y, NETWORK, 2.5, showlegend=False, customdata=[*told, told[-1]])
    trace["line"]["shape"] = "hv"
    trace |= {"mode": "lines+markers", "marker": {"color": NETWORK, "size": [7] * len(best) + [0]}}
    trace["hovertemplate"] = (
        "%{x:,.0f} epochs spent: %{y:.4g}<br>trial %{customdata[0]} after %{customdata[1]}<extra></extra>"
    )
    long = x[0] > 0 and end / x[0] > 50
    return figure([trace], "Epochs spent, all trials and folds", "Best loss", long, spread(y) > 3, 280)


def _rungs(course: dict[str, Any]) -> Figure | None:
    """How many trials were trained for how long."""
    found = course.get("rungs") or []
    if len(found) < 2:
        return None
    x = [f"{own['epochs']}" for own in found]
    counts = [own["trials"] for own in found]
    trace = {
        "type": "bar",
        "x": x,
        "y": counts,
        "marker": {"color": NETWORK},
        "text": [f"{n:,}" for n in counts],
        "textposition": "auto",
        "cliponaxis": False,
        "hovertemplate": "%{y:,} trials trained for %{x} epochs or more<extra></extra>",
        "showlegend": False,
    }
    made = figure([trace], "Epochs at least", "Trials", height=280)
    made["layout"]["xaxis"] |= {"type": "category"}
    if spread(counts) > 100:
        made["layout"]["yaxis"] = axis("Trials", counts)
    return made


def _front(found: dict[str, Any]) -> Figure | None:
    """Loss against multiply-adds; the line joins the settings that none beats in both."""
    if not found:
        return None
    points, members = found["points"], found["members"]
    hover = "trial %{customdata}: loss %{y:.4g}<br>%{x:,.0f} multiply-adds a row<extra></extra>"
    dots = _dots(
        [p["cost"] for p in points], [p["loss"] for p in points], [p["number"] for p in points], FAINT, 6
    )
    costs, losses = [p["cost"] for p in members], [p["loss"] for p in members]
    edge = line(costs, losses, NETWORK, 2, name="front", customdata=[p["number"] for p in members])
    edge["line"]["shape"] = "hv"
    edge |= {"mode": "lines+markers", "marker": {"color": NETWORK, "size": 8}, "hovertemplate": hover}
    traces = [dots | {"name": "trials", "hovertemplate": hover}, edge]
    if found["enough"] and found["best"] and found["enough"]["number"] != found["best"]["number"]:
        own = found["enough"]
        mark = _dots([own["cost"]], [own["loss"]], [own["number"]], SECOND, 13)
        mark["marker"] |= {"symbol": "diamond", "line": {"color": "--card", "width": 2}}
        traces.append(mark | {"name": "within one standard error", "hovertemplate": hover})
    every = [p["loss"] for p in points]
    made = figure(traces, "Multiply-adds a row", "Loss", True, spread(every) > 3, 320)
    ordered = sorted(every)
    if spread(every) <= 3 and len(ordered) > 8:
        low, high = ordered[0], ordered[int(0.95 * len(ordered))]
        room = (high - low) or 1.0
        made["layout"]["yaxis"]["range"] = [low - 0.1 * room, high + 0.1 * room]
    return made
