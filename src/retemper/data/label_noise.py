"""How many labels are wrong, and which: from out-of-fold probabilities and the labels as given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

SHARPNESS: Floats = np.geomspace(0.5, 12.0, 33)
"""The powers s that probabilities are raised to; a network or forest trained on noisy labels is too modest."""
MOST_NOISE = 0.45
NEWTON_STEPS = 30
RESAMPLES, RESAMPLED_ROWS = 100, 20_000
LIKELY = 8.0
"""Powers that lie further below the best one (in log likelihood) are left out of the resamples."""
EM_STEPS = 30
PRIOR_SHARE = 0.3
"""The pull of the common rate on a class's own transitions, as a share of the class's rows; 50 rows at least."""
LEAST_PRIOR = 50.0


@dataclass(frozen=True)
class LabelNoise:
    """What the labels' noise looks like.

    Args:
        rate: estimated share of wrong labels, 0 … .45.
        low, high: its 95 % bootstrap interval.
        sharpness: the power s that the probabilities were raised to.
        transition: [C, C] probability that the true class i is written down as j.
        wrong: [N] probability of each given label to be wrong.
        clean: [N, C] probability of each class to be the true one, the given label taken into account.
    """

    rate: float
    low: float
    high: float
    sharpness: float
    transition: Floats
    wrong: Floats
    clean: Floats

    @property
    def suggested(self) -> Codes:
        """[N] the most probable class of each row; the given one where its label is more likely right than not."""
        return np.asarray(self.clean.argmax(axis=1), dtype=np.int64)

    def flagged(self) -> NDArray[np.bool_]:
        """[N] the rows most surely wrong; see :func:`surest`."""
        return surest(self.wrong)


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
    """Fit a model of the noise by maximum likelihood.

    A label is drawn from a classifier's probabilities p̂, sharpened or softened by a power s, and then replaced by
    another class with the rate ε:

        q(i | x) ∝ p̂(i | x)ˢ,   P(given j | x) = (1 − ε) q(j | x) + ε (1 − q(j | x)) / (C − 1).

    What a classifier errs in, it mostly errs in with doubt, and the power s accounts for that. Errors that are as
    frequent where it is sure as where it is not can't be explained by any s: they raise ε. So ε is near 0 on a table
    whose classes overlap but whose labels are right, and P(wrong | x, given) is Bayes' rule. A second fit frees the
    rates from class to class (EM with the common rate as prior), since real mix-ups prefer some pairs. In contrast to
    confident learning (Northcutt et al. 2021) no threshold a class is needed, and overlap is not counted as noise.

    Args:
        probabilities: [N, C] out-of-fold, positive, from models that did not see the row; rows sum to 1.
        given: [N] class codes as given.
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
    own = np.stack([_sharpened(logs, s)[np.arange(len(given)), given] for s in SHARPNESS])
    others = (1 - own) / (probabilities.shape[1] - 1)
    mixed = mix(own, others, seed, resamples)
    power = float(SHARPNESS[mixed.best])
    transition, posterior = _by_class(_sharpened(logs, power), given, mixed.rate)
    wrong = 1 - posterior[np.arange(len(given)), given]
    return LabelNoise(mixed.rate, mixed.low, mixed.high, power, transition, wrong, posterior)


def mix(own: Floats, others: Floats, seed: int, resamples: int = RESAMPLES) -> Mixture:
    """The most likely share of a second source, with its interval, over rival models of the first.

    Args:
        own: [G, N] likelihood of each row under each model of what is right.
        others: [G, N] likelihood under what is wrong.
        seed: of the bootstrap.
        resamples: how many; 0: no interval.
    """
    rates, fits = _rates(own, others, np.ones(own.shape[1]))
    best = int(np.argmax(fits))
    rate = float(rates[best])
    low, high = _interval(own, others, fits, seed, resamples) if resamples else (rate, rate)
    return Mixture(best, rate, low, high)


def _sharpened(logs: Floats, power: float) -> Floats:
    scaled = power * logs
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


def _by_class(q: Floats, given: Codes, rate: float) -> tuple[Floats, Floats]:
    """The transitions [C, C] with rates from class to class, and the posterior [N, C] of the true class."""
    classes = q.shape[1]
    common = np.full((classes, classes), rate / (classes - 1))
    np.fill_diagonal(common, 1 - rate)
    transition = common
    posterior = _posterior(q, given, transition)
    if rate == 0:
        return transition, posterior
    strength = np.maximum(LEAST_PRIOR, PRIOR_SHARE * q.sum(axis=0))[:, None]
    for _ in range(EM_STEPS):
        counts = np.stack([posterior[given == j].sum(axis=0) for j in range(classes)], axis=1)
        transition = counts + strength * common
        transition /= transition.sum(axis=1, keepdims=True)
        posterior = _posterior(q, given, transition)
    return transition, posterior


def _posterior(q: Floats, given: Codes, transition: Floats) -> Floats:
    joint = np.maximum(q * transition[:, given].T, 1e-300)
    posterior: Floats = joint / joint.sum(axis=1, keepdims=True)
    return posterior
