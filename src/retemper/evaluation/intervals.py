"""95 % bootstrap intervals: what would the score be on other test rows of the same kind?

Rows are drawn with replacement (Efron 1979). A resample is a vector of row counts, so that all resamples of a
chunk are scored by one product (:mod:`retemper.evaluation.weighted`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from retemper.core.errors import InputError
from retemper.core.records import Score, Task
from retemper.evaluation.metrics import row_weights, weighted_metrics
from retemper.evaluation.resampling import draws
from retemper.evaluation.weighted import Classification, Floats

LEVEL = 0.95
SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc"}
)


def scores(
    task: Task,
    y: ArrayLike,
    prediction: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    weight: ArrayLike | None = None,
    predicted: ArrayLike | None = None,
) -> dict[str, Score]:
    """All metrics, each with its 95 % interval.

    Percentile intervals, with two exceptions. ``ece`` is a sum of absolute values, to which noise only adds;
    its interval takes that off (:func:`_calibration_interval`). A share that is exactly 1 in every resample
    (no error among n rows) gets the exact lower end .025^(1/n) (Clopper and Pearson 1934).

    Args:
        task: ``"classification"`` or ``"regression"``.
        y: class codes or values [N].
        prediction: probabilities [N, C] or values [N].
        resamples: 100 or more; the ends settle to about a twentieth of the width at 1000.
        seed: of the resampling, 0 or more.
        weight: sample weights [N].
        predicted: class codes called, where a threshold decides [N]; ``None``: the likeliest class.

    Returns:
        metric → score; ``low`` and ``high`` are None where fewer than 9 of 10 resamples give the metric.

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
    values = {name: float(value[0]) for name, value in weighted(base[:, None]).items()}
    drawn, gaps = [], []
    for counts in draws(len(base), resamples, seed):
        weights = counts * base[:, None]
        drawn.append(weighted(weights))
        if isinstance(weighted, Classification):
            gaps.append(weighted.gaps(weights))
    groups = np.bincount(np.asarray(y, dtype=np.int64)) if gaps else np.array([len(base)])
    found = {
        name: _score(name, value, np.concatenate([part[name] for part in drawn]), groups)
        for name, value in values.items()
        if np.isfinite(value)
    }
    if isinstance(weighted, Classification):
        measured = weighted.gaps(base[:, None])[:, 0]
        found["ece"] = Score(values["ece"], *_calibration_interval(measured, np.concatenate(gaps, axis=1)))
    return found


def paired_gain(
    before: ArrayLike,
    after: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    weight: ArrayLike | None = None,
    root: bool = False,
) -> tuple[float, float, float]:
    """How much better ``after`` is on the same rows: mean(before) − mean(after) with its 95 % interval.

    Args:
        before: per-row losses of the one model [N] (:func:`retemper.evaluation.metrics.row_losses`).
        after: per-row losses of the other, same rows [N].
        resamples: 100 or more.
        seed: of the resampling, 0 or more.
        weight: sample weights [N].
        root: compare the roots of the means, so that squared errors give the gain in RMSE.

    Returns:
        (gain, low, high); positive is better.

    >>> gain, low, high = paired_gain([1.0, 1.2, .9, 1.1], [.8, .9, .8, .7])
    >>> round(gain, 2), low > 0
    (0.25, True)
    """
    _check_resamples(resamples)
    losses = np.stack([np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)])
    if losses.ndim != 2 or not losses.size or not np.isfinite(losses).all():
        message = "Losses must be finite, one a row, for the same rows before and after."
        raise InputError("bad_losses", message, None, "Score both models on the same rows.")
    base = row_weights(weight, losses.shape[1])

    def gain(weights: Floats) -> Floats:
        means = (losses @ weights) / weights.sum(axis=0)
        first, second = np.sqrt(means) if root else means
        return np.asarray(first - second)

    drawn = [gain(counts * base[:, None]) for counts in draws(len(base), resamples, seed)]
    low, high = _percentiles(np.concatenate(drawn))
    return float(gain(base[:, None])[0]), low, high


def likely(gain: float, low: float, high: float, probability: float = 0.8) -> bool:
    """Whether a gain is above 0 with at least this probability, by the normal law of its 95 % interval.

    For changes that can hardly hurt (an average, a temperature), which need less proof than a change of recipe.

    >>> likely(1.0, -0.5, 2.5), likely(0.1, -0.5, 0.7)
    (True, False)
    """
    deviation = (high - low) / (2 * norm.ppf(0.975))
    return gain > 0 and bool(gain >= norm.ppf(probability) * deviation)


def _score(name: str, value: float, drawn: Floats, groups: NDArray[np.int64]) -> Score:
    usable = drawn[np.isfinite(drawn)]
    if len(usable) < 0.9 * len(drawn):
        return Score(value)
    low, high = _percentiles(usable)
    if name in SHARES and value == 1.0 and low == high:
        rows = int(groups.sum() if name == "accuracy" else groups[groups > 0].min())
        low = ((1 - LEVEL) / 2) ** (1 / rows)
    return Score(value, min(low, value), max(high, value))


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
