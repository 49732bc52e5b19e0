"""Conformal prediction: intervals and sets that hold the truth as often as they say, whatever the model.

A score says how strange a truth is under the model: |residual| / difficulty for numbers (Lei et al. 2018), 1 − p of
the true class for classes (Sadinle et al. 2019). The ⌈(n+1)·coverage⌉-th smallest score of n held-out rows bounds a
new row's score with that probability, if rows are exchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from retemper.core.errors import InputError
from retemper.core.records import Score
from retemper.core.seeds import generator
from retemper.evaluation.difficulty import Difficulty, Features, Floats, Kind, fit_difficulty, kinds_for

FOLDS = 5
LEAST_ROWS = 20
MOST_LEVELS = 2000
CLEARLY_NARROWER = 0.99
"""A richer difficulty must make intervals 1 % narrower than a plainer one."""


@dataclass(frozen=True)
class Quantiles:
    """Sorted scores of held-out rows, each with the coverage that it guarantees, rising."""

    levels: tuple[float, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, scores: ArrayLike, weight: ArrayLike | None = None) -> Quantiles:
        """The k-th smallest of n scores guarantees k / (n + 1); weighted rows count by their weight.

        More than 2,000 scores are thinned; the one kept is always the larger, so that coverage never suffers.

        >>> Quantiles.of([3.0, 1.0, 2.0]).levels
        (0.25, 0.5, 0.75)
        """
        values = np.asarray(scores, dtype=np.float64)
        weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
        order = np.argsort(values, kind="stable")
        level = np.cumsum(weights[order]) / (weights.sum() + weights.mean())
        last = len(values) - 1
        kept = np.unique(np.linspace(0, last, min(len(values), MOST_LEVELS)).round().astype(int))
        return cls(tuple(level[kept].tolist()), tuple(values[order][kept].tolist()))

    def at(self, coverage: float) -> float:
        """The score that a new row stays below with probability ``coverage`` or more.

        Raises:
            InputError: coverage is not between 0 and 1, or there were too few rows for it.

        >>> Quantiles.of([3.0, 1.0, 2.0]).at(.5)
        2.0
        """
        if not 0 < coverage < 1:
            message = f"0 < coverage < 1 must hold, but got {coverage}."
            raise InputError("bad_coverage", message, {"option": "interval"}, "0.9 is a good number.")
        # The sum of many weights may miss a level by a rounding error.
        place = int(np.searchsorted(self.levels, coverage - 1e-9))
        if place == len(self.levels):
            most = math.floor(1000 * self.levels[-1]) / 1000
            message = (
                f"This model's held-out rows are too few for a coverage of {coverage}; they allow {most}."
            )
            hint = "Ask for less coverage, or train with more rows (split.validation)."
            raise InputError("coverage_too_high", message, {"option": "interval"}, hint)
        return self.scores[place]

    def to_json(self) -> dict[str, list[float]]:
        """Plain data."""
        return {"levels": list(self.levels), "scores": list(self.scores)}

    @classmethod
    def from_json(cls, data: Mapping[str, Sequence[float]]) -> Quantiles:
        """The quantiles that :meth:`to_json` wrote."""
        return cls(tuple(data["levels"]), tuple(data["scores"]))


@dataclass(frozen=True)
class Intervals:
    """Prediction intervals: prediction ± quantile × difficulty of the row."""

    quantiles: Quantiles
    difficulty: Difficulty

    def __call__(self, prediction: Floats, features: Features, coverage: float) -> Floats:
        """Lower and upper ends [N, 2], in the target's units.

        Args:
            prediction: predicted values [N].
            features: of :func:`retemper.evaluation.difficulty.features_of`.
            coverage: share of rows whose truth lies inside, between 0 and 1.

        Raises:
            InputError: see :meth:`Quantiles.at`.
        """
        half = self.quantiles.at(coverage) * self.difficulty(features)
        return np.stack([prediction - half, prediction + half], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {"quantiles": self.quantiles.to_json(), "difficulty": self.difficulty.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Intervals:
        """The intervals that :meth:`to_json` wrote."""
        return cls(Quantiles.from_json(data["quantiles"]), Difficulty.from_json(data["difficulty"]))


def fit_intervals(
    residual: Floats,
    features: Features,
    coverage: float,
    seed: int,
    weight: Floats | None = None,
    kinds: Sequence[Kind] | None = None,
) -> tuple[Intervals, dict[str, dict[str, float]]]:
    """Choose the difficulty that gives the narrowest valid intervals, and learn its quantiles.

    In five folds, each row's difficulty comes from a fit on the others (cross-conformal, Vovk 2015), and each
    fold's intervals from the other folds' scores. Among the estimates whose coverage there is not clearly below
    what was asked, the narrowest wins; a richer one must be 1 % narrower.

    Args:
        residual: true − predicted values of rows that no network was trained on [N ≥ 20].
        features: of :func:`retemper.evaluation.difficulty.features_of` for the same rows.
        coverage: what the widths are compared at, between 0 and 1.
        seed: of the folds and the trees.
        weight: sample weights [N].
        kinds: the estimates to try; ``None``: all that the rows allow.

    Returns:
        the intervals, and for each estimate ``{"coverage", "width"}`` on held-out folds.

    >>> draw = np.random.default_rng(0)
    >>> x = draw.uniform(size=500)
    >>> from retemper.evaluation.difficulty import features_of
    >>> found, tried = fit_intervals(draw.normal(size=500) * (.1 + x), features_of(x[:, None], x, 0 * x), .9, 0)
    >>> found.difficulty.kind, tried["boosted"]["width"] < tried["constant"]["width"]
    ('boosted', True)
    """
    rows = len(residual)
    weights = np.ones(rows) if weight is None else np.asarray(weight, dtype=np.float64)
    fold = generator(seed, "conformal").permutation(rows) % FOLDS
    best: tuple[Kind, Floats, float] | None = None
    tried: dict[str, dict[str, float]] = {}
    for kind in kinds_for(features, residual) if kinds is None else kinds:
        scale = _held_out(kind, features, residual, fold, seed)
        covered, width = _judged(np.abs(residual), scale, weights, fold, coverage)
        tried[kind] = {"coverage": covered, "width": width}
        noise = 2 * math.sqrt(coverage * (1 - coverage) / rows)
        if best is None or (covered >= coverage - noise and width < CLEARLY_NARROWER * best[2]):
            best = (kind, scale, width)
    assert best is not None
    kind, scale, _ = best
    quantiles = Quantiles.of(np.abs(residual) / scale, weights)
    return Intervals(quantiles, fit_difficulty(kind, features, residual, seed)), tried


def _held_out(kind: Kind, features: Features, residual: Floats, fold: NDArray[np.int64], seed: int) -> Floats:
    scale = np.empty(len(residual))
    for held in range(FOLDS):
        out = fold == held
        scale[out] = fit_difficulty(kind, features[~out], residual[~out], seed)(features[out])
    return scale


def _judged(
    size: Floats, scale: Floats, weight: Floats, fold: NDArray[np.int64], coverage: float
) -> tuple[float, float]:
    """Coverage and mean width, each fold by the others' quantile; without that many rows, by the largest score."""
    half = np.empty(len(size))
    for held in range(FOLDS):
        out = fold == held
        others = Quantiles.of(size[~out] / scale[~out], weight[~out])
        half[out] = scale[out] * others.at(min(coverage, others.levels[-1]))
    inside = float(np.average(size <= half, weights=weight))
    return inside, 2 * float(np.average(half, weights=weight))


