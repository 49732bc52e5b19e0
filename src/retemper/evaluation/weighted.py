"""Every metric as a function of row weights: one sparse product gives it for many weightings at once.

A bootstrap resample is a vector of row counts. All metrics but the ROC area are functions of weighted sums
over the rows, so R resamples [N, R] cost one product of a sparse matrix [sums, N] with the counts. The ROC
area needs the rows in order of their score, sorted once, and a running sum. Scores without a bootstrap are
the case R = 1. A metric that can't be computed under a weighting is NaN there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
CALIBRATION_BINS = 15


class Weighted(Protocol):
    """Metrics of fixed predictions under row weights [N, R] → name → values [R]."""

    def __call__(self, weights: Floats) -> dict[str, Floats]: ...


def log_losses(y: NDArray[np.int64], probabilities: Floats) -> Floats:
    """−log p of each row's true class [N]; p is kept away from 0 by float64's epsilon, as in scikit-learn."""
    p = probabilities[np.arange(len(y)), y]
    return -np.log(np.clip(p, np.finfo(np.float64).eps, 1.0))


def confidence_bins(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """The bin of each confidence: bin b holds (b/bins, (b+1)/bins]."""
    return np.asarray(np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1), dtype=np.int64)


class Classification:
    """Metrics of class probabilities.

    Args:
        y: true classes, 0 … C−1 [N].
        probabilities: rows that sum to 1 [N, C].
        predicted: the classes called [N]; ``None``: the likeliest.
    """

    def __init__(
        self, y: NDArray[np.int64], probabilities: Floats, predicted: NDArray[np.int64] | None = None
    ) -> None:
        rows, self._classes = probabilities.shape
        likeliest = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(rows), likeliest]
        predicted = likeliest if predicted is None else predicted
        right = predicted == y
        ones = np.ones(rows)
        c = self._classes
        self._sums = _stacked(
            [
                (y, ones, c),
                (predicted, ones, c),
                (y, right.astype(np.float64), c),
                (np.zeros(rows, np.int64), log_losses(y, probabilities), 1),
            ]
        )
        place = confidence_bins(confidence, CALIBRATION_BINS)
        self._gaps = _stacked([(place, (likeliest == y) - confidence, CALIBRATION_BINS)])
        self._true, self._probabilities = y, probabilities

    def __call__(self, weights: Floats) -> dict[str, Floats]:
        c = self._classes
        true, predicted, right, loss = np.split(self._sums @ weights, [c, 2 * c, 3 * c])
        total = true.sum(axis=0)
        seen = (true > 0) | (predicted > 0)
        recall, precision = _ratio(right, true), _ratio(right, predicted)
        return {
            "accuracy": right.sum(axis=0) / total,
            "balanced_accuracy": _mean_over(true > 0, recall),
            "precision_macro": _mean_over(seen, precision),
            "recall_macro": _mean_over(seen, recall),
            "f1_macro": _mean_over(seen, _ratio(2 * right, true + predicted)),
            "log_loss": loss[0] / total,
            "roc_auc": np.mean(self._areas(weights), axis=0),
            "ece": np.abs(self.gaps(weights)).sum(axis=0),
        }

    def _areas(self, weights: Floats) -> list[Floats]:
        """Of each class against the others [R]; one ranking at a time, for of many classes they take much room."""
        p, y = self._probabilities, self._true
        scored = [1] if self._classes == 2 else range(self._classes)
        return [_Ranking.of(p[:, k], y == k).area(weights) for k in scored]

    def gaps(self, weights: Floats) -> Floats:
        """Accuracy − confidence in each bin of confidence, times the bin's share of weight [bins, R]."""
        return np.asarray(self._gaps @ weights / weights.sum(axis=0))


class Regression:
    """Metrics of predicted values.

    Args:
        y: true values [N].
        values: predicted values [N].
    """

    def __init__(self, y: Floats, values: Floats) -> None:
        error = y - values
        # r2 is the same for shifted targets; centred ones keep the sum of squares exact.
        centred = y - y.mean()
        self._constant = bool(np.all(y == y[0]))
        self._sums = np.stack([np.ones_like(y), error**2, np.abs(error), centred, centred**2])

    def __call__(self, weights: Floats) -> dict[str, Floats]:
        total, squared, absolute, first, second = self._sums @ weights
        spread = second - first**2 / total
        defined = (spread > 1e-12 * second) & (not self._constant)
        safe = np.where(defined, spread, 1.0)
        return {
            "rmse": np.sqrt(squared / total),
            "mae": absolute / total,
            "r2": np.where(defined, 1.0 - squared / safe, np.nan),
        }


@dataclass(frozen=True)
class _Ranking:
    """Rows sorted by one class's score, and where that class's rows and their ties lie in that order."""

    order: NDArray[np.int64]
    positive: NDArray[np.int64]
    tie_start: NDArray[np.int64]
    tie_end: NDArray[np.int64]

    @staticmethod
    def of(score: Floats, positive: NDArray[np.bool_]) -> _Ranking:
        order = np.argsort(
            score
        )  # ties in any order: they share their ranks, and this is six times faster than stable
        ranked = score[order]
        places = np.flatnonzero(positive[order])
        start = np.searchsorted(ranked, ranked[places], side="left")
        end = np.searchsorted(ranked, ranked[places], side="right")
        return _Ranking(order, places, start, end)

    def area(self, weights: Floats) -> Floats:
        """Area under the ROC curve by weighted mid-ranks (Mann and Whitney 1947), ties count half [R].

        Σ over positives of weight × mid-rank counts each pair of positives half, that is W₊²/2, and each pair
        (positive, lower negative) once.
        """
        below = np.zeros((len(self.order) + 1, weights.shape[1]))
        np.cumsum(weights[self.order], axis=0, out=below[1:])
        mine = weights[self.order[self.positive]]
        middle = below[self.tie_start] + below[self.tie_end]
        positive = mine.sum(axis=0)
        pairs = positive * (below[-1] - positive)
        won = np.einsum("nr,nr->r", mine, middle) / 2 - positive**2 / 2
        return np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1.0), np.nan)


def _stacked(parts: list[tuple[NDArray[np.int64], Floats, int]]) -> csr_array:
    """One sparse matrix [Σ groups, N] from (group of each row, value of each row, number of groups)."""
    rows = len(parts[0][0])
    offsets = np.cumsum([0, *(groups for *_, groups in parts)])
    place = np.concatenate([group + start for (group, *_), start in zip(parts, offsets[:-1], strict=True)])
    values = np.concatenate([value for _, value, _ in parts])
    columns = np.tile(np.arange(rows), len(parts))
    return csr_array((values, (place, columns)), shape=(int(offsets[-1]), rows))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)


def _mean_over(mask: NDArray[np.bool_], values: Floats) -> Floats:
    return np.asarray((values * mask).sum(axis=0) / mask.sum(axis=0))
