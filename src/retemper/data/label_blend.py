"""Several models' probabilities as one: their mean, or the blend that foretells noisy labels best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from retemper.core.seeds import generator

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

FITTED_ROWS = 20_000
MOST_POWER, MOST_RATE = 12.0, 0.45
START_RATE = 0.05
PRIOR = 2.0
"""Standard deviation of powers (around an equal share each) and offsets (around 0): few rows don't go far."""


def average(models: Floats) -> Floats:
    """Geometric mean [N, C] of models [M, N, C]: a row is doubted only where all of them are sure.

    >>> average(np.array([[[0.5, 0.5]], [[0.8, 0.2]]])).round(3).tolist()
    [[0.667, 0.333]]
    """
    mean: Floats = softmax(np.log(models).mean(axis=0), axis=1)
    return mean


def blend(models: Floats, given: Codes, seed: int, rate: float | None = None) -> Floats:
    """Probabilities of the true class, blended by maximum likelihood of the labels as given.

    A label is drawn from

        q(i | x) ∝ exp(bᵢ + Σₘ sₘ log p̂ₘ(i | x)),   sₘ ≥ 0,

    and replaced by another class with the rate ε, so that sure errors do not flatten q. The powers sₘ say how far each
    model can be trusted, the offsets bᵢ undo what noise does to rare classes.

    Args:
        models: [M, N, C] out-of-fold probabilities, positive; rows sum to 1.
        given: [N] class codes as given.
        seed: of the rows to fit on, 20,000 at most.
        rate: ε; None: fitted too.

    Returns:
        q, [N, C].

    >>> draw = np.random.default_rng(0)
    >>> right = draw.integers(2, size=1000)
    >>> given = np.where(draw.random(1000) < 0.1, 1 - right, right)
    >>> knows, guesses = np.eye(2)[right] * 0.8 + 0.1, draw.dirichlet([1, 1], 1000)
    >>> q = blend(np.stack([knows, guesses]), given, seed=0, rate=0.1)
    >>> bool((q.argmax(axis=1) == right).all())
    True
    """
    logs = np.log(models)
    count, _, classes = logs.shape
    rows = generator(seed, "label blend").permutation(len(given))[:FITTED_ROWS]
    own, codes = logs[:, rows], given[rows]
    label = np.eye(classes)[codes]
    centre = np.concatenate([np.full(count, 1 / count), np.zeros(classes)])

    def loss(point: Floats) -> tuple[float, Floats]:
        """Mean minus log likelihood with the prior, and its gradient."""
        known, epsilon = point[:-1], point[-1]
        q = softmax(np.tensordot(known[:count], own, 1) + known[count:], axis=1)
        mine, stray = q[np.arange(len(codes)), codes], epsilon / (classes - 1)
        likely = np.maximum((1 - epsilon - stray) * mine + stray, 1e-12)
        pull = ((1 - epsilon - stray) * mine / likely)[:, None] * (label - q)
        gradient = [(pull * model).sum() for model in own]
        gradient += [*pull.sum(axis=0), (((1 - mine) / (classes - 1) - mine) / likely).sum()]
        off = np.append((known - centre) / PRIOR**2, 0.0)
        value = -np.log(likely).sum() + 0.5 * (off[:-1] * (known - centre)).sum()
        return float(value / len(codes)), (off - np.array(gradient)) / len(codes)

    bounds = [(0.0, MOST_POWER)] * count + [(-np.inf, np.inf)] * classes
    bounds += [(0.0, MOST_RATE) if rate is None else (rate, rate)]
    start = np.append(centre, START_RATE if rate is None else rate)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    q: Floats = softmax(np.tensordot(found[:count], logs, 1) + found[count:-1], axis=1)
    return q
