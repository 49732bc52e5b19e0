"""Losses as a sum of effects: one for each option, one for each pair of them, and noise.

    loss(x) = level + Σᵢ fᵢ(xᵢ) + Σᵢ﹤ⱼ fᵢⱼ(xᵢ, xⱼ) + noise

A Gaussian process whose kernel is a sum over effects (Durrande, Ginsbourger, Roustant & Carraro 2013). The kernel of
each effect is centred, k(x, z) − ∫k(x, s)ds ∫k(s, z)ds / ∬k, so an effect has the mean 0 over its option's range; that
makes it the effect of a functional analysis of variance. How large and how wavy effects are, and the noise, is learnt
by the posterior mode; the curvature there says how sure that is (Laplace).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from retemper.search.cells import Cells, Floats, Places

JITTER = 1e-6
MOST_STEPS = 80
LEAST_CURVATURE = 0.1
"""What the data don't tell, the prior does: no direction is vaguer than this."""


class Prior(NamedTuple):
    """Of a parameter's logarithm: normal, within bounds. Losses have the variance 1."""

    median: float
    spread: float
    low: float
    high: float


MAIN, PAIR = Prior(0.01, 2.0, 1e-6, 10.0), Prior(0.01, 1.5, 1e-6, 10.0)
"""The variance of an option's own effect, and its factor in those of its pairs: most options make little difference."""
LENGTH, NOISE = Prior(0.4, 0.7, 0.08, 3.0), Prior(0.05, 1.5, 1e-4, 2.0)
"""The distance in shares of a range over which an effect changes; the variance of the noise."""


@dataclass(frozen=True)
class Parameters:
    """Of one model.

    Args:
        main: variance of each option's effect [options].
        pair: factors; the variance of a pair's effect is the product of two [options].
        length: [options].
        noise: variance.
    """

    main: Tensor
    pair: Tensor
    length: Tensor
    noise: Tensor

    @classmethod
    def of(cls, logs: Tensor) -> Parameters:
        """The parameters whose logarithms stand in one row [3 · options + 1]."""
        count = len(logs) // 3
        main, pair, length = logs[:-1].exp().reshape(3, count)
        return cls(main, pair, length, logs[-1].exp())


class Fitted:
    """The parameters that fit some losses.

    Args:
        options: their cells.
        at: for each option the cell of each trial [trials].
        y: losses with the mean 0 and the variance 1 [trials].
    """

    def __init__(self, options: Sequence[Cells], at: Sequence[Places], y: Floats) -> None:
        self._options, self._y = options, torch.tensor(y)
        self._at = [torch.from_numpy(cells) for cells in at]
        priors = [*[MAIN] * len(options), *[PAIR] * len(options), *[LENGTH] * len(options), NOISE]
        self._median = torch.tensor([math.log(own.median) for own in priors], dtype=torch.float64)
        self._spread = torch.tensor([own.spread for own in priors], dtype=torch.float64)
        bounds = [(math.log(own.low), math.log(own.high)) for own in priors]
        found = minimize(
            self._value_and_slope,
            self._median.numpy(),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": MOST_STEPS},
        )
        self.mode: Floats = found.x
        self._low, self._high = np.array(bounds).T
        mode = torch.from_numpy(self.mode)
        curvature = torch.autograd.functional.hessian(self._misfit, mode).numpy()  # type: ignore[no-untyped-call]
        values, self._directions = np.linalg.eigh((curvature + curvature.T) / 2)
        self._steps = 1 / np.sqrt(np.maximum(values, LEAST_CURVATURE))

    def drawn(self, rng: np.random.Generator, count: int) -> list[Parameters]:
        """Parameters that may be the true ones."""
        steps = self._steps[:, None] * rng.standard_normal((len(self.mode), count))
        rows = np.clip(self.mode + (self._directions @ steps).T, self._low, self._high)
        return [Parameters.of(torch.from_numpy(row)) for row in rows]

    def _value_and_slope(self, logs: Floats) -> tuple[float, Floats]:
        at = torch.tensor(logs, requires_grad=True)
        value = self._misfit(at)
        (slope,) = torch.autograd.grad(value, at)
        return value.item(), slope.numpy()

    def _misfit(self, logs: Tensor) -> Tensor:
        """Minus the logarithm of the posterior, up to a constant."""
        kernels = [
            correlation(own, length)[at][:, at]
            for own, length, at in zip(self._options, Parameters.of(logs).length, self._at, strict=True)
        ]
        factor = torch.linalg.cholesky(covariance(torch.stack(kernels), Parameters.of(logs)))
        solved = torch.cholesky_solve(self._y[:, None], factor)[:, 0]
        fit = 0.5 * self._y @ solved + factor.diagonal().log().sum()
        misfit: Tensor = fit + 0.5 * (((logs - self._median) / self._spread) ** 2).sum()
        return misfit


def correlation(option: Cells, length: Tensor) -> Tensor:
    """How alike an option's effect is in two cells [cells, cells]; rows and columns have the mean 0.

    Matérn 3/2 over numbers; words are all alike different.

    >>> kernel = correlation(Cells("width", (16, 32, 64), None, ordered=True), torch.tensor(0.4))
    >>> bool(kernel.sum(0).abs().max() < 1e-9), round(kernel.diagonal().mean().item(), 6)
    (True, 1.0)
    """
    count = len(option.values)
    if option.ordered:
        steps = count if option.axis is not None else count - 1
        places = torch.arange(count, dtype=torch.float64) / steps
        apart = math.sqrt(3) * (places[:, None] - places).abs() / length
        raw = (1 + apart) * torch.exp(-apart)
    else:
        raw = torch.eye(count, dtype=torch.float64)
    sums = raw.sum(1)
    centred = raw - sums[:, None] * sums / sums.sum()
    kernel: Tensor = centred / centred.diagonal().mean()
    return kernel


def covariance(kernels: Tensor, own: Parameters) -> Tensor:
    """Of the losses of trials [trials, trials], from each option's kernel [options, trials, trials].

    The sum over pairs is half of (Σ gᵢkᵢ)² − Σ (gᵢkᵢ)². The level's variance is 1.
    """
    scaled = own.pair[:, None, None] * kernels
    pairs = (scaled.sum(0) ** 2 - (scaled**2).sum(0)) / 2
    noise = (own.noise + JITTER) * torch.eye(kernels.shape[1], dtype=torch.float64)
    return 1.0 + (own.main[:, None, None] * kernels).sum(0) + pairs + noise
