"""Where in the curves findings were seen, and marks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retemper.report.traces import THIRD, Figure, upright

EPOCHS = ("first_epoch", "best_epoch", "drop_epoch", "from_epoch", "flat_until_epoch", "epoch")
STEPS = ("first_step", "step")
"""Entries of a finding's evidence that say when it was seen."""


def seen_at(evidence: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Epoch and step that a finding's evidence names.

    >>> seen_at({"best_epoch": 6, "loss": 0.3})
    (6, None)
    """
    epoch, step = (
        next((evidence[name] for name in names if isinstance(evidence.get(name), int | float)), None)
        for names in (EPOCHS, STEPS)
    )
    return epoch, step


def mark(figure: Figure, places: Sequence[tuple[float | None, int]]) -> None:
    """Dashed uprights where findings were seen, their numbers at the top.

    Args:
        figure: gets them.
        places: (where on the x axis, number of the finding); None: nowhere.

    >>> own = {"layout": {}}
    >>> mark(own, [(6, 1), (None, 2), (6, 3)])
    >>> [each["text"] for each in own["layout"]["annotations"]]
    ['1 3']
    """
    numbers: dict[float, list[int]] = {}
    for x, number in places:
        if x is not None:
            numbers.setdefault(x, []).append(number)
    top = {"y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left", "showarrow": False}
    figure["layout"].setdefault("shapes", []).extend(upright(x) for x in numbers)
    figure["layout"].setdefault("annotations", []).extend(
        {**top, "x": x, "text": " ".join(map(str, own)), "font": {"size": 13, "color": THIRD}}
        for x, own in numbers.items()
    )
