"""Rows that are copies of others: exactly or nearly, and on both sides of a split; told from rows alike by chance.

A row's hash is the sum of its cells' hashes, so that the hash without one column costs a subtraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.records import Finding, NotApplicable
from retemper.core.seeds import generator
from retemper.data.sampled import Floats, is_ordered, ordered_cells, sample_rows
from retemper.data.schema import Column, Schema

Hashes = NDArray[np.uint64]
LEFT_OUT_COLUMNS = 6
CHANCE_ROWS = 100_000
DISTINCT_ROWS = 5_000
MIN_BOTH = 10
BEYOND_CHANCE = 5.0
BY_CHANCE_SHARE, NEAR_BY_CHANCE_SHARE = 2 / 3, 1 / 3
FEW_PAIRS, MIN_PAIRS, OF_NEAR_MISSES = 30, 4, 1.25
ACROSS_ADVICE, ACROSS_WARNING = 0.01, 0.02
MIN_ACROSS = 2
NEAR_SPREAD = 0.05
NEAR_DISTINCT = 20
NEAR_GRIDS = 2
NEAR_COLUMNS = 500
NEAR_SHARE, MIN_NEAR_PAIRS = 0.002, 5


@dataclass(frozen=True)
class Alike:
    """Pairs of equal rows, how many of them would be equal by chance, and pairs that differ in one cell alone.

    ``near_misses``: in the column that has the second most of them; one column alone may be a slip or a number that
    was given anew.
    """

    pairs: int
    by_chance: float
    near_misses: int = 0

    @property
    def copies(self) -> bool:
        """True when chance explains less than two thirds of the pairs, and 5 standard deviations (√chance) too few.

        Where pairs are few, so is what the chance is estimated from: then there must be 4 pairs, and a quarter more
        than near misses.
        """
        if self.pairs < FEW_PAIRS and self.pairs < max(MIN_PAIRS, OF_NEAR_MISSES * self.near_misses):
            return False
        beyond = self.pairs - self.by_chance
        return beyond > BEYOND_CHANCE * self.by_chance**0.5 and self.by_chance < BY_CHANCE_SHARE * self.pairs

    @property
    def beyond_chance(self) -> float:
        """The share of the pairs that chance does not explain, 0 … 1."""
        return max(0.0, 1 - self.by_chance / self.pairs) if self.pairs else 0.0


def row_hashes(columns: Sequence[pl.Series]) -> tuple[Hashes, list[Hashes]]:
    """The hash of each row and of each of its cells, uint64 (sums wrap around)."""
    frame = pl.DataFrame([column.alias(str(i)) for i, column in enumerate(columns)])
    # One query for all columns: a query for each would take longer than its hashes.
    hashed = frame.select(pl.col(str(i)).hash(seed=i) for i in range(len(columns)))
    cells = [column.to_numpy() for column in hashed]
    total = np.zeros(len(columns[0]) if columns else 0, dtype=np.uint64)
    for one in cells:
        total = total + one
    return total, cells


def alike(columns: Sequence[pl.Series]) -> Alike:
    """Count the pairs of equal rows, and estimate how many are equal by chance.

    Count the pairs that differ in column j alone (n₁₀), in k alone (n₀₁) and in just these two (n₁₁). Where the two
    agree by chance, the pairs that differ in neither are n₁₀·n₀₁/n₁₁; true copies have no such near misses. The
    estimate is the upper quartile over all j and k of the 6 columns with the most values, on at most 100,000 rows.

    >>> once = list(range(100))
    >>> alike([pl.Series("a", [*once, *once[:9]]), pl.Series("b", [*once, *once[:9]])]).copies
    True
    >>> alike([pl.Series("a", [0, 1, 2, 3] * 25), pl.Series("b", [i // 4 % 5 for i in range(100)])]).copies
    False
    """
    rows = sample_rows(len(columns[0]), CHANCE_ROWS, "duplicates")
    total, cells = row_hashes([column[rows] for column in columns])
    exact = _pairs(total)
    distinct = [int(np.unique(one[:DISTINCT_ROWS]).size) for one in cells]
    fine = sorted(range(len(columns)), key=lambda i: -distinct[i])[:LEFT_OUT_COLUMNS]
    misses = {i: _pairs(total - cells[i]) - exact for i in fine}
    estimates = [0.0]
    for j, k in combinations(fine, 2):
        both = _pairs(total - cells[j] - cells[k]) - exact - misses[j] - misses[k]
        if both >= MIN_BOTH:
            estimates.append(misses[j] * misses[k] / both)
    second = sorted(misses.values())[-2] if len(misses) > 1 else 0
    return Alike(exact, float(np.quantile(estimates, 0.75)), second)


def _pairs(hashes: Hashes) -> int:
    counts = np.unique(hashes, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def duplicates_across_splits(
    frame: pl.DataFrame, schema: Schema, part: NDArray[np.int8] | None, of: str = "validation"
) -> Finding | None:
    """Validation rows that are in the training rows too: they are known by heart, and scores look better than they are.

    Features and target are compared, identifiers are not. Rows of few and coarse columns that are equal by chance are
    taken off (see :func:`alike`): new rows would be as equal, so that scores on them are what they seem.

    Args:
        frame: the rows.
        schema: of the table.
        part: [rows], 1 where a row validates, 0 where it trains; None: not split yet.
        of: what the rows of part 1 are for: validation or test.

    Raises:
        NotApplicable: the rows are not split, or there is no target.
    """
    if part is None:
        raise NotApplicable("the rows are not split yet")
    if schema.target is None:
        raise NotApplicable("there is no target")
    names = [*(column.name for column in schema.features()), schema.target.name]
    columns = [frame[name] for name in names]
    total = row_hashes(columns)[0]
    known = np.isin(total[part == 1], total[part == 0])
    if known.sum() < MIN_ACROSS or known.mean() < ACROSS_ADVICE:
        return None
    found = alike(columns)
    share = float(known.mean()) * found.beyond_chance
    if not found.copies or share < ACROSS_ADVICE:
        return None
    rows = np.flatnonzero(part == 1)[known] + 1
    return Finding(
        "duplicates_across_splits",
        "warning" if share >= ACROSS_WARNING else "advice",
        0.9,
        f"{int(known.sum())} of {len(known)} {of} rows ({known.mean():.1%}) are copies of training rows: scores look "
        "better than they are. Take the copies out, or keep them together with a group column.",
        {
            "of": of,
            "rows": int(known.sum()),
            "share": round(float(known.mean()), 5),
            "share_beyond_chance": round(share, 5),
            "first_rows": rows[:5].tolist(),
            "equal_pairs": found.pairs,
            "pairs_expected_by_chance": round(found.by_chance, 1),
            "advice_from": ACROSS_ADVICE,
            "warning_from": ACROSS_WARNING,
        },
    )


def near_duplicates(
    frame: pl.DataFrame, schema: Schema, part: NDArray[np.int8] | None = None
) -> Finding | None:
    """Rows that are the same but for a little noise in their numbers: the same levels, numbers within 5 % of a spread.

    Numbers are rounded to a grid of 5 % of their interquartile range, at random offsets, and rows on one point are
    counted. Rows that meet there by chance have many near misses, copies don't (see :func:`alike`). At most
    100,000 rows and 500 such columns are looked at; exact copies are not counted. Where the rows are split already, the
    finding says how many validation rows have such a copy among the training rows.

    Args:
        frame, schema: the table.
        part: [rows], 1 where a row validates, 0 where it trains; None: not split yet.

    Raises:
        NotApplicable: fewer than two columns of numbers with 20 values or more.
    """
    fine = [column for column in schema.features() if _fine(column)]
    if len(fine) < 2:
        raise NotApplicable("fewer than two columns of numbers have 20 values or more")
    rows = sample_rows(frame.height, CHANCE_ROWS, "near_duplicates")
    frame, part = frame[rows], None if part is None else part[rows]
    fine = [fine[i] for i in sample_rows(len(fine), NEAR_COLUMNS, "near_duplicates_columns")]
    others = [frame[c.name] for c in schema.features() if not _fine(c)]
    same = row_hashes([*others, *(frame[c.name] for c in fine)])[0]
    exact = _pairs(same)
    spreads = [_in_spreads(frame[c.name], c) for c in fine]
    grids = [[*others, *_on_grid(spreads, grid)] for grid in range(NEAR_GRIDS)]
    pairs = [_pairs(row_hashes(grid)[0]) - exact for grid in grids]
    least = max(MIN_NEAR_PAIRS, NEAR_SHARE * frame.height)
    if np.mean(pairs) < least:
        return None
    chance = float(np.mean([alike(grid).by_chance for grid in grids]))
    if chance >= NEAR_BY_CHANCE_SHARE * np.mean(pairs):
        return None
    across = None if part is None else _near_across(same, [row_hashes(grid)[0] for grid in grids], part)
    told = "such copies on both sides of a split make scores look better than they are."
    if across is not None:
        share = f"{across['rows']:.0f} of {across['of']} validation rows ({across['share']:.1%})"
        told = f"{share} have such a copy among the training rows" + (
            ": scores look better than they are."
            if across["rows"] >= 1
            else "; the split keeps them together."
        )
    return Finding(
        "near_duplicates",
        "warning",
        0.7,
        f"About {np.mean(pairs):.0f} pairs of rows differ by a little noise only; {told}",
        {
            "pairs": round(float(np.mean(pairs)), 1),
            "across_splits": across,
            "pairs_expected_by_chance": round(chance, 1),
            "grid_iqr": NEAR_SPREAD,
            "warning_from_pairs": round(least, 1),
            "rows": frame.height,
        },
    )


def _near_across(same: Hashes, grids: Sequence[Hashes], part: NDArray[np.int8]) -> dict[str, float]:
    """Validation rows on one grid point with a training row, exact copies left out; the mean over the grids."""
    judges = part == 1
    copies = np.isin(same[judges], same[~judges])
    near = [np.isin(grid[judges], grid[~judges]) & ~copies for grid in grids]
    rows, total = float(np.mean([own.sum() for own in near])), int(judges.sum())
    return {"rows": rows, "of": total, "share": round(rows / max(1, total), 5)}


def _fine(column: Column) -> bool:
    return is_ordered(column) and column.distinct >= NEAR_DISTINCT


def _in_spreads(cells: pl.Series, column: Column) -> Floats:
    x = ordered_cells(cells, column)
    known = x[~np.isnan(x)]
    if not len(known):
        return np.zeros(len(x))
    low, high = np.quantile(known, [0.25, 0.75])
    spread = float(high - low) or float(np.std(known))
    return x / spread if spread > 0 else np.zeros(len(x))


def _on_grid(spreads: Sequence[Floats], grid: int) -> list[pl.Series]:
    offsets = generator(0, "near_duplicates", step=grid).random(len(spreads))
    return [pl.Series(np.floor(x / NEAR_SPREAD + shift)) for x, shift in zip(spreads, offsets, strict=True)]
