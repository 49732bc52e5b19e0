"""How many labels are wrong, and which: from out-of-fold probabilities and the labels as given.

Two questions, two answers. Is there noise at all? :func:`estimate` says so only where overlap of the classes can't
explain it. How much, and in which rows? :func:`located` looks where overlap ends, at the surest rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from retemper.core.seeds import generator
from retemper.data.label_blend import blend

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

POWERS: Floats = np.concatenate([[0.0, 0.25], np.geomspace(0.5, 12.0, 33)])
"""That probabilities are raised to: above 1 for models made too modest by noise, below 1 for those too sure."""
MOST_NOISE = 0.45
NEWTON_STEPS = 30
RESAMPLES, RESAMPLED_ROWS = 100, 20_000
CLEAR_GAIN = 5.4
"""Of log likelihood over that without noise (χ², one degree of freedom, 99.9 %); the interval reaches 0 below it."""
LIKELY = 8.0
"""Powers that lie further below the best one (in log likelihood) are left out of the resamples."""
SURE_SHARES: Floats = np.geomspace(0.05, 0.8, 9)
LEAST_SURE = 40


@dataclass(frozen=True)
class LabelNoise:
    """What the labels' noise looks like.

    Args:
        rate: estimated share of wrong labels, 0 … .45.
        low, high: its 95 % bootstrap interval.
        wrong: [N] probability of each given label to be wrong.
        clean: [N, C] probability of each class to be the true one, the given label taken into account.
    """

    rate: float
    low: float
    high: float
    wrong: Floats
    clean: Floats


@dataclass(frozen=True)
class Mixture:
    """Which model of the right rows is best (its number), and the share of wrong rows with its 95 % interval."""

    best: int
    rate: float
    low: float
    high: float


def surest(wrong: Floats) -> NDArray[np.bool_]:
    """[N] the rows most surely wrong, as many as there are wrong ones in expectation, Σ P(wrong).

    With so many rows, precision and recall are equal where the probabilities are right.

    >>> surest(np.array([0.9, 0.1, 0.8, 0.2])).tolist()
    [True, False, True, False]
    """
    chosen = np.zeros(len(wrong), dtype=bool)
    chosen[np.argsort(-wrong, kind="stable")[: round(float(wrong.sum()))]] = True
    return chosen


def estimate(probabilities: Floats, given: Codes, seed: int, resamples: int = RESAMPLES) -> LabelNoise:
    """Fit a model of the noise by maximum likelihood: is there more than overlap of the classes explains?

    A label is drawn from a classifier's probabilities p̂, sharpened by a power s, and then replaced by another class
    with the rate ε (π: the classes' shares):

        q(i | x) ∝ p̂(i | x)ˢ π(i)^max(0, 1 − s),   P(given j | x) = (1 − ε) q(j | x) + ε (1 − q(j | x)) / (C − 1).

    What a classifier errs in, it mostly errs in with doubt, and the power s accounts for that; s = 0 is a classifier
    that knows nothing but the shares. Errors that are as frequent where it is sure as where it is not can't be
    explained by any s: they raise ε. So ε is near 0 on a table whose classes overlap but whose labels are right, and
    P(wrong | x, given) is Bayes' rule. In contrast to confident learning (Northcutt et al. 2021) no threshold a class
    is needed, and overlap is not counted as noise. But a classifier that has learnt the noise, and is as modest as it
    ought to be, hides it in s: ε is a cautious estimate.

    Args:
        probabilities: [N, C] out-of-fold, positive, from models that did not see the row; rows sum to 1.
        given: [N] class codes as given, every class present.
        seed: of the bootstrap.
        resamples: how many; 0: no interval (low = high = rate).

    >>> draw = np.random.default_rng(0)
    >>> p = 1 / (1 + np.exp(-draw.normal(0, 6, 4000)))
    >>> right = (draw.random(4000) < p).astype(int)
    >>> given = np.where(draw.random(4000) < 0.1, 1 - right, right)
    >>> both = np.stack([1 - p, p], axis=1)
    >>> noise = estimate(both, given, seed=0)
    >>> bool(noise.low < 0.1 < noise.high), estimate(both, right, seed=0).low < 0.01
    (True, True)
    """
    logs = np.log(probabilities)
    shares = np.log(np.bincount(given, minlength=probabilities.shape[1]) / len(given))
    at = np.arange(len(given))
    own = np.stack([_sharpened(logs, shares, s)[at, given] for s in POWERS])
    others = (1 - own) / (probabilities.shape[1] - 1)
    mixed = mix(own, others, seed, resamples)
    clean = _posterior(_sharpened(logs, shares, float(POWERS[mixed.best])), given, mixed.rate)
    return LabelNoise(mixed.rate, mixed.low, mixed.high, 1 - clean[at, given], clean)


def located(noise: LabelNoise, models: Floats, given: Codes, seed: int) -> LabelNoise:
    """The rate and the rows, once :func:`estimate` has found that there is noise.

    The models are blended to foretell the labels best (:func:`retemper.data.label_blend.blend`). Where the blend is
    surest there is next to no overlap, so what contradicts it there is noise (:func:`sure_errors`; Patrini et al. 2017
    take such rows as anchors). What is left of the overlap makes that rate a little too high, and the likelihood's is a
    little too low: their geometric mean is taken. With the rate known, the blend is fitted anew, and Bayes' rule gives
    P(wrong | x, given). The interval covers those of both rates.

    Args:
        noise: of the models' average.
        models: [M, N, C] out-of-fold probabilities of each model, positive; rows sum to 1.
        given: [N] class codes as given.
        seed: of the rows that the blend is fitted on, where there are many.
    """
    anchor = sure_errors(blend(models, given, seed), given)
    rate = float(np.clip(np.sqrt(noise.rate * anchor.rate), 0.0, MOST_NOISE))
    clean = _posterior(blend(models, given, seed, rate), given, rate)
    wrong = 1 - clean[np.arange(len(given)), given]
    return LabelNoise(rate, min(noise.low, anchor.low), max(noise.high, anchor.high), wrong, clean)


@dataclass(frozen=True)
class SureErrors:
    """How often labels contradict the surest rows, with Wilson's 95 % interval, and how many rows these are."""

    rate: float
    low: float
    high: float
    rows: int


def sure_errors(probabilities: Floats, given: Codes) -> SureErrors:
    """The error rate among the surest rows: as many of them as go without the rate rising.

    Rows are ordered by their largest probability. Of the surest 5 % to 80 % the largest share is taken whose error rate
    agrees with that of every smaller share within a standard error each (Lepski's rule): fewer rows are less certain,
    more would add overlap.

    Args:
        probabilities: [N, C] out-of-fold.
        given: [N] class codes, N of at least 50.

    >>> sure = np.linspace(1, 0.5, 2000)
    >>> given = (np.random.default_rng(0).random(2000) < 0.1).astype(int)
    >>> found = sure_errors(np.stack([sure, 1 - sure], axis=1), given)
    >>> bool(found.low < 0.1 < found.high), found.rows
    (True, 1600)
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    missed = np.cumsum((probabilities.argmax(axis=1) != given)[order])
    rows = np.unique(np.maximum(LEAST_SURE, (SURE_SHARES * len(given)).astype(np.int64)))
    rate = (missed[rows - 1] + 0.5) / (rows + 1)
    error = np.sqrt(rate * (1 - rate) / rows)
    rising = rate - error > np.minimum.accumulate(rate + error)
    last = int(rising.argmax()) - 1 if rising.any() else len(rows) - 1
    interval = stats.binomtest(int(missed[rows[last] - 1]), int(rows[last])).proportion_ci(method="wilson")
    return SureErrors(float(rate[last]), float(interval.low), float(interval.high), int(rows[last]))


def mix(own: Floats, others: Floats, seed: int, resamples: int = RESAMPLES) -> Mixture:
    """The most likely share of a second source, with its interval, over rival models of the first.

    Resampled rows alone trust a few sure errors of a small table too much; so the interval also holds 0 unless the best
    fit is clearly likelier than the best one without the second source.

    Args:
        own: [G, N] likelihood of each row under each model of what is right.
        others: [G, N] likelihood under what is wrong.
        seed: of the bootstrap.
        resamples: how many; 0: no interval.
    """
    rates, fits = _rates(own, others, np.ones(own.shape[1]))
    best = int(np.argmax(fits))
    rate = float(rates[best])
    if not resamples:
        return Mixture(best, rate, rate, rate)
    low, high = _interval(own, others, fits, seed, resamples)
    alone = float(np.log(np.maximum(own, 1e-12)).sum(axis=1).max())
    return Mixture(best, rate, low if fits[best] - alone >= CLEAR_GAIN else 0.0, high)


def _sharpened(logs: Floats, shares: Floats, power: float) -> Floats:
    scaled = power * logs + max(0.0, 1 - power) * shares
    q: Floats = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    return q


def _rates(own: Floats, others: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """The most likely rate for each power [G] and its log likelihood [G].

    The log likelihood Σ w log(own + ε (others − own)) is concave in ε: Newton's steps, kept inside the bounds.
    """
    slope = others - own
    rate = np.full((len(own), 1), 0.05)
    for _ in range(NEWTON_STEPS):
        ratio = slope / np.maximum(own + rate * slope, 1e-12)
        first = (weight * ratio).sum(axis=1, keepdims=True)
        second = (weight * ratio**2).sum(axis=1, keepdims=True)
        moved = np.clip(rate + first / np.maximum(second, 1e-12), rate / 4, (rate + MOST_NOISE) / 2)
        if np.abs(moved - rate).max() < 1e-5:
            break
        rate = moved
    rate = np.where(rate < 1e-4, 0.0, rate)
    fit = (weight * np.log(np.maximum(own + rate * slope, 1e-12))).sum(axis=1)
    return rate[:, 0], fit


def _interval(own: Floats, others: Floats, fits: Floats, seed: int, resamples: int) -> tuple[float, float]:
    """The 95 % interval over resampled rows, the power fitted anew each time."""
    near = fits >= fits.max() - LIKELY
    draw = generator(seed, "label noise")
    count = own.shape[1]
    rows = draw.permutation(count)[:RESAMPLED_ROWS]
    own, others = own[near][:, rows], others[near][:, rows]
    found = []
    for _ in range(resamples):
        weight = np.bincount(draw.integers(len(rows), size=len(rows)), minlength=len(rows)).astype(np.float64)
        rates, likelihoods = _rates(own, others, weight)
        found.append(rates[np.argmax(likelihoods)])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _posterior(q: Floats, given: Codes, rate: float) -> Floats:
    """[N, C] of the true class, by Bayes' rule; a wrong label is any other class, each as likely."""
    joint = q * rate / (q.shape[1] - 1)
    at = np.arange(len(given))
    joint[at, given] = (1 - rate) * q[at, given]
    joint = np.maximum(joint, 1e-300)
    posterior: Floats = joint / joint.sum(axis=1, keepdims=True)
    return posterior
