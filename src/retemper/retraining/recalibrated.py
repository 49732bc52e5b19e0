"""The strategy ``recalibrate`` carried out: each fold's rows are judged by a shift that was fitted without them."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.shifted import Shift, fit_classes, fit_values
from retemper.retraining.stacks import Trained


def recalibrated(ground: Ground) -> Trained:
    """The champion with its outputs scaled and shifted."""
    began = time.perf_counter()
    model = ground.grown
    network_units = _in_network_units(model, ground.said_new)
    new = np.empty_like(ground.said_new)
    last = model
    for fold in (NEVER, *range(1, ground.count + 1)):
        learnt = (ground.folds != fold) & (ground.folds != NEVER)
        shifted = _fit(ground, network_units, learnt).of(model)
        judged = ground.folds == fold
        new[judged] = shifted.outputs(ground.new.filter(judged))
        last = shifted if fold == NEVER else last
    return Trained(last, new, last.outputs(ground.past.judges), 0.0, time.perf_counter() - began)


def _in_network_units(model: Model, outputs: Floats) -> Floats:
    return model.target_codec.scale(outputs) if model.task == "regression" else outputs


def _fit(ground: Ground, said: Floats, rows: NDArray[np.bool_]) -> Shift:
    y = ground.warm.lessons.y[: len(rows)][rows]
    weight = ground.weight_new[rows]
    if ground.grown.task == "regression":
        return fit_values(said[rows], y.astype(np.float64), weight)
    return fit_classes(said[rows], y, weight)
