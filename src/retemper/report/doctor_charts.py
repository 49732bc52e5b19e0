"""Charts of what the doctor saw: curves with findings marked, gradients and updates by layer, dead and saturated units.

Text of a person's own (names of layers) goes into a figure only without any sign that could be markup.
"""

from __future__ import annotations

from typing import Any

from retemper.report.model_charts import DASHES, PALETTE
from retemper.report.seen import mark
from retemper.report.study_charts import harmless
from retemper.report.traces import (
    GRID,
    MUTED,
    NETWORK,
    SECOND,
    Figure,
    axis,
    figure,
    healthy_updates,
    line,
    spread,
)

WIDE = {"itemwidth": 48}
"""Of a legend: dashes are told apart by it."""


def doctor_figures(facts: dict[str, Any]) -> dict[str, Figure]:
    """All charts of the doctor's page, by the id of their place on it."""
    looks = facts["looks"]
    made: dict[str, Figure | None] = {
        "doctor-curves": _curves(facts),
        "doctor-gradients": by_layer(looks, "gradients", "Gradient of a weight, RMS"),
        "doctor-updates": by_layer(looks, "updates", "Update ratio"),
        "doctor-units": _units(looks),
    }
    return {name: own for name, own in made.items() if own}


def _curves(facts: dict[str, Any]) -> Figure | None:
    """Losses by epoch, or by step where no epochs were told, with numbered marks where findings were seen."""
    curves, looks = facts["curves"], facts["looks"]
    axis, along = ("epoch", curves) if curves else ("step", looks)
    x = along.get("epoch" if curves else "steps")
    if not x:
        return None
    named = [("train_loss", "training", SECOND), ("val_loss", "validation", NETWORK)]
    if not curves:
        named = [("losses", "batch", SECOND), ("probe_losses", "same rows each time", NETWORK)]
    traces = [
        _loss(x, along[key], colour, name, axis) for key, name, colour in named if _known(along.get(key))
    ]
    if not traces:
        return None
    values = [v for trace in traces for v in trace["y"] if v is not None]
    if facts["trivial"] is not None:
        ends = [min(x), max(x)]
        trivial = line(ends, [facts["trivial"]] * 2, MUTED, 1.5, name="guessing", hoverinfo="skip")
        trivial["line"]["dash"] = "dot"
        traces.append(trivial)
    made = figure(traces, axis.capitalize(), "Loss", log_y=spread(values) > 3)
    mark(made, [(own[axis], own["place"]) for own in facts["findings"]])
    return made


def _loss(x: list[Any], y: list[Any], colour: str, name: str, axis: str) -> dict[str, Any]:
    return line(x, y, colour, 2, name=name, hovertemplate=f"{axis} %{{x}}: %{{y:.4g}}<extra></extra>")


def _known(values: Any) -> bool:
    return any(own is not None for own in values or [])


def by_layer(looks: dict[str, Any], key: str, title: str, along: str = "step") -> Figure | None:
    """One line a layer over the steps, logarithmic; the band of healthy updates behind them.

    Args:
        looks: with ``steps`` or ``epochs``, ``layers`` and the values of each layer.
        key: ``gradients`` or ``updates``.
        title: of the upright axis.
        along: step or epoch.

    >>> found = {"steps": [1, 2], "layers": ["0"], "updates": [[1e-3, 2e-3]]}
    >>> by_layer(found, "updates", "Update ratio")["layout"]["shapes"][0]["y1"]
    0.01
    """
    if not looks:
        return None
    traces = []
    for k, (name, values) in enumerate(zip(looks["layers"], looks[key], strict=True)):
        positive = [own if own is not None and own > 0 else None for own in values]
        if not _known(positive):
            continue
        hover = f"{harmless(name)}, {along} %{{x}}: %{{y:.3g}}<extra></extra>"
        trace = line(looks[f"{along}s"], positive, PALETTE[k], 2, name=harmless(name), hovertemplate=hover)
        trace["line"]["dash"] = DASHES[k]
        traces.append(trace)
    if not traces:
        return None
    made = figure(traces, along.capitalize(), title, log_y=True, height=320)
    made["layout"] |= {"showlegend": True, "legend": WIDE}
    if key == "updates":
        own = healthy_updates()
        made["layout"]["shapes"] = [own]
        shown = [v for trace in traces for v in trace["y"]] + [own["y0"], own["y1"]]
        made["layout"]["yaxis"] = axis(title, shown)  # the band widens it: its decades have ticks, too
    return made


def _units(looks: dict[str, Any]) -> Figure | None:
    """Shares of dead units and of saturated values of the activations where they are highest."""
    if not looks:
        return None
    traces = []
    for kind, dash in (("dead", "solid"), ("saturated", "dash")):
        for k, own in enumerate(looks[kind]):
            name = f"{kind}, activation {own['place']}"
            hover = f"{name}, step %{{x}}: %{{y:.1%}}<extra></extra>"
            trace = line(looks["steps"], own["shares"], PALETTE[k], 2, name=name, hovertemplate=hover)
            trace["line"]["dash"] = dash
            traces.append(trace)
    if not traces:
        return None
    made = figure(traces, "Step", "Share", height=280)
    made["layout"] |= {"showlegend": True, "legend": WIDE}
    made["layout"]["yaxis"] |= {"range": [-0.02, 1.02], "tickformat": ".0%", "gridcolor": GRID}
    return made
