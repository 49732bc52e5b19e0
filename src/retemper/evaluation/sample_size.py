"""Would more data help? A power law through the losses of networks trained on parts of the rows.

Loss falls with the number of rows n about as a + b·n^−c (Hestness et al. 2017; Viering and Loog 2023). What twice
as much data would gain, b·n^−c·(1 − 2^−c), comes with its interval. Where curves bend (a network of few rows has
not found the pattern yet), one law promises too much or too little, and is too sure of it; so the interval pools
three ways to go on: the law through all points, the law through the last three, and the last step once more. About
one learning curve in seven is ill-behaved (LCDB 1.1): where the law does not fit, or more rows made it worse, the
answer is that nobody can tell. ``benchmarks/learning_curves.py`` measures how often the intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from retemper.core.records import Score
from retemper.core.seeds import generator
from retemper.evaluation.held_out import ends, resampled
from retemper.evaluation.weighted import Floats

EXPONENTS = np.geomspace(0.05, 2.0, 60)
"""c: from nearly a straight line over log n, to a curve that is over."""
WORTH = 0.01
"""A gain of 1 % of the loss is worth gathering data for."""
MISFIT = 4.0
"""Standard errors between the law and a measured point from which the law does not hold."""

Answer = Literal["yes", "no", "can't tell"]


@dataclass(frozen=True)
class Law:
    """The fitted laws [K]: loss = a + b·(rows / most rows)^−c, a and b not negative."""

    a: Floats
    b: Floats
    c: Floats

    def at(self, share: Floats | float) -> Floats:
        """The loss at shares [S] of the rows → [K, S]."""
        return np.asarray(self.a[:, None] + self.b[:, None] * np.atleast_1d(share) ** -self.c[:, None])


@dataclass(frozen=True)
class SampleSizeCurve:
    """The curve and what it says.

    Args:
        rows: that were trained on, ascending [S].
        points: the main metric of one network at each, means over networks [S].
        floor: what endless data would leave (a).
        law: a, b, c of a + b·(rows / most rows)^−c.
        have: the rows there are: the most trained on, or more.
        gain: by which twice these would lower the main metric.
        doubled: the loss expected then.
        answer: yes: the gain's interval lies above 1 % of the loss; no: below; else can't tell.
        why: one sentence.
    """

    rows: tuple[int, ...]
    points: tuple[Score, ...]
    floor: Score
    law: tuple[float, float, float]
    have: int
    gain: Score
    doubled: Score
    answer: Answer
    why: str


def sample_size_curve(
    rows: Sequence[int],
    losses: Sequence[Floats],
    weight: Floats,
    root: bool = False,
    have: int | None = None,
    resamples: int = 500,
    seed: int = 0,
    group: NDArray[np.int64] | None = None,
) -> SampleSizeCurve:
    """Fit the law and ask it what twice the rows would gain.

    Three things are uncertain. Held-out rows are resampled, the same for all sizes, so that what is common to them
    cancels. Draws of training rows, and the networks' own chance, move the points by the normal law of their
    covariance, widened by what Student's law has over it at 95 % (:func:`_moves`). How the curve goes on: the interval
    is that of all resamples by each of the three ways together.

    Args:
        rows: different numbers of training rows, ascending, 3 or more.
        losses: for each, the row losses of D networks, each trained on a draw of its own [D ≥ 2, N]; the same D draws
            (a smaller part lies within the larger ones) and the same N held-out rows everywhere.
        weight: sample weights of the held-out rows [N].
        root: the main metric is the root of the mean (RMSE).
        have: the rows there are to train on; None: the largest of ``rows``.
        resamples: of the bootstrap.
        seed: 0 or more.
        group: a number for each held-out row's group, whole groups are drawn [N]; None: rows are independent.

    >>> draw = np.random.default_rng(0)
    >>> rows = [500, 1000, 2000, 4000]
    >>> noise = draw.exponential(size=2000)
    >>> losses = [(.3 + 20 / n**.5) * noise + .002 * draw.normal(size=(3, 2000)) for n in rows]
    >>> found = sample_size_curve(rows, losses, np.ones(2000))
    >>> found.answer, found.gain.low < 20 / 4000**.5 - 20 / 8000**.5 < found.gain.high
    ('yes', True)
    """
    counts = resampled(len(weight), resamples, seed, group) * weight
    counts /= counts.sum(1, keepdims=True)
    metrics = np.stack([_main((part @ weight) / weight.sum(), root) for part in losses])
    own = metrics.mean(1)
    drawn = np.stack([_main(counts @ part.T, root).mean(1) for part in losses], 1) + _moves(
        metrics, resamples, seed
    )
    shares = np.array(rows) / rows[-1]
    law, laws = fit(shares, own[None]), fit(shares, drawn)
    last = fit(shares[-3:], drawn[:, -3:])
    have = have or rows[-1]
    more = np.array([1.0, 2.0]) * have / rows[-1]
    now, then = law.at(more)[0].tolist()
    drawn_then = np.concatenate([laws.at(more), last.at(more), step_again(shares, drawn, more)])
    gain = _score(now - then, drawn_then[:, 0] - drawn_then[:, 1])
    answer, why = _answer(gain, now)
    trouble = _trouble(shares, own, drawn, law, laws)
    if trouble:
        answer, why = "can't tell", trouble
    points = tuple(_score(float(m), part) for m, part in zip(own, drawn.T, strict=True))
    floor = _score(float(law.a[0]), np.concatenate([laws.a, last.a]))
    doubled = _score(then, drawn_then[:, 1])
    fitted = (float(law.a[0]), float(law.b[0]), float(law.c[0]))
    return SampleSizeCurve(tuple(rows), points, floor, fitted, have, gain, doubled, answer, why)


def _score(value: float, drawn: Floats) -> Score:
    low, high = ends(drawn)
    return Score(value, min(low, value), max(high, value))


def step_again(shares: Floats, points: Floats, more: Floats) -> Floats:
    """The losses at shares [M] of the rows if each doubling brings what the last one did, and none below 0 → [K, M].

    Args:
        shares: of the most rows, ascending [S ≥ 2].
        points: the losses of K curves [K, S]; where the last step brought nothing, the next ones bring nothing.
        more: shares of the most rows to ask for, 1 or more [M].

    >>> step_again(np.array([0.5, 1]), np.array([[0.75, 0.5], [0.5, 0.75]]), np.array([1.0, 2, 4])).tolist()
    [[0.5, 0.25, 0.0], [0.75, 0.75, 0.75]]
    """
    doublings = np.log2(shares[-1] / shares[-2])
    step = np.maximum(0, points[:, -2] - points[:, -1]) / doublings
    return np.asarray(np.maximum(0, points[:, -1:] - step[:, None] * np.log2(more)))


def fit(shares: Floats, points: Floats) -> Law:
    """Least squares of a + b·share^−c with a, b ≥ 0, the best of 60 exponents c from .05 to 2.

    Args:
        shares: of the most rows [S].
        points: the losses of K curves [K, S].

    >>> law = fit(np.array([.125, .25, .5, 1]), np.array([[.5 + .1 * 8**.5, .7, .5 + .1 * 2**.5, .6]]))
    >>> [round(float(own[0]), 1) for own in (law.a, law.b, law.c)]
    [0.5, 0.1, 0.5]
    """
    x = shares ** -EXPONENTS[:, None]
    mean, centred = x.mean(1), x - x.mean(1, keepdims=True)
    average = points.mean(1, keepdims=True)
    b = points @ centred.T / (centred**2).sum(1)
    a = average - b * mean
    through_zero = points @ x.T / (x**2).sum(1)
    b, a = np.where(a < 0, through_zero, b), np.maximum(a, 0)
    b, a = np.maximum(b, 0), np.where(b < 0, average, a)
    missed = ((points[:, None] - a[..., None] - b[..., None] * x) ** 2).sum(2)
    best = missed.argmin(1)
    curves = np.arange(len(points))
    return Law(a[curves, best], b[curves, best], EXPONENTS[best])


def _main(mean_loss: Floats, root: bool) -> Floats:
    return np.sqrt(mean_loss) if root else mean_loss


def _moves(metrics: Floats, resamples: int, seed: int) -> Floats:
    """How far other draws of training rows would move the mean losses [resamples, S], from those of D draws [S, D].

    A draw that is bad at one size is bad at the next, which makes steps surer than points; but a covariance of two or
    three draws may make them surer than they are, so it is taken halfway to its diagonal.
    """
    sizes, networks = metrics.shape
    seen = np.cov(metrics) / networks
    shrunk = (seen + np.diag(np.diag(seen))) / 2
    wider = float(student.ppf(0.975, sizes * (networks - 1)) / norm.ppf(0.975))
    random = generator(seed, "learning curve draws")
    return np.asarray(wider * random.multivariate_normal(np.zeros(sizes), shrunk, resamples, method="eigh"))


def _answer(gain: Score, now: float) -> tuple[Answer, str]:
    assert gain.low is not None and gain.high is not None
    worth = WORTH * now
    shown = f"twice the rows would take {gain.low / now:.1%} to {gain.high / now:.1%} off the loss"
    if gain.low >= worth:
        return "yes", f"More data would help: {shown}."
    if gain.high < worth:
        return "no", f"More data of this kind would hardly help: {shown}."
    return "can't tell", f"Nobody can tell yet: {shown}."


def _trouble(shares: Floats, own: Floats, drawn: Floats, law: Law, laws: Law) -> str:
    """Why the law should not be believed; empty if nothing speaks against it."""
    smaller = int(own[:-1].argmin())
    if np.quantile(drawn[:, -1] - drawn[:, smaller], 0.025) > 0:
        return "The loss is higher with all rows than with fewer: this is no curve that can be drawn further."
    missed = own - law.at(shares)[0]
    noise = (drawn - laws.at(shares)).std(0)
    if (np.abs(missed) > np.maximum(MISFIT * noise, WORTH * own[-1])).any():
        return "The losses do not follow a power law of the rows: the curve can't be drawn further."
    return ""
