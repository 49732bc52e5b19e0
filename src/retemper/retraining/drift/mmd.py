"""All columns together: the maximum mean discrepancy, with a permutation p-value."""

from __future__ import annotations

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
    kernel = _kernel(matrix)

    def discrepancy(sides: NDArray[np.bool_]) -> Floats:
        n_current = int(sides[0].sum())
        weights = np.where(sides, 1 / n_current, -1 / (len(kernel) - n_current))
        return np.asarray(((weights @ kernel) * weights).sum(axis=1))

    observed = float(discrepancy(is_current[None])[0])
    return observed, p_value(
        observed, lambda count: discrepancy(shuffled(is_current, count, generator)), most
    )


def _kernel(matrix: Floats) -> Floats:
    """The kernel [N, N]; the diagonal, which permutations leave alone, is out.

    With the widest Gaussian e, the others are e⁴ and e¹⁶.
    """
    squares = (matrix**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * matrix @ matrix.T, 0.0)
    some = distances[:: max(1, len(distances) // TYPICAL_ROWS)]
    typical = float(np.median(some)) or float(distances.mean()) or 1.0
    widest = np.exp(distances / (-4 * typical))
    middle = (widest**2) ** 2
    kernel = (widest + middle + ((middle**2) ** 2)) / 3
    np.fill_diagonal(kernel, 0.0)
    return np.asarray(kernel)
