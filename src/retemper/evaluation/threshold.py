"""The threshold of the positive class: from which probability on is a row called positive?

Argmax (a threshold of one half) is best for accuracy alone; another goal or unequal costs want another threshold
(Elkan 2001; Lipton et al. 2014). Every cut between two rows is scored for many bootstrap resamples at once: rows in
order of falling probability, a running sum of each resample's counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retemper.evaluation.resampling import draws

Floats = NDArray[np.float64]
Goal = Literal["accuracy", "balanced_accuracy", "f1", "recall_at_precision", "cost"]
RESAMPLES = 200
SURE = 0.8
"""The share of resamples in which a demanded precision must hold."""


@dataclass(frozen=True)
class Rule:
    """What a threshold is chosen for.

    Args:
        goal: the metric; ``cost`` is −(mean cost a row).
        precision: least precision of ``recall_at_precision``.
        false_positive, false_negative: costs of ``cost``.
    """

    goal: Goal
    precision: float = 0.0
    false_positive: float = 1.0
    false_negative: float = 1.0

    def value(self, tp: Floats, fp: Floats, positive: Floats, negative: Floats) -> Floats:
        """The goal, higher is better, from weights of true and false positives and of both classes.

        >>> one = np.ones(1)
        >>> Rule("f1").value(3 * one, one, 4 * one, 6 * one).tolist()
        [0.75]
        """
        total = positive + negative
        if self.goal == "accuracy":
            return np.asarray((tp + negative - fp) / total)
        if self.goal == "balanced_accuracy":
            return np.asarray((_share(tp, positive) + _share(negative - fp, negative)) / 2)
        if self.goal == "f1":
            return _share(2 * tp, tp + fp + positive)
        if self.goal == "recall_at_precision":
            return np.where(_share(tp, tp + fp) >= self.precision, _share(tp, positive), 0.0)
        return np.asarray(-(self.false_positive * fp + self.false_negative * (positive - tp)) / total)


@dataclass(frozen=True)
class Threshold:
    """A row is of the class ``positive`` (its code) from the probability ``value`` on."""

    positive: int
    value: float

    def codes(self, probabilities: Floats) -> NDArray[np.int64]:
        """Class codes of rows [N, 2].

        >>> Threshold(1, .3).codes(np.array([[.6, .4], [.8, .2]])).tolist()
        [1, 0]
        """
        called = probabilities[:, self.positive] >= self.value
        return np.where(called, self.positive, 1 - self.positive).astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"positive": self.positive, "value": self.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Threshold:
        """The threshold that :meth:`to_json` wrote."""
        return cls(int(data["positive"]), float(data["value"]))


@dataclass(frozen=True)
class Choice:
    """A chosen threshold with its evidence.

    Args:
        value: the threshold; None: no cut reaches the demanded precision.
        low, high: 95 % of the resamples chose a threshold in between.
        gain, gain_low, gain_high: of the goal against one half, for each resample's own cut on the rows it left out;
            the median of the cuts is steadier and does a little better.
    """

    value: float | None
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


def choose_threshold(
    positive: NDArray[np.bool_],
    probability: Floats,
    rule: Rule,
    seed: int,
    weight: Floats | None = None,
    group: NDArray[Any] | None = None,
) -> Choice:
    """The threshold that is best for ``rule`` on held-out rows.

    One sample's best cut follows its noise, so the median over 200 bootstrap resamples' best cuts is taken; for
    ``recall_at_precision`` the lowest cut that keeps the precision in 80 % of the resamples. The gain over one
    half comes from rows that a resample left out, so that choosing does not flatter it.

    Args:
        positive: whether each row is of the positive class [N]; both kinds present.
        probability: of the positive class [N].
        rule: the goal.
        seed: of the resamples.
        weight: sample weights [N].
        group: rows with the same label vary together, and are drawn together [N]; None: rows are independent.

    >>> p = np.linspace(0, 1, 200)
    >>> found = choose_threshold(p + .2 * np.cos(np.arange(200)) > .7, p, Rule("f1"), 0)
    >>> found.low <= found.value <= found.high, found.gain > 0
    (True, True)
    """
    y, base, cuts, thresholds = _cuts(positive, probability, weight)
    half = int((np.unique(probability) >= 0.5).sum())
    units = None if group is None else group[np.argsort(-probability, kind="stable")]
    best, gains, holds = [], [], np.zeros(len(thresholds))
    for drawn in draws(len(y), RESAMPLES, seed, units):
        tables = _tables(y, drawn * base[:, None], cuts)
        usable = (tables[2] > 0) & (tables[3] > 0)
        chosen = rule.value(*tables).argmax(axis=0)
        left_out = rule.value(*_tables(y, (drawn == 0) * base[:, None], cuts))
        own = left_out[chosen, np.arange(drawn.shape[1])] - left_out[half]
        best.append(thresholds[chosen][usable])
        gains.append(own[usable & np.isfinite(own)])
        holds += (_share(tables[0], tables[0] + tables[1]) >= rule.precision).mean(axis=1) * drawn.shape[1]
    found, gain = np.concatenate(best), np.concatenate(gains)
    low, value, high = np.quantile(found, [0.025, 0.5, 0.975])
    final: float | None = float(value)
    if rule.goal == "recall_at_precision":
        # The first cut keeps any precision, but finds nothing.
        sure = np.flatnonzero(holds[1:] >= SURE * RESAMPLES) + 1
        final = float(thresholds[sure[-1]]) if len(sure) else None
        low, high = min(low, final or low), max(high, final or high)
    gain_low, gain_high = np.quantile(gain, [0.025, 0.975])
    return Choice(final, float(low), float(high), float(gain.mean()), float(gain_low), float(gain_high))


def best_cut(
    positive: NDArray[np.bool_], probability: Floats, rule: Rule, weight: Floats | None = None
) -> float:
    """The threshold that is best on exactly these rows.

    >>> best_cut(np.array([True, False]), np.array([.8, .2]), Rule("f1"))
    0.5
    """
    y, base, cuts, thresholds = _cuts(positive, probability, weight)
    return float(thresholds[rule.value(*_tables(y, base[:, None], cuts))[:, 0].argmax()])


def outcome(
    positive: NDArray[np.bool_], called: NDArray[np.bool_], rule: Rule | None, weight: Floats | None = None
) -> dict[str, float]:
    """What a fixed decision comes to: precision, recall, f1 of the positive class, and the rule's goal.

    >>> found = outcome(np.array([True, True, False]), np.array([True, False, False]), Rule("cost", 0, 1, 5))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.667, 'cost': 1.667}
    """
    w = np.ones(len(called)) if weight is None else np.asarray(weight, dtype=np.float64)
    tp, fp = w[called & positive].sum(), w[called & ~positive].sum()
    table = [np.array([value]) for value in (tp, fp, w[positive].sum(), w[~positive].sum())]
    found = {
        "precision": float(_share(table[0], table[0] + table[1])[0]),
        "recall": float(_share(table[0], table[2])[0]),
        "f1": float(Rule("f1").value(*table)[0]),
    }
    if rule is None or rule.goal in ("f1", "recall_at_precision"):
        return found
    value = float(rule.value(*table)[0])
    return {**found, rule.goal: -value if rule.goal == "cost" else value}


def _cuts(
    positive: NDArray[np.bool_], probability: Floats, weight: Floats | None
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.int64], Floats]:
    """Rows in order of falling probability (class, weight), where a cut may lie, and each cut's threshold."""
    order = np.argsort(-probability, kind="stable")
    p = probability[order]
    base = np.ones(len(p)) if weight is None else weight[order]
    cuts = np.flatnonzero(np.append(p[:-1] != p[1:], True))
    # The first cut calls no row positive.
    thresholds = np.append(1.0 + 1e-9, (p[cuts] + np.append(p[cuts[1:]], 0.0)) / 2)
    return positive[order], base, cuts, thresholds


def _tables(y: NDArray[np.bool_], weights: Floats, cuts: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Weights of true and false positives at each cut [cuts + 1, R], and of both classes [R]."""
    tp, fp = np.zeros((len(cuts) + 1, weights.shape[1])), np.zeros((len(cuts) + 1, weights.shape[1]))
    tp[1:] = np.cumsum(weights * y[:, None], axis=0)[cuts]
    fp[1:] = np.cumsum(weights * ~y[:, None], axis=0)[cuts]
    return tp, fp, tp[-1], fp[-1]


def _share(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0))
