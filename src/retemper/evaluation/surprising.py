"""The rows that the model finds most surprising: candidates for a wrong label, a rare case, or a blind spot.

Some rows must surprise: whoever says 1 % is right to be wrong in one of a hundred. So beside the rows stands how
many as surprising ones the model's own probabilities let expect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, poisson

from retemper.evaluation.held_out import HeldOut, ends, resampled
from retemper.evaluation.weighted import Floats

MOST_ROWS = 20


@dataclass(frozen=True)
class SurprisingRow:
    """A row and what was said of it.

    Args:
        at: its place among the held-out rows given.
        loss: −log p of its class, or squared error.
        expected: the class's code or the value in the table.
        predicted: the code of the class called, or the value.
        probability: of the class in the table; None for a regression.
        confidence: of the predicted class; None for a regression.
        low, high: the probability (or the value) that the model's single networks give, least and most; None with
            fewer than two networks.
        deviations: a regression's error in robust standard deviations; None for classes.
    """

    at: int
    loss: float
    expected: float
    predicted: float
    probability: float | None
    confidence: float | None
    low: float | None
    high: float | None
    deviations: float | None


@dataclass(frozen=True)
class Yardstick:
    """Held-out rows beyond a threshold, against how many are to be expected.

    Args:
        threshold: a probability of the true class at most this, or an error of at least so many deviations.
        found: how many rows.
        expected: how many the model's probabilities (normal errors) let expect.
        low, high: between which 95 % of the counts lie then.
    """

    threshold: float
    found: int
    expected: float
    low: float
    high: float


def most_surprising(
    held: HeldOut, outputs: Floats, most: int = MOST_ROWS, called: NDArray[np.int64] | None = None
) -> list[SurprisingRow]:
    """The rows of highest loss, the highest first.

    Args:
        held: the rows; their networks are asked about the surprising ones alone.
        outputs: what the model said of the rows, :meth:`HeldOut.outputs`.
        most: how many.
        called: the class codes predicted, where a threshold or costs decide [N]; None: the likeliest class.

    >>> import polars as pl
    >>> p = np.array([[.9, .1], [.2, .8], [.99, .01]])
    >>> held = HeldOut(pl.DataFrame({"a": [1, 2, 3]}), np.array([0, 1, 1]), "classification",
    ...                lambda cells, rows: p[rows], {"a": "number"})
    >>> first = most_surprising(held, p, 1)[0]
    >>> first.at, first.expected, first.predicted, first.probability
    (2, 1, 0, 0.01)
    """
    losses = held.losses(outputs)
    order = np.argsort(-losses, kind="stable")[:most]
    some = held.take(order)
    members = [np.asarray(predict(some.frame, some.positions)) for predict, _ in held.members]
    if held.task == "regression":
        scale = spread(held.y - outputs)
        return [
            SurprisingRow(
                int(at), float(losses[at]), float(held.y[at]), float(outputs[at]), None, None,
                *_between([own[k] for own in members]), float((held.y[at] - outputs[at]) / scale) if scale else None,
            )
            for k, at in enumerate(order)
        ]  # fmt: skip
    codes = outputs.argmax(axis=1) if called is None else called
    return [
        SurprisingRow(
            int(at), float(losses[at]), int(held.y[at]), int(codes[at]),
            float(outputs[at, held.y[at]]), float(outputs[at, codes[at]]),
            *_between([own[k, held.y[at]] for own in members]), None,
        )
        for k, at in enumerate(order)
    ]  # fmt: skip


def yardsticks(held: HeldOut, outputs: Floats) -> list[Yardstick]:
    """How many surprising rows there are, and how many are to be expected.

    Classes: rows whose class was given a probability of t or less, t = .1, .01, .001. Row i does so with probability
    Σ_c p_ic [p_ic ≤ t] where its probabilities are right; their sum is expected, with a Poisson interval (a little
    too wide: a sum of unlike coins varies less). Regression: errors beyond 3, 4, 5 robust standard deviations against a
    normal law of errors; more of them mean heavy tails.
    """
    if held.task == "regression":
        residuals = np.abs(held.y - outputs)
        scale = spread(held.y - outputs)
        counts = [(t, residuals > t * scale, np.full(held.rows, 2 * norm.sf(t))) for t in (3.0, 4.0, 5.0)]
    else:
        own = outputs[np.arange(held.rows), held.y]
        counts = [(t, own <= t, np.where(outputs <= t, outputs, 0).sum(1)) for t in (0.1, 0.01, 0.001)]
    found = []
    for threshold, beyond, chance in counts:
        expected = float(chance.sum())
        low, high = poisson.interval(0.95, expected) if expected > 0 else (0.0, 0.0)
        found.append(Yardstick(threshold, int(beyond.sum()), expected, float(low), float(high)))
    return found


def spread(residuals: Floats) -> float:
    """A standard deviation that a few wild rows can't move: 1.4826 × the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(residuals - np.median(residuals))))


def spread_interval(
    residuals: Floats, resamples: int = 300, seed: int = 0, group: NDArray[np.int64] | None = None
) -> tuple[float, float]:
    """The 95 % bootstrap interval of :func:`spread`; whole groups are drawn where there are any."""
    counts = resampled(len(residuals), resamples, seed, group).astype(int)
    return ends(np.array([spread(np.repeat(residuals, own)) for own in counts]))


def _between(values: list[float]) -> tuple[float | None, float | None]:
    return (float(min(values)), float(max(values))) if len(values) > 1 else (None, None)
