"""Effects that may be the true ones: draws from what the losses tell of each option, of each pair, and of the level.

Drawn by Matheron's rule (Wilson et al. 2020): effects from the prior, plus what corrects them at the trials. The shares
of the variance are then shares of each draw, so their intervals need no formula (Oakley & O'Hagan 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from retemper.search.anova import Fitted, Parameters, correlation, covariance
from retemper.search.cells import Cells, Floats, Places

MODELS, DRAWS = 40, 10
"""Parameters that are drawn, and effects for each of them."""
NEGLIGIBLE = 1e-7
"""Directions of an effect with less of its variance are left out."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Effects:
    """Draws, in the unit of the losses.

    Args:
        level: the mean loss over the whole space [draws].
        mains: for each option what it adds in each of its cells [draws, cells].
        shares: of the variance, by the option alone [draws, options].
        pair_shares: of the variance, by two options beyond what each does alone [draws].
        pairs: the mean of what two options add together [cells, cells].
        foretold: share of the losses' variance that is foretold of a trial by all the others.
        certainty: that mean gain in standard errors of it.
        lowest: of the losses.
    """

    level: Floats
    mains: list[Floats]
    shares: Floats
    pair_shares: dict[Pair, Floats]
    pairs: dict[Pair, Floats]
    foretold: float
    certainty: float
    lowest: float

    def curve(self, option: int) -> Floats:
        """The mean loss over an option, all others averaged out [draws, cells]."""
        curve: Floats = self.level[:, None] + self.mains[option]
        return curve

    def surface(self, first: int, second: int) -> Floats:
        """The mean loss over two options [cells, cells]."""
        alone = self.mains[first].mean(0)[:, None] + self.mains[second].mean(0)
        surface: Floats = self.level.mean() + alone + self.pairs[first, second]
        return surface


def effects(options: Sequence[Cells], at: Sequence[Places], y: Floats, rng: np.random.Generator) -> Effects:
    """What losses tell of the options' effects.

    Args:
        options: two or more cells each.
        at: for each option the cell of each trial [trials].
        y: losses [trials], not all the same.
        rng: draws.

    >>> from retemper.search.cells import cells_of
    >>> from retemper.search.space import Interval
    >>> rng = np.random.default_rng(0)
    >>> options = [cells_of(name, Interval(0.0, 1.0)) for name in "ab"]
    >>> at = [own.of(rng.random(60)) for own in options]
    >>> found = effects(options, at, 2 * at[0] + 1.0 * at[1], rng)
    >>> [round(share, 1) for share in np.median(found.shares, axis=0).tolist()]
    [0.8, 0.2]
    """
    mean, scale = float(y.mean()), float(y.std())
    # With more threads the last digits would depend on the machine.
    with threadpool_limits(1), torch.no_grad():
        with torch.enable_grad():
            fitted = Fitted(options, at, (y - mean) / scale)
        found = [_Draws(options, at, (y - mean) / scale, own, rng) for own in fitted.drawn(rng, MODELS)]
        foretold, certainty = _foretold(
            options, at, (y - mean) / scale, Parameters.of(torch.from_numpy(fitted.mode))
        )
    together = list(combinations(range(len(options)), 2))
    variances = np.concatenate([own.variances for own in found])
    pair_variances = {pair: np.concatenate([own.pair_variances[pair] for own in found]) for pair in together}
    total = variances.sum(axis=1) + sum(pair_variances.values())
    return Effects(
        mean + scale * np.concatenate([own.level for own in found]),
        [scale * np.concatenate([own.mains[k] for own in found]) for k in range(len(options))],
        variances / total[:, None],
        {pair: own / total for pair, own in pair_variances.items()},
        {pair: scale * np.mean([own.pairs[pair] for own in found], axis=0) for pair in together},
        foretold,
        certainty,
        float(y.min()),
    )


