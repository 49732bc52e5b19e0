"""How strongly columns go together, on one scale from 0 (not at all) to 1, for numbers and levels alike.

- two ordered columns: Spearman's ρ, with its sign;
- levels and an ordered column: the correlation ratio of its ranks, √ε², without the part that chance explains
  (Kelley 1935);
- two columns of levels: Cramér's V, corrected for chance (Bergsma 2013).

Rows in which a cell is missing don't count for that pair.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm, rankdata

from retemper.report.table.cells import LEVELS, Cells, Floats

MOST_LEVELS = 50
"""Rarer levels count as one."""
LEAST_ROWS = 30
"""Fewer rows without gaps in both columns tell nothing."""
BLOCK = 512
CANDIDATES = 300
ALPHA = 0.05
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two columns, and how strongly they go together: −1 to 1 for ordered ones, else 0 to 1.

    ``low``, ``high``: 95 % interval of Spearman's ρ on Fisher's scale (Bonett and Wright 2000); None with levels.
    """

    one: str
    other: str
    strength: float
    low: float | None = None
    high: float | None = None


class Associations:
    """Associations among columns; ranks and levels are made once.

    Args:
        columns: of the same rows; kinds without order and levels are passed over.

    >>> x = np.arange(40.0)
    >>> found = Associations([Cells("x", "number", x), Cells("y", "number", -x)])
    >>> [(pair.one, pair.other, round(pair.strength, 3)) for pair in found.strongest(1)]
    [('x', 'y', -1.0)]
    """

    def __init__(self, columns: Sequence[Cells]) -> None:
        ordered = [own for own in columns if own.ordered]
        levels = [own for own in columns if own.kind in LEVELS]
        rows = len(columns[0].values) if columns else 0
        self._ordered = {own.name: k for k, own in enumerate(ordered)}
        self._ranks = np.zeros((rows, len(ordered)), dtype=np.float32)
        self._known = np.zeros((rows, len(ordered)), dtype=np.float32)
        for k, own in enumerate(ordered):
            self._ranks[:, k], self._known[:, k] = _centred_ranks(own.values), ~own.gaps
        self._codes = {own.name: _codes(own.values) for own in levels}

    @property
    def names(self) -> list[str]:
        """Columns that can be compared: ordered ones first."""
        return [*self._ordered, *self._codes]

    def matrix(self, names: Sequence[str]) -> Floats:
        """All pairs of some columns [K, K]; NaN where there is nothing to tell, 1 on the diagonal."""
        found = np.full((len(names), len(names)), np.nan)
        for i, one in enumerate(names):
            found[i] = self.with_one(one, names)
            found[i, i] = 1.0
        return found

    def with_one(self, name: str, others: Sequence[str]) -> Floats:
        """One column with others [K]."""
        own = self._ordered.get(name)
        at = {other: k for k, other in enumerate(others)}
        found = np.full(len(others), np.nan)
        ordered = [other for other in others if other in self._ordered]
        places = [at[other] for other in ordered]
        if own is not None:
            columns = [self._ordered[other] for other in ordered]
            found[places] = self._spearman(slice(own, own + 1), columns)[0]
        elif name in self._codes:
            found[places] = self._ratios(name)[[self._ordered[other] for other in ordered]]
        for other in set(others) & set(self._codes):
            both = name in self._codes
            found[at[other]] = (
                _cramer(self._codes[name], self._codes[other]) if both else self._ratios(other)[own]
            )
        return found

    def strongest(self, most: int, among: Collection[str] | None = None) -> list[Pair]:
        """The pairs with the largest strength of either sign, strongest first.

        Among many pairs the largest are strong by chance: only those stay whose χ² (n·ρ², and for levels before the
        correction) would come by chance in less than 5 % of such tables (Bonferroni over all pairs).

        Args:
            most: so many pairs at most.
            among: levels of these columns alone; None: of all. Each pair with levels takes a table of counts.
        """
        pairs: list[Pair] = []
        names = list(self._ordered)
        levels = [name for name in self._codes if among is None or name in among]
        compared = len(names) + len(levels)
        level = ALPHA / max(1, compared * (compared - 1) // 2)
        for start in range(0, len(names), BLOCK):
            block = self._spearman(slice(start, start + BLOCK), list(range(len(names))))
            block[np.arange(len(names))[None, :] <= np.arange(start, start + len(block))[:, None]] = np.nan
            pairs += [
                Pair(names[start + i], names[j], float(block[i, j])) for i, j in _largest(block, CANDIDATES)
            ]
        for k, one in enumerate(levels):
            ratios = self._ratios(one)
            pairs += [Pair(one, names[j], float(ratios[j])) for _, j in _largest(ratios[None], CANDIDATES)]
            pairs += [
                Pair(one, other, _cramer(self._codes[one], self._codes[other])) for other in levels[k + 1 :]
            ]
        pairs = [pair for pair in pairs if np.isfinite(pair.strength)]
        best = sorted(pairs, key=lambda pair: -abs(pair.strength))[:CANDIDATES]
        proved = [pair for pair in best if abs(pair.strength) > self._by_chance(pair, level)]
        return [self._with_interval(pair) for pair in proved[:most]]

    def _with_interval(self, pair: Pair) -> Pair:
        if pair.one in self._codes or pair.other in self._codes:
            return pair
        rows = self._rows(pair)
        inside = min(abs(pair.strength), 1 - 0.5 / rows) * math.copysign(1, pair.strength)
        reach = norm.ppf(0.975) * math.sqrt((1 + inside**2 / 2) / (rows - 3))
        low, high = (math.tanh(math.atanh(inside) + side * reach) for side in (-1, 1))
        return replace(pair, low=min(low, pair.strength), high=max(high, pair.strength))

    def _rows(self, pair: Pair) -> int:
        """Rows that both columns know."""
        known = [
            self._known[:, self._ordered[name]] > 0 if name in self._ordered else self._codes[name] >= 0
            for name in (pair.one, pair.other)
        ]
        return int((known[0] & known[1]).sum())

    def _by_chance(self, pair: Pair, level: float) -> float:
        """The strength that two columns without any link pass with a probability of ``level``."""
        levels = [self._codes[name] for name in (pair.one, pair.other) if name in self._codes]
        sizes = [len(np.unique(codes[codes >= 0])) - 1 for codes in levels]
        rows = self._rows(pair)
        if not sizes:
            return float(np.sqrt(chi2.isf(level, 1) / rows))
        freedom = math.prod(sizes)
        scale = min(sizes) if len(sizes) == 2 else 1
        return float(np.sqrt((chi2.isf(level, freedom) - freedom) / (rows * scale)))

    def _spearman(self, left: slice, right: Sequence[int]) -> Floats:
        """ρ of ordered columns [left, right]; each pair by the rows that both know."""
        x, y = self._ranks[:, left], self._ranks[:, right]
        known_x, known_y = self._known[:, left], self._known[:, right]
        spread = ((x**2).T @ known_y) * (known_x.T @ y**2)
        enough = (known_x.T @ known_y >= LEAST_ROWS) & (spread > 0)
        ratio = (x.T @ y) / np.sqrt(np.where(enough, spread, 1))
        return np.where(enough, np.clip(ratio, -1, 1), np.nan).astype(np.float64)

    def _ratios(self, name: str) -> Floats:
        """√ε² of a column of levels with each ordered column."""
        codes = self._codes[name]
        has = codes >= 0
        count = int(codes.max(initial=-1)) + 1
        groups = np.zeros((len(codes), max(1, count)), dtype=np.float32)
        groups[np.flatnonzero(has), codes[has]] = 1
        rows = groups.T @ self._known
        sums = groups.T @ self._ranks
        total, squares = rows.sum(axis=0), (has.astype(np.float32)[None] @ self._ranks**2)[0]
        mean = sums.sum(axis=0) / np.maximum(total, 1)
        all_ = squares - total * mean**2
        between = (sums**2 / np.maximum(rows, 1)).sum(axis=0) - total * mean**2
        used = (rows > 0).sum(axis=0)
        enough = (total >= LEAST_ROWS) & (used > 1) & (total > used) & (all_ > 0)
        share = between / np.where(enough, all_, 1)
        fair = 1 - (1 - share) * (total - 1) / np.where(enough, total - used, 1)
        return np.where(enough, np.sqrt(np.clip(fair, 0, 1)), np.nan).astype(np.float64)


def _centred_ranks(values: Floats) -> Matrix:
    """Ranks around their mean, in units of their spread; 0 where missing."""
    known = ~np.isnan(values)
    ranks = np.zeros(len(values))
    if known.any():
        own = rankdata(values[known])
        ranks[known] = (own - own.mean()) / (own.std() or 1.0)
    return ranks.astype(np.float32)


def _codes(values: Floats) -> NDArray[np.int64]:
    """Levels from 0, the rarer ones as one; −1 where missing."""
    known = ~np.isnan(values)
    codes = np.full(len(values), -1, dtype=np.int64)
    codes[known] = np.minimum(values[known].astype(np.int64), MOST_LEVELS - 1)
    return codes


def _cramer(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    both = (one >= 0) & (other >= 0)
    rows = int(both.sum())
    if rows < LEAST_ROWS:
        return float("nan")
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (one[both], other[both]), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    r, c = table.shape
    if min(r, c) < 2:
        return float("nan")
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / rows
    phi = float(((table - expected) ** 2 / expected).sum()) / rows
    fair = max(0.0, phi - (r - 1) * (c - 1) / (rows - 1))
    least = min(r - (r - 1) ** 2 / (rows - 1), c - (c - 1) ** 2 / (rows - 1)) - 1
    return min(1.0, (fair / least) ** 0.5) if least > 0 else float("nan")


def _largest(strengths: Floats, most: int) -> list[tuple[int, int]]:
    """Places of the entries that are largest in size; what is not known comes nowhere."""
    size = np.where(np.isnan(strengths), -1.0, np.abs(strengths)).ravel()
    best = np.argsort(-size, kind="stable")[:most]
    return [divmod(int(k), strengths.shape[1]) for k in best if size[k] >= 0]
