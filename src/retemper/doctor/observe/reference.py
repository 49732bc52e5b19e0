"""What simple models make of the same rows: a network that does worse has something wrong with it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROWS, COLUMNS, OUTPUTS, TREES = 1500, 1000, 100, 40
FEW_COLUMNS = 30
"""Up to so many each split looks at a third of them, else at their square root."""
FEWEST_TREES = 8
FEWEST_ROWS = 40
"""Fewer rows to learn from make no reference."""


def references(x: Any, y: Tensor, held_x: Any, trees: int = TREES) -> list[Tensor]:
    """Outputs of a forest and of a ridge for the held-out rows, in the shape of the targets; of classes their shares.

    Both learn one column a class, so that one model serves values, classes and several labels a row. Trees do not
    care how inputs and targets are scaled, and the ridge scales its inputs, so that what spoils a network's training
    does not spoil theirs.

    Args:
        x, y: training rows; the first ``ROWS`` are learnt.
        held_x: rows to answer for.
        trees: of the forest.

    Returns:
        Two tensors [M, …]; none for other than tensors of numbers, or where rows are too few or too wide.

    >>> x = torch.rand(100, 3)
    >>> [tuple(own.shape) for own in references(x, (x[:, 0] > 0.5).long(), x[:20])]
    [(20, 2), (20, 2)]
    """
    if not (isinstance(x, Tensor) and isinstance(held_x, Tensor)) or len(x) < FEWEST_ROWS or x.dim() < 2:
        return []
    inputs, asked = (
        own.detach().cpu().double().flatten(1).numpy()[:, :COLUMNS] for own in (x[:ROWS], held_x)
    )
    target = _columns(y[:ROWS])
    if target is None or not (
        np.isfinite(inputs).all() and np.isfinite(asked).all() and np.isfinite(target).all()
    ):
        return []
    # It takes half a second to load, which a training that is watched should not wait for.
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(inputs)
    share = max(1 / 3, 1 / inputs.shape[1]) if inputs.shape[1] <= FEW_COLUMNS else "sqrt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forest = ExtraTreesRegressor(trees, min_samples_leaf=2, max_features=share, random_state=0).fit(
            inputs, target
        )
        ridge = Ridge(1.0).fit(scaler.transform(inputs), target)
        answers = [forest.predict(asked), ridge.predict(scaler.transform(asked))]
    classes = not y.is_floating_point()
    shape = (len(asked), -1) if classes else (len(asked), *y.shape[1:])
    return [torch.from_numpy(np.asarray(own).reshape(shape)).float() for own in answers]


def _columns(y: Tensor) -> Any:
    """Targets as numbers [N, K]; codes of classes as one column each."""
    if y.is_floating_point():
        numbers = y.detach().cpu().double().reshape(len(y), -1).numpy()
        return numbers if numbers.shape[1] <= OUTPUTS else None
    if y.dim() > 1 and y.shape[1] > 1:
        return None
    codes = y.detach().cpu().reshape(-1)
    most = max(int(codes.max()) + 1, 2)
    return (
        torch.nn.functional.one_hot(codes, most).double().numpy()
        if most <= OUTPUTS and int(codes.min()) >= 0
        else None
    )


def tree_s(rows: int, columns: int, outputs: int) -> float:
    """The price of one tree in seconds of a slow processor, as they were measured: so much for any tree, the rest grows
    with the rows sorted by each column that a split looks at, and with what is told of each row.

    >>> 0.001 < tree_s(500, 64, 10) < 0.002 < tree_s(1500, 784, 10) < 0.01
    True
    """
    columns, outputs = max(1, min(columns, COLUMNS)), min(outputs, OUTPUTS)
    looked_at = math.sqrt(columns) if columns > FEW_COLUMNS else max(1.0, columns / 3)
    return 5e-4 + 1.4e-8 * rows * math.log2(max(rows, 2)) * looked_at * (1 + outputs / 20)
