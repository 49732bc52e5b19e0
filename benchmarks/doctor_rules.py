"""Rules in the style of AutoTrainer, DeepDiagnosis and UMLAUT, by their published thresholds, written anew.

They read what `doctor_training.Recorded` holds, once an epoch. Where a tool names a symptom that stands for several
faults, all codes that it may mean are given, so that its naming is judged kindly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from doctor_healthy import HIDDEN
from doctor_training import WORST, Recorded

Rule = Callable[[Recorded], list[frozenset[str]]]


def autotrainer(seen: Recorded) -> list[frozenset[str]]:
    """AutoTrainer's rules.

    Vanishing: first / last gradient < 1e-3 and the first < 1e-4; exploding: > 70; dying ReLU: ≥ .7 of the gradients
    0; oscillating: accuracy swings > .03 in ≥ .2 of the epochs; slow: no step of accuracy ≥ .01; outputs > 10.
    """
    found = []
    gradients = _table(seen.gradients)
    with np.errstate(all="ignore"):
        share = gradients[:, 0] / gradients[:, -1]
    if ((share < 1e-3) & (gradients[:, 0] < 1e-4)).any():
        found.append(frozenset({"vanishing_gradients"}))
    if (share > 70).any() or not np.isfinite(gradients).all():
        found.append(frozenset({"exploding_gradients", "non_finite"}))
    if (_table(seen.zeros) >= 0.7).any():
        found.append(frozenset({"dead_units"}))
    accuracy = np.maximum(np.array(seen.accuracies), WORST)
    steps = np.diff(accuracy)
    turns = (steps[1:] * steps[:-1] < 0) & (np.abs(steps[1:]) > 0.03)
    if len(turns) and turns.sum() >= 0.2 * len(accuracy):
        found.append(frozenset({"oscillating", "learning_rate_too_high", "batch_too_small"}))
    if not len(steps) or steps.max() < 0.01:
        found.append(
            frozenset(
                {"slow_start", "learning_rate_too_low", "bad_initialisation", "constant_initialisation"}
            )
        )
    if any(value > 10 for value in seen.outputs[-1][:-1]):
        found.append(frozenset({"exploding_gradients", "unscaled_inputs"}))
    return found


def deepdiagnosis(seen: Recorded) -> list[frozenset[str]]:
    """DeepDiagnosis' rules.

    Dead ≥ .7; beyond ±5 before a sigmoid or tanh in > .5; mean |gradient| < 1e-7; weights unchanged over 5 checks;
    loss not falling over 20; variance of weights < 1e-5 or > 10; inputs beyond ±1; rate · ‖ΔW‖/‖W‖ outside 1e-5 to .1.
    """
    found = []
    if not np.isfinite(seen.losses).all():
        found.append(frozenset({"non_finite"}))
    if any(value >= 0.7 for row in seen.dead for value in row[:-1]):
        found.append(frozenset({"dead_units"}))
    if any(value > 0.5 for row in seen.large for value in row):
        found.append(frozenset({"saturated_activations"}))
    if (_table(seen.gradients) < 1e-7).any():
        found.append(frozenset({"vanishing_gradients"}))
    weights = _table(seen.weights)
    if len(weights) > 5 and (weights[5:] == weights[:-5]).any():
        found.append(frozenset({"frozen_parameters"}))
    losses = np.array(seen.losses)
    if len(losses) > 20 and (losses[20:] >= losses[:-20]).any():
        found.append(frozenset({"plateau", "wrong_loss", "output_range_mismatch", "learning_rate_too_low"}))
    if ((weights < 1e-5) | (weights > 10)).any():
        found.append(frozenset({"bad_initialisation", "constant_initialisation"}))
    if seen.low < -1 or seen.high > 1:
        found.append(frozenset({"unscaled_inputs"}))
    steps = _table(seen.steps)
    if (steps < 1e-5).any():
        found.append(frozenset({"learning_rate_too_low"}))
    if (steps > 0.1).any():
        found.append(frozenset({"learning_rate_too_high"}))
    return found


def umlaut(seen: Recorded) -> list[frozenset[str]]:
    """UMLAUT's rules.

    Inputs beyond ±1; a rate > .01 or < 1e-7; accuracy held out and trained on apart by > .05; dropout > .5; no
    softmax at the end of a classifier; layers of units with no activation; a loss that is no number.
    """
    found = []
    if not np.isfinite(seen.losses).all():
        found.append(frozenset({"non_finite"}))
    if seen.low < -1 or seen.high > 1:
        found.append(frozenset({"unscaled_inputs"}))
    if seen.rate > 0.01:
        found.append(frozenset({"learning_rate_too_high"}))
    if seen.rate < 1e-7:
        found.append(frozenset({"learning_rate_too_low"}))
    if seen.task != "regression" and seen.layers[-1] not in ("softmax", "sigmoid"):
        found.append(frozenset({"missing_output_activation", "wrong_loss"}))
    units = [at for at, item in enumerate(seen.layers) if item.startswith(("dense", "conv"))]
    if any(not HIDDEN.intersection(seen.layers[a:b]) for a, b in pairwise(units)):
        found.append(frozenset({"missing_nonlinearity"}))
    if seen.drop > 0.5:
        found.append(frozenset({"over_regularised"}))
    if seen.task != "regression" and abs(seen.held_accuracies[-1] - seen.accuracies[-1]) > 0.05:
        found.append(frozenset({"overfitting"}))
    return found


RULES: Mapping[str, Rule] = {
    "AutoTrainer-style": autotrainer,
    "DeepDiagnosis-style": deepdiagnosis,
    "UMLAUT-style": umlaut,
}


def _table(rows: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array(rows, dtype=float)
