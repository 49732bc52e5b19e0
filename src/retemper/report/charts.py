"""Facts → Plotly figures, as plain JSON.

Two rules keep them safe and fit for light and dark: no text from the data goes into a figure (names of
columns and classes stand in HTML, where they are escaped), and a colour is the name of a CSS variable, which
the page puts in and renews when the theme changes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from retemper.report import model_charts
from retemper.report.doctor_charts import by_layer
from retemper.report.seen import mark
from retemper.report.study_charts import study_figures
from retemper.report.traces import (
    FAINT,
    GRID,
    INK,
    MUTED,
    NETWORK,
    SECOND,
    THIRD,
    Figure,
    axis,
    band,
    figure,
    healthy_updates,
    joined,
    line,
    loss_figure,
    median,
    rank,
    reliability,
    spread,
    upright,
)


def figures(facts: dict[str, Any]) -> dict[str, Figure]:
    """All charts that the facts have data for, by the id of their place on the page."""
    makers: dict[str, Callable[[dict[str, Any]], Figure | None]] = {
        "overfit": overfit_sample,
        "rates": learning_rate_range,
        "trials": search_trials,
        "search": search_curves,
        "training": training_curves,
        "signals": training_signals,
        "layer-gradients": layer_gradients,
        "layer-updates": layer_updates,
        "calibration": calibration,
        "residuals": residual_scatter,
        "errors": residual_histogram,
        "precision-recall": model_charts.precision_recall,
        "more-data": model_charts.more_data,
    }
    made = {name: make(facts) for name, make in makers.items()}
    return (
        {name: found for name, found in made.items() if found}
        | model_charts.dependence(facts)
        | study_figures(facts)
    )


def overfit_sample(facts: dict[str, Any]) -> Figure | None:
    """The loss on the small sample, step by step."""
    curve = facts["evidence"].get("overfit_sample", {}).get("curve") or []
    points = [(step, value) for step, value in curve if value is not None]
    if len(points) < 2:
        return None
    steps, values = zip(*points, strict=True)
    trace = line(steps, values, NETWORK, 2, hovertemplate="step %{x}: %{y:.4g}<extra></extra>")
    return figure([trace], "Step", "Loss on the sample", log_y=spread(values) > 20, height=220)


def learning_rate_range(facts: dict[str, Any]) -> Figure | None:
    """Loss against learning rate for each seed, their median, and the usable range."""
    found = facts["evidence"].get("learning_rate_range", {})
    rates, losses = found.get("rates") or [], [row for row in found.get("losses") or [] if row]
    if not rates or not losses:
        return None
    middle = [median([row[i] for row in losses if i < len(row)]) for i in range(len(rates))]
    traces = [
        line(rates[: len(row)], row, FAINT, 1, name="one seed", showlegend=i == 0, hoverinfo="skip")
        for i, row in enumerate(losses)
    ]
    hover = "rate %{x:.2g}: loss %{y:.4g}<extra></extra>"
    traces.append(line(rates, middle, NETWORK, 2.5, name="median", hovertemplate=hover))
    known = [v for v in middle if v is not None]
    made = figure(traces, "Learning rate", "Loss", log_x=True)
    start, least = known[0] if known else 1.0, min(known, default=0.0)
    room = max(start - least, 1e-9)
    # Past the cliff losses are endless; what matters is the valley.
    made["layout"]["yaxis"]["range"] = [least - 0.15 * room, start + 0.6 * room]
    shapes: list[dict[str, Any]] = []
    if found.get("low") and found.get("high"):
        shapes.append(band(found["low"], found["high"]))
    if found.get("suggested"):
        shapes.append(upright(found["suggested"]))
    made["layout"]["shapes"] = shapes
    return made


def search_trials(facts: dict[str, Any]) -> Figure | None:
    """Validation loss of each trial against its learning rate; colour is the width, filled dots were kept."""
    trials = [t for t in facts["trials"] if t.get("learning_rate") and t.get("val_loss") is not None]
    if len(trials) < 2:
        return None
    widths = sorted({t.get("width") or 0 for t in trials})
    palette = [SECOND, NETWORK, THIRD, MUTED, INK]
    traces = []
    for i, width in enumerate(widths):
        mine = [t for t in trials if (t.get("width") or 0) == width]
        symbols = ["circle" if t.get("kept") else "circle-open" for t in mine]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [t["learning_rate"] for t in mine],
                "y": [t["val_loss"] for t in mine],
                "customdata": [[t.get(k) for k in ("id", "weight_decay", "dropout", "epochs")] for t in mine],
                "name": f"width {width}" if width else "trials",
                "marker": {
                    "color": palette[i % len(palette)],
                    "size": 9,
                    "symbol": symbols,
                    "line": {"width": 1.5},
                },
                "hovertemplate": "trial %{customdata[0]}: loss %{y:.4f}<br>rate %{x:.2g}, "
                "decay %{customdata[1]:.2g}, dropout %{customdata[2]:.2g}<br>"
                "%{customdata[3]} epochs<extra></extra>",
            }
        )
    ratio = spread([t["val_loss"] for t in trials])
    return figure(traces, "Learning rate", "Validation loss", log_x=True, log_y=ratio > 3)


def search_curves(facts: dict[str, Any]) -> Figure | None:
    """Validation loss of every trial, epoch by epoch; the ten best stand out, the best most."""
    name = facts["evidence"].get("search_refine", {}).get("history") or "search_refine"
    other = facts["evidence"].get("search_coarse", {}).get("history") or "search_coarse"
    members = [m for stem in (name, other) for m in facts["curves"].get(stem, {}).get("members", [])]
    if not members:
        return None
    ranked = sorted(members, key=rank)
    traces = [
        joined(ranked[1:], "val_loss", FAINT, 1, "other trials"),
        joined(ranked[:1], "val_loss", NETWORK, 2.5, "best"),
    ]
    return loss_figure(traces, "Validation loss")


def training_curves(facts: dict[str, Any]) -> Figure | None:
    """Training and validation loss of each network of the long training, the best one on top."""
    members = long_members(facts)
    if not members:
        return None
    ranked = sorted(members, key=rank)
    best, others = ranked[:1], ranked[1:]
    traces = [
        joined(others, "train_loss", "--second-faint", 1, "training, others"),
        joined(others, "val_loss", "--accent-faint", 1, "validation, others"),
        joined(best, "train_loss", SECOND, 2, "training, best"),
        joined(best, "val_loss", NETWORK, 2.5, "validation, best"),
    ]
    traces[0]["line"]["dash"] = traces[2]["line"]["dash"] = "dot"
    traces[0]["showlegend"] = traces[1]["showlegend"] = False
    judged = "val_loss_calibrated" if "val_loss_calibrated" in best[0] else "val_loss"
    if judged != "val_loss":
        traces.append(joined(best, judged, THIRD, 1.5, "validation, best, after its temperature"))
        traces[-1]["line"]["dash"] = "dash"
    made = loss_figure([t for t in traces if t["x"]], "Loss")
    losses = [
        (v, e) for v, e in zip(best[0].get(judged, []), best[0]["epoch"], strict=False) if v is not None
    ]
    if losses:
        value, epoch = min(losses)
        made["data"].append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [epoch],
                "y": [value],
                "name": "lowest",
                "showlegend": False,
                "marker": {"color": NETWORK, "size": 10, "line": {"color": "--card", "width": 2}},
                "hovertemplate": "lowest: epoch %{x}, %{y:.4f}<extra></extra>",
            }
        )
    mark(made, [(own["epoch"], place) for place, own in enumerate(facts["findings"], 1)])
    return made


def training_signals(facts: dict[str, Any]) -> Figure | None:
    """Learning rate, gradient norm and update ratio of the best network, below each other."""
    members = sorted(long_members(facts), key=rank)[:1]
    names = {
        "learning_rate": "Learning rate",
        "gradient_norm": "Gradient norm",
        "update_ratio": "Update ratio",
    }
    shown = [n for n in names if members and any(v for v in members[0].get(n) or [])]
    if not shown:
        return None
    made = figure([], "Epoch", "", height=120 * len(shown) + 60)
    layout, share = made["layout"], 1 / len(shown)
    for i, name in enumerate(shown):
        place = "yaxis" if i == 0 else f"yaxis{i + 1}"
        trace = joined(members, name, NETWORK, 2, names[name])
        trace["showlegend"] = False
        trace["yaxis"] = "y" if i == 0 else f"y{i + 1}"
        made["data"].append(trace)
        values = [v for v in members[0][name] if v]
        top = 1 - i * share
        banded = name == "update_ratio"  # whose band spans powers of ten
        layout[place] = axis(names[name], values if banded or spread(values) > 20 else None)
        if banded:
            layout["shapes"] = [healthy_updates(trace["yaxis"])]
        layout[place] |= {"domain": [top - share + (0.06 if i < len(shown) - 1 else 0), top], "nticks": 4}
    layout["xaxis"]["anchor"] = "y" if len(shown) == 1 else f"y{len(shown)}"
    return made


def layer_gradients(facts: dict[str, Any]) -> Figure | None:
    """Gradient flow: what reaches each layer of the best network."""
    return by_layer(_long(facts).get("layers", {}), "gradients", "Gradient of a weight, RMS", "epoch")


def layer_updates(facts: dict[str, Any]) -> Figure | None:
    """How much a step changes each layer of the best network, against the healthy band."""
    return by_layer(_long(facts).get("layers", {}), "updates", "Update ratio", "epoch")


def calibration(facts: dict[str, Any]) -> Figure | None:
    """Accuracy against stated confidence: on the diagonal a model means what it says."""
    curves = facts["evidence"].get("calibrate", {}).get("reliability") or {}
    test = facts["evidence"].get("test_once", {}).get("reliability") or []
    named: list[tuple[str, list[dict[str, Any]], str, str]] = [
        ("before calibration", curves.get("before") or [], MUTED, "dot"),
        ("after calibration", curves.get("after") or [], SECOND, "dash"),
        ("test rows", test, NETWORK, "solid"),
    ]
    shown = [part for part in named if part[1]]
    if not shown:
        return None
    ideal = line([0, 1], [0, 1], GRID, 1.5, name="ideal", hoverinfo="skip")
    traces = [ideal, *(reliability(*part) for part in shown)]
    made = figure(traces, "Stated confidence", "Accuracy")
    least = min(min(b["confidence"], b["accuracy"]) for _, bins, *_ in shown for b in bins)
    for side in ("xaxis", "yaxis"):
        made["layout"][side] |= {"range": [max(0, least - 0.05), 1.03], "tickformat": ".0%"}
    return made


def residual_scatter(facts: dict[str, Any]) -> Figure | None:
    """Error against prediction: a cloud around zero without a shape is what a good model leaves."""
    residuals = facts["residuals"] or {}
    if not residuals.get("predicted"):
        return None
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": residuals["predicted"],
        "y": residuals["residual"],
        "marker": {"color": NETWORK, "size": 4, "opacity": 0.4},
        "hovertemplate": "predicted %{x:.4g}, error %{y:.4g}<extra></extra>",
        "showlegend": False,
    }
    return figure([trace], "Predicted value", "True − predicted")


def residual_histogram(facts: dict[str, Any]) -> Figure | None:
    """How the errors are spread."""
    residuals = facts["residuals"] or {}
    edges, counts = residuals.get("edges") or [], residuals.get("counts") or []
    if len(edges) < 2 or len(counts) != len(edges) - 1:
        return None
    trace = {
        "type": "bar",
        "x": [(a + b) / 2 for a, b in pairwise(edges)],
        "y": counts,
        "width": [b - a for a, b in pairwise(edges)],
        "marker": {"color": NETWORK, "line": {"color": "--card", "width": 1}},
        "hovertemplate": "error about %{x:.4g}: %{y} rows<extra></extra>",
        "showlegend": False,
    }
    return figure([trace], "True − predicted", "Rows")


def long_members(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Curves of the networks of the long training."""
    return list(_long(facts).get("members", []))


def _long(facts: dict[str, Any]) -> dict[str, Any]:
    stem = facts["evidence"].get("train_long", {}).get("history") or "train_long"
    return dict(facts["curves"].get(stem, {}))
