"""95 % intervals: what would the score be on other test rows of the same kind?

Shares (accuracy, recalls, precisions, F1, ROC area) have closed forms that hold for few rows and near 1; mean losses
(log loss, RMSE, MAE, R²) take the studentized bootstrap, stretched by their tail. ``benchmarks/interval_coverage.py``
measures how often they hold the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.stats import beta, norm
from scipy.stats import t as student

from retemper.core.errors import InputError
from retemper.core.records import Score, Task
from retemper.evaluation.area_interval import area_interval
from retemper.evaluation.metrics import row_weights, weighted_metrics
from retemper.evaluation.ratio_intervals import log_ratio_intervals
from retemper.evaluation.resampling import draws
from retemper.evaluation.share_intervals import Ends, Sample
from retemper.evaluation.weighted import Classification, Floats, log_losses

LEVEL = 0.95


def scores(
    task: Task,
    y: ArrayLike,
    prediction: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    weight: ArrayLike | None = None,
    predicted: ArrayLike | None = None,
    group: ArrayLike | None = None,
) -> dict[str, Score]:
    """All metrics, each with its 95 % interval.

    ``ece`` is a sum of absolute values, to which noise only adds; its interval takes that off
    (:func:`_calibration_interval`).

    Args:
        task: ``"classification"`` or ``"regression"``.
        y: class codes or values [N].
        prediction: probabilities [N, C] or values [N].
        resamples: of the bootstrap, 100 or more; the ends settle to about a twentieth of the width at 1000.
        seed: of the resampling, 0 or more.
        weight: sample weights [N].
        predicted: class codes called, where a threshold or costs decide [N]; ``None``: the likeliest class.
        group: rows with the same label belong together and vary together [N].

    Returns:
        metric → score.

    Raises:
        InputError: as :func:`retemper.evaluation.metrics.metrics`.

    >>> y, p = [0, 1] * 50, [[.8, .2], [.3, .7]] * 49 + [[.4, .6], [.6, .4]]
    >>> found = scores("classification", y, p, resamples=200)["accuracy"]
    >>> found.value, found.low < .98 < found.high
    (0.98, True)
    """
    _check_resamples(resamples)
    weighted = weighted_metrics(task, y, prediction, predicted)
    base = row_weights(weight, np.shape(y)[0])
    units = None if group is None else units_of(np.asarray(group), len(base))
    if not base.all():  # a resample of rows without weight alone has no score
        of, rest = np.flatnonzero(base), (y, prediction, base, predicted, group)
        true, outputs, weights, calls, groups = (None if a is None else np.asarray(a)[of] for a in rest)
        assert true is not None and outputs is not None
        return scores(task, true, outputs, resamples, seed, weights, calls, groups)
    measured = {name: float(value[0]) for name, value in weighted(base[:, None]).items()}
    values = {name: value for name, value in measured.items() if np.isfinite(value)}
    if isinstance(weighted, Classification):
        p, codes = np.asarray(prediction, dtype=np.float64), np.asarray(y, dtype=np.int64)
        called = p.argmax(axis=1) if predicted is None else np.asarray(predicted, dtype=np.int64)
        ends = _shares(Sample(codes, called, base, units), p, "roc_auc" in values)
        most = float(log_losses(p.argmin(axis=1), p).max())
        ends["log_loss"] = _log_loss(log_losses(codes, p), most, base, units, resamples, seed)
        ends["ece"] = _calibration(weighted, base, units, resamples, seed)
    else:
        true, guess = np.asarray(y, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
        ends = _errors(true, guess, base, units, resamples, seed)
    return {
        name: Score(value, min(ends[name][0], value), max(ends[name][1], value))
        for name, value in values.items()
    }


def _shares(sample: Sample, probabilities: Floats, with_area: bool) -> dict[str, Ends]:
    present = sample.weight @ probabilities >= sample.weight.mean() / 2  # rows that the model expects
    for which in (sample.y, sample.called):
        present |= np.bincount(which, sample.weight, minlength=len(present)) > 0
    recall = sample.mean_over(sample.y, present)
    found = {
        "accuracy": sample.accuracy(),
        "balanced_accuracy": recall,
        "recall_macro": recall,
        "precision_macro": sample.mean_over(sample.called, present),
        "f1_macro": sample.f1(present),
    }
    if with_area:
        found["roc_auc"] = area_interval(sample.y, probabilities, sample.weight, sample.units)
    return found


def _log_loss(
    losses: Floats, most: float, base: Floats, units: csr_array | None, resamples: int, seed: int
) -> Ends:
    """The studentized bootstrap's ends; the high one no further than losses up to ``most`` can reach.

    No row could have cost more than −log of the smallest probability said. Of all losses between 0 and ``most`` with
    their mean, those that are 0 or ``most`` tell least, and they follow Clopper and Pearson (1934).
    """
    a, b = (_summed(np.stack([part]), units) for part in (base * losses, base))
    if not a.any():
        return 0.0, 0.0
    low, high = log_ratio_intervals(a, b, np.zeros_like(a), resamples, seed)
    trials = float(b.sum() ** 2 / (b**2).sum())
    hits = trials * float(a.sum() / b.sum()) / most
    bound = most * (float(beta.ppf((1 + LEVEL) / 2, hits + 1, trials - hits)) if hits < trials else 1.0)
    return float(np.exp(low[0])), min(float(np.exp(high[0])), bound)


def _errors(
    true: Floats, guess: Floats, base: Floats, units: csr_array | None, resamples: int, seed: int
) -> dict[str, Ends]:
    """RMSE, MAE, and R² = 1 − Σe² / Σ(y − mean)²; each is a ratio of sums."""
    error, centred = true - guess, true - np.average(true, weights=base)
    nothing = np.zeros_like(base)
    exact = {"rmse": (0.0, 0.0), "mae": (0.0, 0.0), "r2": (1.0, 1.0)}
    if not (base * np.abs(error)).any():
        return exact
    varied = bool((base * centred**2).any())
    a = _summed(np.stack([base * error**2, base * np.abs(error), base * error**2]), units)
    b = _summed(np.stack([base, base, base * centred**2 if varied else base]), units)
    c = _summed(np.stack([nothing, nothing, base * centred if varied else nothing]), units)
    low, high = log_ratio_intervals(a, b, c, resamples, seed)
    return {
        "rmse": (float(np.exp(low[0] / 2)), float(np.exp(high[0] / 2))),
        "mae": (float(np.exp(low[1])), float(np.exp(high[1]))),
        "r2": (float(1 - np.exp(high[2])), float(1 - np.exp(low[2]))),
    }


def _calibration(
    weighted: Classification, base: Floats, units: csr_array | None, resamples: int, seed: int
) -> Ends:
    drawn = []
    for counts in draws(len(base) if units is None else units.shape[1], resamples, seed):
        rows = counts if units is None else units @ counts
        drawn.append(weighted.gaps(rows * base[:, None]))
    return _calibration_interval(weighted.gaps(base[:, None])[:, 0], np.concatenate(drawn, axis=1))


def units_of(group: NDArray[Any], rows: int) -> csr_array:
    """[N, G], 1 where a row belongs to a group.

    Raises:
        InputError: not one group a row.
    """
    if group.shape != (rows,):
        message = f"There must be one group a row, but got shape {group.shape} for {rows} rows."
        raise InputError("bad_groups", message, None, "Name a column of the table.")
    names, place = np.unique(group, return_inverse=True)
    return csr_array((np.ones(rows), (np.arange(rows), place)), shape=(rows, len(names)))


def _summed(rows: Floats, units: csr_array | None) -> Floats:
    return rows if units is None else np.asarray(rows @ units)


def paired_gain(
    before: ArrayLike,
    after: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    weight: ArrayLike | None = None,
    root: bool = False,
    group: NDArray[Any] | None = None,
) -> tuple[float, float, float]:
    """How much better ``after`` is on the same rows: mean(before) − mean(after) with its 95 % interval.

    Resamples of few rows vary too little, and by the normal law: their interval is stretched by √(n / (n − 1)) and by
    what Student's law has over the normal one (of 5 rows 95 in place of 84 % coverage, of 50 rows 94 in place of 93).

    Args:
        before: per-row losses of the one model [N] (:func:`retemper.evaluation.metrics.row_losses`).
        after: per-row losses of the other, same rows [N].
        resamples: 100 or more.
        seed: of the resampling, 0 or more.
        weight: sample weights [N].
        root: compare the roots of the means, so that squared errors give the gain in RMSE.
        group: rows with the same label vary together, and are drawn together [N].

    Returns:
        (gain, low, high); positive is better. One row (or one group) tells nothing: its ends are infinite.

    >>> gain, low, high = paired_gain([1.0, 1.2, .9, 1.1, 1.3], [.8, .9, .7, .8, .9])
    >>> round(gain, 2), low > 0
    (0.28, True)
    """
    _check_resamples(resamples)
    losses = np.stack([np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)])
    if losses.ndim != 2 or not losses.size or not np.isfinite(losses).all():
        message = "Losses must be finite, one a row, for the same rows before and after."
        raise InputError("bad_losses", message, None, "Score both models on the same rows.")
    base = row_weights(weight, losses.shape[1])
    units = None if group is None else units_of(np.asarray(group), len(base))
    sums = _summed(np.vstack([losses * base, base]), units)
    sums = sums[:, sums[-1] > 0]  # a resample of rows without weight alone has no gain

    def gain(counts: Floats) -> Floats:
        *totals, rows = sums @ counts
        first, second = np.sqrt(totals / rows) if root else totals / rows
        return np.asarray(first - second)

    count = sums.shape[1]
    value = float(gain(np.ones((count, 1)))[0])
    if count == 1:
        return value, -np.inf, np.inf
    low, high = _percentiles(np.concatenate([gain(counts) for counts in draws(count, resamples, seed)]))
    stretch = float(student.ppf(0.975, count - 1) / norm.ppf(0.975) * np.sqrt(count / (count - 1)))
    return value, value - stretch * (value - low), value + stretch * (high - value)


def likely(gain: float, low: float, high: float, probability: float = 0.8) -> bool:
    """Whether a gain is above 0 with at least this probability, by the normal law of its 95 % interval.

    For changes that can hardly hurt (an average, a temperature), which need less proof than a change of recipe.

    >>> likely(1.0, -0.5, 2.5), likely(0.1, -0.5, 0.7)
    (True, False)
    """
    deviation = (high - low) / (2 * norm.ppf(0.975))
    return gain > 0 and bool(gain >= norm.ppf(probability) * deviation)


def _calibration_interval(measured: Floats, drawn: Floats) -> tuple[float, float]:
    """The interval of Σ|gap| from the bins' gaps [bins] and their resamples [bins, R].

    |gap| of a calibrated bin is all noise, and noise on top of noise grows less than noise on top of nothing.
    So the low end counts gaps that are within two standard errors as noise (shrunk to √max(0, gap² − 4·var))
    when it asks how much too high Σ|gap| can come out; the high end takes the gaps as they are.
    """
    noise = drawn - drawn.mean(axis=1, keepdims=True)
    sure = np.sqrt(np.maximum(measured**2 - 4 * noise.var(axis=1), 0)) * np.sign(measured)
    value = np.abs(measured).sum()
    excess = _percentiles(np.abs(sure[:, None] + noise).sum(axis=0) - np.abs(sure).sum())[1]
    deficit = _percentiles(np.abs(measured[:, None] + noise).sum(axis=0) - value)[0]
    return float(np.clip(value - excess, 0, value)), float(np.clip(value - deficit, value, 1))


def _percentiles(drawn: Floats) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _check_resamples(resamples: int) -> None:
    if resamples < 100:
        message = f"resamples ≥ 100 must hold, but got {resamples}."
        raise InputError("bad_resamples", message, {"option": "resamples"}, "1000 is a good number.")
