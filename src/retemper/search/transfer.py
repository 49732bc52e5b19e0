"""What settings are worth since the data changed: one Gaussian process over the trials of before and those since.

    loss before(x) = shared(x) + noise
    loss since(x)  = shared(x) + own(x) + noise of its own

Both are processes over settings (Matérn 5/2, a length scale for each column); the variance of ``own`` says how much has
changed. It is learnt, so old trials count for much where the new ones bear them out, and for little where they don't.
A hierarchical process as in Tighineanu et al. 2022, after Kennedy & O'Hagan 2000; all parameters have log-normal
priors, since the first fit knows five new trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from retemper.search.points import Points
from retemper.search.space import Setting, Space
from retemper.search.told import Known, thinned

Floats = NDArray[np.float64]
MODELLED = 150
"""Of more known settings, before or since, the best third and some others are learnt from."""
PENDING = 64
"""Of a batch so many settings are chosen with regard to those chosen before them."""
LENGTH, VARIANCE, CHANGE, NOISE = math.log(0.7), 0.0, math.log(0.3), math.log(0.05)
"""Medians of the priors, in logarithms: of lengths in shares of a range, of variances in those of the old losses."""
STEPS = 20
"""Of the optimizer, for each fit."""
JITTER = 1e-8


@dataclass(frozen=True)
class Posterior:
    """What is believed of any setting, once trials were seen.

    Args:
        points: the way from settings to numbers.
        parameters: logarithms: lengths, shared variance, own variance as a share of it, noise before, noise since.
        x: points that were seen [n, columns].
        since: 1 for trials since, 0 for those before [n].
        factor: Cholesky factor of their covariance [n, n], lower.
        weights: inverse covariance times losses [n].
    """

    points: Points
    parameters: Floats
    x: Floats
    since: Floats
    factor: Floats
    weights: Floats

    def choose(self, candidates: Sequence[Setting], count: int) -> list[int]:
        """The places of the most promising candidates.

        Each is the lowest of mean − deviation. What is chosen counts as seen, its loss as expected: that changes no
        mean but makes it surer, so that a batch is no crowd (GP-BUCB; Desautels et al. 2014).
        """
        if not candidates:
            return []
        asked = self.points.of(candidates)
        across = _covariance(self.parameters, asked, self.x, np.ones(len(asked)), self.since)
        mean = across @ self.weights
        seen = solve_triangular(self.factor, across.T, lower=True)
        prior, noise = _variances(self.parameters)
        left = prior - (seen**2).sum(axis=0)
        bound = mean - np.sqrt(np.maximum(left, 0))
        chosen: list[int] = []
        one = np.ones(1)
        for _ in range(min(count, PENDING, len(candidates))):
            place = int(bound.argmin())
            chosen.append(place)
            beside = _covariance(self.parameters, asked, asked[[place]], np.ones(len(asked)), one)[:, 0]
            beside = (beside - seen.T @ seen[:, place]) / math.sqrt(max(left[place], 0) + noise)
            seen, left = np.vstack([seen, beside]), left - beside**2
            bound = mean - np.sqrt(np.maximum(left, 0))
            bound[chosen] = np.inf
        rest = np.argsort(bound, kind="stable")[: max(0, count - len(chosen))]
        return chosen + [int(place) for place in rest if math.isfinite(bound[place])]


def fitted(space: Space, before: Known, since: Known) -> Posterior:
    """The posterior of what was seen, its parameters the likeliest ones (maximum a posteriori).

    It follows from what was seen alone, and from no fit before: a search that goes on after a kill need not make those.

    Args:
        space: what the settings belong to.
        before: losses of the earlier search.
        since: losses of this one, at least two of them different.

    >>> from retemper.search.space import Interval
    >>> space = Space({"rate": Interval(0.0, 1.0)})
    >>> before = [({"rate": k / 20}, abs(k / 20 - 0.3)) for k in range(21)]
    >>> since = [({"rate": k / 5}, 7 + 3 * abs(k / 5 - 0.4)) for k in range(6)]
    >>> fitted(space, before, since).choose([{"rate": 0.9}, {"rate": 0.37}, {"rate": 0.6}], 1)
    [1]
    """
    points = Points(space)
    old, new = (thinned(known, MODELLED, MODELLED // 3) for known in (before, since))
    x_old, x_new = (points.of([values for values, _ in known]) for known in (old, new))
    y_old, y_new = (np.array([loss for _, loss in known]) for known in (old, new))
    y_old = (y_old - y_old.mean()) / (y_old.std() or 1.0)
    nearest = y_old[cdist(x_new, x_old).argmin(axis=1)]
    y = np.concatenate([y_old, _on_scale(y_new, nearest)])
    x, task = np.concatenate([x_old, x_new]), np.repeat([0.0, 1.0], [len(x_old), len(x_new)])
    columns = x.shape[1]
    priors = np.array([*[LENGTH] * columns, VARIANCE, CHANGE, NOISE, NOISE])
    apart = (x[:, None] - x[None]) ** 2
    found = minimize(
        lambda own: _misfit(own, priors, apart, y, task),
        priors,
        jac=True,
        method="L-BFGS-B",
        bounds=[(own - 5, own + 5) for own in priors],
        options={"maxiter": STEPS},
    )
    own = np.asarray(found.x, float)
    whole = _covariance(own, x, x, task, task) + np.diag(_noise(own, task))
    factor, lower = cho_factor(whole, lower=True)
    return Posterior(points, own, x, task, np.tril(factor), cho_solve((factor, lower), y))


def _on_scale(losses: Floats, model: Floats) -> Floats:
    """New losses with the middle and the spread of what the nearest settings had before."""
    scale = float(model.std() or 1.0) / float(losses.std() or 1.0)
    return np.asarray((losses - losses.mean()) * scale + model.mean(), np.float64)


def _variances(own: Floats) -> tuple[float, float]:
    """Of a loss since: of the process and of the noise."""
    return math.exp(own[-4]) * (1 + math.exp(own[-3])), math.exp(own[-1])


def _noise(own: Floats, task: Floats) -> Floats:
    return np.where(task == 0, math.exp(own[-2]), math.exp(own[-1])) + JITTER


def _matern(distance: Floats) -> Floats:
    r = math.sqrt(5) * distance
    return np.asarray((1 + r + r * r / 3) * np.exp(-r), np.float64)


def _covariance(own: Floats, a: Floats, b: Floats, task_a: Floats, task_b: Floats) -> Floats:
    lengths = np.exp(own[:-4])
    tasks = math.exp(own[-4]) * (1 + math.exp(own[-3]) * np.outer(task_a, task_b))
    return _matern(np.asarray(cdist(a / lengths, b / lengths))) * tasks


def _misfit(own: Floats, priors: Floats, apart: Floats, y: Floats, task: Floats) -> tuple[float, Floats]:
    """Minus the log of likelihood times priors, and its slopes.

    Args:
        own: parameters, as in :class:`Posterior`.
        priors: their medians.
        apart: squared distances by column [n, n, columns].
        y: losses [n].
        task: 1 for trials since [n].
    """
    scaled = apart / np.exp(2 * own[:-4])
    r = np.sqrt(5 * scaled.sum(axis=2))
    fading = np.exp(-r)
    shared = math.exp(own[-4]) * (1 + r + r * r / 3) * fading
    changed = shared * math.exp(own[-3]) * np.outer(task, task)
    noise = _noise(own, task)
    factor = cho_factor(shared + changed + np.diag(noise), lower=True)
    weights = cho_solve(factor, y)
    misfit = 0.5 * y @ weights + np.log(np.diag(factor[0])).sum() + 0.5 * ((own - priors) ** 2).sum()
    slope = 0.5 * (cho_solve(factor, np.eye(len(y))) - np.outer(weights, weights))
    steep = 5 / 3 * (1 + r) * fading * math.exp(own[-4]) * (1 + math.exp(own[-3]) * np.outer(task, task))
    slopes = np.concatenate(
        [
            np.einsum("ij,ijk->k", slope * steep, scaled),
            [(slope * (shared + changed)).sum(), (slope * changed).sum()],
            [(np.diag(slope) * noise)[task == own_task].sum() for own_task in (0, 1)],
        ]
    )
    return float(misfit), slopes + own - priors
