"""The gain of the second of two models in a metric, with each row's influence on it.

Log loss, RMSE, MAE: means of row losses (the root by the delta method). Accuracy: :class:`PairedShares` where rows are
independent and count alike. Balanced accuracy: means within classes. ROC area: DeLong, DeLong and Clarke-Pearson
(1988), one against the rest. ECE: its bins' gaps with the signs that they have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retemper.core.errors import InputError, nearest
from retemper.core.records import NotApplicable, Task
from retemper.evaluation.area_interval import placements
from retemper.evaluation.metrics import checked_classes, checked_values, row_weights
from retemper.evaluation.paired import Paired, PairedMean
from retemper.evaluation.paired_shares import PairedShares
from retemper.evaluation.weighted import CALIBRATION_BINS, Floats, confidence_bins, log_losses

POINT = 0.01
"""Of a rate, and of a log loss in nats; of an RMSE or MAE it is 1 % of the first model's."""


@dataclass(frozen=True)
class PairedRows:
    """Labelled rows and what two models say of them; made by :meth:`of`, which checks.

    Args:
        task: ``"classification"`` or ``"regression"``.
        y: class codes 0 … C−1, or values [N].
        outputs: of the first and the second model: probabilities [N, C], or values [N].
        called: class codes that each calls [N]; empty for a regression.
        weight: sample weights above 0 [N].
        group: rows with the same label vary together [N]; None: rows are independent.
    """

    task: Task
    y: NDArray[Any]
    outputs: tuple[Floats, Floats]
    called: tuple[NDArray[np.int64], ...]
    weight: Floats
    group: NDArray[Any] | None = None

    @classmethod
    def of(
        cls,
        task: Task,
        y: ArrayLike,
        first: ArrayLike,
        second: ArrayLike,
        called: tuple[ArrayLike, ArrayLike] | None = None,
        weight: ArrayLike | None = None,
        group: ArrayLike | None = None,
    ) -> PairedRows:
        """Check, and leave out the rows without weight.

        Args:
            task, y: as above.
            first, second: what the models say, in one order of classes.
            called: where a threshold or costs decide; None: the likeliest class.
            weight: 0 or more [N]; None: each row counts once.
            group: as above.

        Raises:
            InputError: no rows, shapes that don't fit, values that are not finite, weights below 0.

        >>> rows = PairedRows.of("regression", np.arange(4.0), np.ones(4), np.arange(4.0), weight=[1, 1, 1, 0])
        >>> rows.rows, round(paired_metric("mae", rows).value, 2)
        (3, 0.67)
        """
        check = checked_values if task == "regression" else checked_classes
        (true, a), (_, b) = check(y, first), check(y, second)
        if a.shape != b.shape:
            raise _unlike(f"the models' outputs must have one shape, but got {a.shape} and {b.shape}")
        weights = row_weights(weight, len(true))
        calls: tuple[NDArray[np.int64], ...] = ()
        if task == "classification":
            given = (a.argmax(1), b.argmax(1)) if called is None else called
            calls = tuple(np.asarray(own, dtype=np.int64) for own in given)
        groups = None if group is None else np.asarray(group)
        columns = [*calls, *([] if groups is None else [groups])]
        if any(own.shape != true.shape for own in columns):
            raise _unlike(f"there must be one class called and one group a row, for {len(true)} rows")
        return cls(task, true, (a, b), calls, weights, groups).take(weights > 0)

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.y)

    def take(self, inside: NDArray[np.bool_]) -> PairedRows:
        """Some of the rows [N, true for those]."""
        return PairedRows(
            self.task,
            self.y[inside],
            (self.outputs[0][inside], self.outputs[1][inside]),
            tuple(own[inside] for own in self.called),
            self.weight[inside],
            None if self.group is None else self.group[inside],
        )


def paired_metric(metric: str, rows: PairedRows) -> Paired:
    """The second model's gain over the first: of a loss the fall, of a rate the rise.

    Args:
        metric: ``log_loss``, ``accuracy``, ``balanced_accuracy``, ``roc_auc``, ``ece``; ``rmse``, ``mae``.
        rows: labelled rows with both models' outputs.

    Raises:
        InputError: a metric that is not known for this task.
        NotApplicable: no rows, or for ``roc_auc`` a class without rows, or with all of them.

    >>> y = np.arange(300) % 2
    >>> weak, sound = (np.stack([1 - p, p], 1) for p in (np.full(300, .5), np.where(y == 1, .8, .2)))
    >>> rows = PairedRows.of("classification", y, weak, sound)
    >>> {name: round(paired_metric(name, rows).value, 2) for name in ("log_loss", "accuracy", "roc_auc")}
    {'log_loss': 0.47, 'accuracy': 0.5, 'roc_auc': 0.5}
    """
    known = METRICS[rows.task]
    if metric not in known:
        message = f"A {rows.task} has no paired test for {metric!r}; {nearest(metric, list(known))}"
        raise InputError(
            "unknown_metric", message, {"option": "metric"}, f"Choose one of {', '.join(known)}."
        )
    if not rows.rows:
        raise NotApplicable("there are no rows")
    return known[metric](rows)


