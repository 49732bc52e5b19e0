"""A model whose outputs are scaled and shifted: a few numbers, fitted to new rows, that go into the last layer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from retemper.bundle.model import Model
from retemper.bundle.parts import Part
from retemper.models.layers.build import network_of
from retemper.training.stack import Layout

Floats = NDArray[np.float64]
PRIOR_ROWS = 10.0
"""No shift counts as so many rows that fit as they are: few rows shift little."""


@dataclass(frozen=True)
class Shift:
    """z ← scale·z + shift, of the networks' outputs before they become probabilities or units.

    Args:
        scale: above 0.
        shift: [C] of logits, or [1].
    """

    scale: float
    shift: Floats

    def of(self, model: Model) -> Model:
        """The model with this in its last layer; its temperature divides what is shifted, which makes up for it."""
        own = Shift(self.scale, self.shift * model.temperature)
        return replace(model, parts=tuple(own._part(model, part) for part in model.parts))

    def _part(self, model: Model, part: Part) -> Part:
        outputs = model.loss.n_outputs(len(model.classes))
        network = network_of(part.model, model.shape, outputs)
        row = part.row.clone()
        views = Layout(network).views(row.unsqueeze(0))
        for parameter in network.parameters:
            if parameter.role not in ("head_weight", "head_bias"):
                continue
            rows, columns = parameter.shape
            own = views[parameter.name][0, :rows, :columns]
            own.mul_(self.scale)
            if parameter.role == "head_bias":
                shift = self.shift if outputs > 1 or model.task == "regression" else np.diff(self.shift)
                tiled = np.tile(shift, rows * columns // len(shift)).reshape(rows, columns)
                own.add_(torch.from_numpy(tiled).to(own))
        return Part(part.model, row, part.weight)


def fit_classes(probabilities: Floats, y: NDArray[np.int64], weight: Floats) -> Shift:
    """The scale and the shift of log-probabilities with the least log loss, held to no shift by ``PRIOR_ROWS`` rows.

    >>> p = np.tile([0.5, 0.5], (400, 1))
    >>> found = fit_classes(p, (np.arange(400) % 4 > 0).astype(int), np.ones(400))
    >>> bool(found.shift[1] > found.shift[0] + 1)
    True
    """
    logs = np.maximum(np.log(np.maximum(probabilities, 1e-30)), -30.0)
    rows, count = np.arange(len(y)), logs.shape[1]
    total = weight.sum()

    def loss(theta: Floats) -> tuple[float, Floats]:
        scale, shift = np.exp(theta[0]), theta[1:]
        said = log_softmax(scale * logs + shift, axis=1)
        gap = np.exp(said)
        gap[rows, y] -= 1
        gap *= weight[:, None]
        value = -float((weight * said[rows, y]).sum()) + PRIOR_ROWS / 2 * float((theta**2).sum())
        slope = np.concatenate([[scale * float((gap * logs).sum())], gap.sum(axis=0)]) + PRIOR_ROWS * theta
        return value / total, slope / total

    found = minimize(loss, np.zeros(1 + count), jac=True, method="L-BFGS-B")
    return Shift(float(np.exp(found.x[0])), found.x[1:] - found.x[1:].mean())


def fit_values(values: Floats, y: Floats, weight: Floats) -> Shift:
    """The line y ≈ scale·value + shift by least squares, held to no shift by ``PRIOR_ROWS`` rows, in network units.

    >>> found = fit_values(np.linspace(-1, 1, 500), np.linspace(-1, 1, 500) + 2, np.ones(500))
    >>> round(found.scale, 2), found.shift.round(1).tolist()
    (1.0, [2.0])
    """
    rest = y - values
    design = np.stack([values, np.ones(len(values))], axis=1)
    spread = max(float(np.average(values**2, weights=weight)), 1e-12)
    ridge = PRIOR_ROWS * np.diag([spread, 1.0]) * float(weight.mean())
    normal = design.T @ (weight[:, None] * design) + ridge
    scale, shift = np.linalg.solve(normal, design.T @ (weight * rest))
    return Shift(float(max(1 + scale, 0.05)), np.array([shift]))