class _Draws:
    """Effects drawn with given parameters, of losses with the variance 1.

    An option's effect is a sum over the main directions of its kernel with independent weights, a pair's one over
    their products; so what is drawn and corrected are a few weights.
    """

    def __init__(
        self,
        options: Sequence[Cells],
        at: Sequence[Places],
        y: Floats,
        own: Parameters,
        rng: np.random.Generator,
    ) -> None:
        bases = [
            _directions(correlation(o, length).numpy()) for o, length in zip(options, own.length, strict=True)
        ]
        seen = [basis[cells] for basis, cells in zip(bases, at, strict=True)]
        main, pair = np.sqrt(own.main.numpy()), np.sqrt(own.pair.numpy())
        together = list(combinations(range(len(options)), 2))
        level = rng.standard_normal(DRAWS)
        weights = [rng.standard_normal((basis.shape[1], DRAWS)) for basis in bases]
        products = {
            (i, j): rng.standard_normal((DRAWS, bases[i].shape[1], bases[j].shape[1])) for i, j in together
        }
        drawn = level + np.sqrt(own.noise.item()) * rng.standard_normal((len(y), DRAWS))
        for k, own_seen in enumerate(seen):
            drawn += main[k] * own_seen @ weights[k]
        for i, j in together:
            drawn += pair[i] * pair[j] * (seen[i] @ products[i, j] * seen[j]).sum(axis=2).T
        residual = cho_solve(_factor(seen, own), y[:, None] - drawn)
        self.level = level + residual.sum(axis=0)
        self.mains, variances = [], []
        for k, basis in enumerate(bases):
            effect = main[k] * (basis @ (weights[k] + main[k] * seen[k].T @ residual)).T
            self.mains.append(effect)
            variances.append((effect**2).mean(axis=1))
        self.variances = np.stack(variances, axis=1)
        self.pairs: dict[Pair, Floats] = {}
        self.pair_variances: dict[Pair, Floats] = {}
        sizes = [(basis**2).mean(axis=0) for basis in bases]
        for i, j in together:
            both = pair[i] * pair[j]
            corrected = products[i, j] + both * (residual.T[:, None, :] * seen[i].T) @ seen[j]
            self.pairs[i, j] = both * bases[i] @ corrected.mean(axis=0) @ bases[j].T
            self.pair_variances[i, j] = both**2 * (corrected**2 * sizes[i][:, None] * sizes[j]).sum(
                axis=(1, 2)
            )


def _directions(kernel: Floats) -> Floats:
    """B with B Bᵀ = the kernel [cells, directions], its columns at right angles."""
    values, vectors = np.linalg.eigh(kernel)
    kept = values > NEGLIGIBLE * values.sum()
    basis: Floats = vectors[:, kept] * np.sqrt(values[kept])
    return basis


def _factor(seen: Sequence[Floats], own: Parameters) -> tuple[Floats, bool]:
    kernels = torch.from_numpy(np.stack([rows @ rows.T for rows in seen]))
    factor: tuple[Floats, bool] = cho_factor(covariance(kernels, own).numpy(), lower=True)
    return factor


def _foretold(
    options: Sequence[Cells], at: Sequence[Places], y: Floats, own: Parameters
) -> tuple[float, float]:
    """How much better each trial is foretold by all others and its setting than by their mean: R², and its certainty.

    The error of a trial that is left out is (K⁻¹y)ᵢ / (K⁻¹)ᵢᵢ.
    """
    seen = [
        _directions(correlation(o, length).numpy())[cells]
        for o, length, cells in zip(options, own.length, at, strict=True)
    ]
    inverse = cho_solve(_factor(seen, own), np.eye(len(y)))
    errors, by_mean = inverse @ y / inverse.diagonal(), y * len(y) / (len(y) - 1)
    gains = by_mean**2 - errors**2
    error = float(gains.std(ddof=1)) / len(y) ** 0.5
    return float(gains.mean() / (by_mean**2).mean()), float(gains.mean()) / max(error, 1e-12)
