"""Rows that a model has answered: with labels a metric can be measured on them, without it must be estimated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retemper.core.errors import InputError
from retemper.core.records import Task
from retemper.evaluation.metrics import checked_classes, checked_values, row_weights
from retemper.evaluation.weighted import Floats


@dataclass(frozen=True)
class Rows:
    """Rows and what one model says of them; made by :meth:`of`, which checks.

    Args:
        task: ``"classification"`` or ``"regression"``.
        outputs: probabilities in the model's order of classes [N, C], or values [N].
        y: class codes 0 … C−1, or true values [N]; None: not known.
        called: class codes that the model calls [N]; empty for a regression.
        weight: sample weights above 0 [N].
        group: rows with the same label vary together [N]; None: rows are independent.
        features: numbers that tell rows apart [N, D], NaN where missing.
        spread: standard deviation over the ensemble's networks [N], of a regression; zeros: not known.
    """

    task: Task
    outputs: Floats
    y: NDArray[Any] | None
    called: NDArray[np.int64]
    weight: Floats
    group: NDArray[Any] | None
    features: Floats
    spread: Floats

    @classmethod
    def of(
        cls,
        task: Task,
        outputs: ArrayLike,
        y: ArrayLike | None = None,
        *,
        called: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        group: ArrayLike | None = None,
        features: ArrayLike | None = None,
        spread: ArrayLike | None = None,
    ) -> Rows:
        """Check, and leave out the rows without weight.

        Args:
            task, outputs, y, group: as above.
            called: where a threshold or costs decide; None: the likeliest class.
            weight: 0 or more [N]; None: each row counts once. Rows that were picked class by class (a balanced
                reservoir) must bring the weights that give each class its share again.
            features: prepared inputs; categories as indicators or codes. None: none, only outputs are compared then.
            spread: as above; None: not known.

        Raises:
            InputError: no rows, shapes that don't fit, values that are not finite, weights below 0.

        >>> rows = Rows.of("classification", [[.9, .1], [.2, .8]], [0, 0], weight=[1, 0])
        >>> rows.count, rows.called.tolist(), rows.features.shape
        (1, [0], (1, 0))
        """
        count = len(np.asarray(outputs))
        # Without labels the outputs are checked against labels that always fit.
        stand_in: ArrayLike = np.zeros(count) if y is None else y
        check = checked_values if task == "regression" else checked_classes
        true, said = check(stand_in, outputs)
        calls = np.empty(0, dtype=np.int64)
        if task == "classification":
            calls = np.asarray(said.argmax(1) if called is None else called, dtype=np.int64)
        weights = row_weights(weight, count)
        table = np.empty((count, 0)) if features is None else np.asarray(features, dtype=np.float64)
        groups = None if group is None else np.asarray(group)
        spreads = np.zeros(count) if spread is None else np.asarray(spread, dtype=np.float64)
        lengths = {"features": len(table), "spread": len(spreads)}
        lengths |= {"called": len(calls)} if task == "classification" else {}
        lengths |= {} if groups is None else {"group": len(groups)}
        wrong = [f"{name}: {own}" for name, own in lengths.items() if own != count]
        if np.isinf(table).any() or not np.isfinite(spreads).all():
            message = "Features must be finite, or NaN where missing, and spreads finite."
            raise InputError("bad_harm_rows", message, None, "Give what the preparer made of the rows.")
        if wrong or table.ndim != 2:
            message = f"All columns must have {count} rows, features [N, D]; but got {', '.join(wrong) or table.shape}."
            raise InputError("bad_harm_rows", message, None, "Give what one model says of the same rows.")
        known = None if y is None else true
        return cls(task, said, known, calls, weights, groups, table, spreads).take(weights > 0)

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.outputs)

    @property
    def units(self) -> NDArray[np.int64]:
        """Which rows vary together: each row's own number, or its group's, 0 … G−1 [N]."""
        if self.group is None:
            return np.arange(self.count)
        return np.asarray(np.unique(self.group, return_inverse=True)[1], dtype=np.int64)

    def take(self, which: NDArray[Any]) -> Rows:
        """Some of the rows: their numbers, or true for each that is meant [N]."""
        return Rows(
            self.task,
            self.outputs[which],
            None if self.y is None else self.y[which],
            self.called[which] if self.task == "classification" else self.called,
            self.weight[which],
            None if self.group is None else self.group[which],
            self.features[which],
            self.spread[which],
        )
