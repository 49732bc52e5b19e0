"""Gradients and updates of a network's layers over the epochs, from the series that a training left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.report.thinning import evenly, rounded

GRADIENT, UPDATE = "gradient_rms.", "update_ratio."
"""How the names of a weight's series begin; the weight's own name follows."""
MOST_LAYERS, MOST_EPOCHS = 6, 200


def layers_of(series: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """The series of some weights, evenly from the first to the last; empty where none were recorded.

    Args:
        series: by name, [epochs].

    >>> own = {"epoch": np.array([1.0, 2.0]), "gradient_rms.head.weight": np.array([0.1, 0.2])}
    >>> found = layers_of(own | {"update_ratio.head.weight": np.array([1e-3, 2e-3])})
    >>> found["layers"], found["gradients"]
    (['head'], [[0.1, 0.2]])
    """
    names = [name.removeprefix(GRADIENT) for name in series if name.startswith(GRADIENT)]
    names = [name for name in names if UPDATE + name in series]
    if not names or len(series["epoch"]) < 2:
        return {}
    shown = [names[k] for k in evenly(len(names), MOST_LAYERS)]
    rows = evenly(len(series["epoch"]), MOST_EPOCHS)
    return {
        "epochs": rounded(series["epoch"][rows]),
        "layers": [name.removesuffix(".weight") for name in shown],
        "layers_left_out": len(names) - len(shown),
        "gradients": [rounded(series[GRADIENT + name][rows]) for name in shown],
        "updates": [rounded(series[UPDATE + name][rows]) for name in shown],
    }


def of_all(series: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The series of the whole network.

    >>> list(of_all({"epoch": np.ones(2), "gradient_rms.head.weight": np.ones(2)}))
    ['epoch']
    """
    own = (GRADIENT, UPDATE)
    return {name: values for name, values in series.items() if values.ndim == 1 and not name.startswith(own)}