def points(metric: str, rows: PairedRows, count: float) -> float:
    """So many points in the metric's own units, 1 % of the first model's value for RMSE and MAE.

    >>> rows = PairedRows.of("regression", np.zeros(4), np.full(4, 5.0), np.zeros(4))
    >>> points("rmse", rows, 2.0)
    0.1
    """
    if rows.task == "classification":
        return POINT * count
    error = np.abs(rows.y - rows.outputs[0])
    size = np.sqrt(_mean(rows, error**2)) if metric == "rmse" else _mean(rows, error)
    return float(POINT * count * size)


def _log_loss(rows: PairedRows) -> Paired:
    """A model that is too sure loses much in few rows, and of few rows it may not have lost yet.

    So the moments count that are expected if each row's class is drawn by the mean of what both models say.
    """
    first, second = (log_losses(rows.y, own) for own in rows.outputs)
    gain, share = first - second, rows.weight / rows.weight.sum()
    value = float(share @ gain)
    least = np.finfo(np.float64).eps
    a, b = (np.log(np.clip(own, least, 1.0)) for own in rows.outputs)
    either, moved = (rows.outputs[0] + rows.outputs[1]) / 2, share[:, None] * (b - a - value)
    expected = float((either * moved**2).sum()), float((either * moved**3).sum())
    return _tested(rows, value, share * (gain - value), expected=expected)


def _mae(rows: PairedRows) -> Paired:
    first, second = (np.abs(rows.y - own) for own in rows.outputs)
    return _of_means(rows, first - second)


def _rmse(rows: PairedRows) -> Paired:
    squares = [np.square(rows.y - own) for own in rows.outputs]
    roots = [float(np.sqrt(_mean(rows, own))) for own in squares]
    # d√m = dm / 2√m; a model without any error has nothing to move.
    first, second = (
        (own - root**2) / (2 * root) if root > 0 else own * 0
        for own, root in zip(squares, roots, strict=True)
    )
    influence = rows.weight * (first - second) / rows.weight.sum()
    return _tested(rows, roots[0] - roots[1], influence)


def _accuracy(rows: PairedRows) -> Paired:
    first, second = (own == rows.y for own in rows.called)
    if rows.group is None and (rows.weight == rows.weight[0]).all():
        return PairedShares(int((second & ~first).sum()), int((first & ~second).sum()), rows.rows)
    return _of_means(rows, second.astype(np.float64) - first, least_error=1.0)


def _balanced_accuracy(rows: PairedRows) -> Paired:
    first, second = (own == rows.y for own in rows.called)
    change = second.astype(np.float64) - first
    total = np.bincount(rows.y, rows.weight)
    present = total > 0
    gain = np.bincount(rows.y, rows.weight * change) / np.where(present, total, 1)
    influence = rows.weight * (change - gain[rows.y]) / (total[rows.y] * present.sum())
    return _tested(rows, float(gain[present].mean()), influence, least_error=1.0)


def _roc_auc(rows: PairedRows) -> Paired:
    classes = rows.outputs[0].shape[1]
    ranked = [1] if classes == 2 else list(range(classes))
    total = np.bincount(rows.y, minlength=classes)
    if (total == 0).any() or (total == rows.rows).any():
        raise NotApplicable("a class has no rows, so that its ROC area is not defined")
    areas, influence = np.zeros(2), np.zeros(rows.rows)
    for side, own in enumerate(rows.outputs):
        for k in ranked:
            area, moved, _ = placements(own[:, k], rows.y == k, rows.weight)
            areas[side] += area / len(ranked)
            influence += (2 * side - 1) * moved / len(ranked)
    return _tested(rows, float(areas[1] - areas[0]), influence, least_error=1.0)


def _ece(rows: PairedRows) -> Paired:
    values, influence = [], []
    for own in rows.outputs:
        confidence, likeliest = own.max(1), own.argmax(1)
        place = confidence_bins(confidence, CALIBRATION_BINS)
        gap = rows.weight * ((likeliest == rows.y) - confidence) / rows.weight.sum()
        signs = np.sign(np.bincount(place, gap, CALIBRATION_BINS))
        signed = signs[place] * gap
        values.append(float(signed.sum()))
        influence.append(signed - values[-1] * rows.weight / rows.weight.sum())
    return _tested(rows, values[0] - values[1], influence[0] - influence[1])


def _of_means(rows: PairedRows, gain: Floats, least_error: float = 0.0) -> PairedMean:
    value = _mean(rows, gain)
    return _tested(rows, value, rows.weight * (gain - value) / rows.weight.sum(), least_error=least_error)


def _tested(
    rows: PairedRows,
    value: float,
    influence: Floats,
    least_error: float = 0.0,
    expected: tuple[float, float] | None = None,
) -> PairedMean:
    return PairedMean.of(value, influence, rows.group, least_error, expected, rows.weight)


def _mean(rows: PairedRows, values: Floats) -> float:
    return float(np.average(values, weights=rows.weight))


def _unlike(rule: str) -> InputError:
    message = f"Two models can't be compared: {rule}."
    return InputError("bad_paired_rows", message, None, "Give what both models say of the same rows.")


METRICS = {
    "classification": {
        "log_loss": _log_loss,
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "roc_auc": _roc_auc,
        "ece": _ece,
    },
    "regression": {"rmse": _rmse, "mae": _mae},
}
"""Task → metric → its paired gain."""