def prediction_sets(probabilities: Floats, quantiles: Quantiles, coverage: float) -> NDArray[np.bool_]:
    """Which classes belong to each row's set [N, C]: those with 1 − p ≤ quantile, and the likeliest always.

    >>> scores = Quantiles.of([.1, .2, .3, .4])
    >>> prediction_sets(np.array([[.7, .3], [.5, .5]]), scores, .75).tolist()
    [[True, False], [True, False]]
    """
    inside = np.asarray(1 - probabilities <= quantiles.at(coverage))
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return inside


def class_scores(probabilities: Floats, y: NDArray[np.int64]) -> Floats:
    """1 − p of each row's true class [N]."""
    return np.asarray(1 - probabilities[np.arange(len(y)), y])


def coverage_score(
    inside: NDArray[np.bool_], weight: Floats | None = None, group: NDArray[Any] | None = None
) -> Score:
    """The share of rows inside, with its exact 95 % interval (Clopper and Pearson 1934).

    Rows that don't count alike, or that vary together, leave fewer effective trials (Kish 1965).

    Args:
        inside: whether the truth of each row lies inside [N].
        weight: sample weights [N].
        group: rows with the same label vary together [N].

    >>> found = coverage_score(np.array([True] * 90 + [False] * 10))
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.9, 0.824, 0.951)
    """
    w = np.ones(len(inside)) if weight is None else weight
    share = float(np.average(inside, weights=w))
    moved = w * (inside - share)
    alone, together = np.square(moved).sum(), np.square(_summed(moved, group)).sum()
    rows = w.sum() ** 2 / np.square(w).sum() / (max(1.0, together / alone) if alone > 0 else 1.0)
    hits = share * rows
    low = float(beta.ppf(0.025, hits, rows - hits + 1)) if share > 0 else 0.0
    high = float(beta.ppf(0.975, hits + 1, rows - hits)) if share < 1 else 1.0
    return Score(share, low, high)


def _summed(values: Floats, group: NDArray[Any] | None) -> Floats:
    if group is None:
        return values
    _, place = np.unique(group, return_inverse=True)
    return np.asarray(np.bincount(place, values), dtype=np.float64)
