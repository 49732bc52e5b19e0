"""A temperature for the new networks' probabilities, fitted for each fold without its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retemper.evaluation.calibration import apply_temperature, fit_temperature
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.stacks import Trained

LEAST_ROWS = 40


def calibrated(ground: Ground, trained: Trained) -> Trained:
    """The networks with probabilities that mean what they say; a regression has none to calibrate."""
    if ground.grown.task == "regression" or len(ground.new) < LEAST_ROWS or not trained.sound:
        return trained
    logs = np.log(np.clip(trained.new, 1e-30, None))
    y, weight = ground.y_new, ground.weight_new
    new = np.empty_like(trained.new)
    for fold in range(ground.count + 1):
        rows = ground.folds == fold
        if rows.any():
            own = fit_temperature(logs[~rows], y[~rows], weight[~rows])
            new[rows] = apply_temperature(logs[rows], own)
    temperature = fit_temperature(logs, y, weight)
    old: Floats = trained.old
    if len(old):
        old = apply_temperature(np.log(np.clip(old, 1e-30, None)), temperature)
    model = replace(trained.model, temperature=trained.model.temperature * temperature)
    return replace(trained, model=model, new=new, old=old)
