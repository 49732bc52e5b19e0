"""What was seen of a network while it trained, look by look, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Passes:
    """Calls of the network by someone's own code.

    Args:
        learning, learning_in_evaluation: with gradients, in training mode and in evaluation mode.
        judging, judging_in_training: without gradients, in evaluation mode and in training mode.
        batch: median of the rows of a call with gradients; 0: not known.
    """

    learning: int = 0
    learning_in_evaluation: int = 0
    judging: int = 0
    judging_in_training: int = 0
    batch: int = 0


@dataclass(frozen=True)
class Signals:
    """What was seen while it trained: one row a look; NaN where something could not be had.

    Args:
        steps: [K] when.
        losses: [K] of the batch, as it was handed over.
        probe_losses: [K] of the probe after the step, in evaluation mode and without any penalty.
        rates: [K] the highest learning rate.
        gradients: [K, L] norm of each weight's gradient.
        weights: [K, L] norm of each weight.
        updates: [K, L] ‖Δw‖/‖w‖ of one step.
        travelled: [K, L] ‖w − w at the start‖.
        dead: [K, A] share of each activation's units that are zero for every row of the probe.
        saturated: [K, A] share of values in the flat ends of each sigmoid, tanh or softmax.
        along: [K] cosine between the gradients that the optimizer got and those of the loss on the probe.
        stale: [K] ‖what was left in the gradients by the step before‖ / ‖what the next backward pass brought‖.
        taken: steps of the optimizer in all.
        passes: calls of the network by the training's own code.
        unchanged: names of parameters that never moved.
        non_finite: what was not finite first (``loss``, ``gradient``, ``parameter``) and at which step; "" and 0:
            nothing.
        names, sizes: of the L weights; activations: of the A activations their places among the operations.
        optimizers: that train it.
    """

    steps: Array
    losses: Array
    gradients: Array
    updates: Array
    dead: Array
    saturated: Array
    along: Array
    stale: Array
    unchanged: tuple[str, ...] = ()
    non_finite: tuple[str, int] = ("", 0)
    names: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    probe_losses: Array = field(default_factory=lambda: np.zeros(0))
    rates: Array = field(default_factory=lambda: np.zeros(0))
    weights: Array = field(default_factory=lambda: np.zeros((0, 0)))
    travelled: Array = field(default_factory=lambda: np.zeros((0, 0)))
    taken: int = 0
    passes: Passes = Passes()
    optimizers: int = 1
