"""All columns together: the maximum mean discrepancy, with a permutation p-value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples.encoded import encoded
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.monte_carlo import Floats, p_value, shuffled
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "all columns together, by the distances of rows"
MOST_ROWS = 1_000
"""Of each side: the kernel of 2,000 rows takes 32 MB."""
TYPICAL_ROWS = 500
"""Rows whose distances give the typical one."""
FINE_ROWS = 500
"""Up to so many rows deals often tie, and are told apart in float64; of more, rounding is as good as any tie-break."""


def run(samples: TwoSamples) -> Found:
    """One test, of at most 1,000 rows of each side.

    Raises:
        NotApplicable: there is no column.
    """
    if not samples.columns:
        raise NotApplicable("there is no column to compare")
    rows, is_current = samples.sampled(MOST_ROWS)
    matrix = encoded(samples, rows, indicators=True)
    statistic, found = test(matrix, is_current, samples.generator("mmd"), samples.draws(1))
    return Found((Tested("all columns", "MMD by permutation", statistic, found),), by_column=False)


def test(
    matrix: Floats, is_current: NDArray[np.bool_], generator: np.random.Generator, most: int
) -> tuple[float, float]:
    """The squared maximum mean discrepancy of two samples, and its permutation p-value.

    MMD² = Σ wᵢ wⱼ k(xᵢ, xⱼ), w = 1/n on one side and -1/m on the other (Gretton et al. 2012, "A kernel two-sample
    test"). k is the mean of Gaussian kernels whose squared widths are a quarter, once and four times the median squared
    distance, which sees near and far. All permutations of a batch are one matrix product.

    Args:
        matrix: float64 [N, D].
        is_current: bool [N], some of each.
        generator: for the permutations.
        most: of them, at most.

    >>> draws = np.random.default_rng(0)
    >>> x = np.concatenate([draws.normal(size=(50, 3)), 1 + draws.normal(size=(50, 3))])
    >>> test(x, np.arange(100) >= 50, draws, 999)[1]
    0.001
    """
    kernel = _centred(_kernel(matrix if len(matrix) <= FINE_ROWS else matrix.astype(np.float32)))
    n_current = int(is_current.sum())
    scale = (1 / n_current + 1 / (len(matrix) - n_current)) ** 2

    def discrepancy(sides: NDArray[np.bool_]) -> Floats:
        ones = sides.astype(kernel.dtype)
        return np.asarray(scale * np.einsum("bn,bn->b", ones @ kernel, ones), dtype=np.float64)

    observed = float(discrepancy(is_current[None])[0])
    return observed, p_value(
        observed, lambda count: discrepancy(shuffled(is_current, count, generator)), most
    )


def _kernel(matrix: NDArray[Any]) -> NDArray[Any]:
    """The kernel [N, N]; the diagonal, which permutations leave alone, is out.

    With the widest Gaussian e, the others are e⁴ and e¹⁶.
    """
    squares = (matrix**2).sum(axis=1)
    kernel = matrix @ matrix.T
    kernel *= -2
    kernel += squares[:, None]
    kernel += squares
    np.maximum(kernel, 0, out=kernel)
    step = max(1, len(kernel) // TYPICAL_ROWS)
    typical = float(np.median(kernel[::step, ::step])) or float(kernel.mean()) or 1.0
    kernel /= -4 * typical
    widest = np.exp(kernel, out=kernel)
    middle = np.square(np.square(widest))
    kernel += middle
    kernel += np.square(np.square(middle))
    kernel /= 3
    np.fill_diagonal(kernel, 0)
    return np.asarray(kernel)


def _centred(kernel: NDArray[Any]) -> NDArray[Any]:
    """With rows and columns of mean 0: weights that add up to 0 see no difference, and the current rows alone do."""
    means = kernel.mean(axis=0)
    kernel -= means
    kernel -= means[:, None] - means.mean()
    return np.asarray(kernel)
