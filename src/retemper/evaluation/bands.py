"""Raw columns in words: quantile ranges of numbers and dates, frequent levels of categories, missing cells.

A column of any kind becomes a few bands, each a condition that a person can read. Slices are made of them, and the
association of two columns of any kinds is that of their bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retemper.core.recipe_sections import ColumnKind
from retemper.evaluation.weighted import Floats

RANGES = 8
"""Bands of a column of numbers or dates: eighths of its rows."""
MOST_LEVELS = 24
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Condition:
    """What a row must meet: a range ``low < cell ≤ high`` (None: open), or a level; and the same in words.

    ``level`` is None for ranges, for missing cells and for rare levels; ``op`` tells these apart. Dates are
    written in ISO form.
    """

    column: str
    op: str
    words: str
    low: float | str | None = None
    high: float | str | None = None
    level: str | None = None


@dataclass(frozen=True)
class Bands:
    """A column's bands.

    Args:
        column: its name.
        codes: each row's band [N].
        conditions: of each band.
        cuts: upper ends of all ranges but the last; empty for levels. Bands 0 … len(cuts) are then the ranges in order.
        date: whether the cuts are microseconds since 1970.
    """

    column: str
    codes: NDArray[np.int64]
    conditions: tuple[Condition, ...]
    cuts: tuple[float, ...] = ()
    date: bool = False

    def up_to(self, k: int) -> Condition:
        """The condition of bands 0 … k together."""
        return range_of(self.column, None, self.cuts[k], self.date)

    def above(self, k: int) -> Condition:
        """The condition of all ranges after band k."""
        return range_of(self.column, self.cuts[k], None, self.date)


def bands_of(frame: pl.DataFrame, kinds: Mapping[str, ColumnKind], least: int) -> list[Bands]:
    """The bands of every column that has two or more.

    Args:
        frame: raw columns, dates as Datetime.
        kinds: the columns to look at; text has no bands and is passed over.
        least: levels with fewer rows become one band, the rare ones.

    >>> found = bands_of(pl.DataFrame({"n": [1, 2, 3, None], "c": ["a", "a", "b", "b"]}),
    ...                  {"n": "number", "c": "category"}, least=1)
    >>> [condition.words for condition in found[0].conditions]
    ['n is 1', 'n is 2', 'n is 3', 'n is missing']
    >>> found[1].codes.tolist()
    [0, 0, 1, 1]
    """
    found = []
    for name, kind in kinds.items():
        if kind in ("number", "datetime"):
            bands = _ranges(frame[name], kind == "datetime")
        elif kind in ("category", "boolean"):
            bands = _levels(frame[name], least)
        else:
            continue
        if len(bands.conditions) > 1:
            found.append(bands)
    return found


def values_of(cells: pl.Series, date: bool) -> Floats:
    """Cells of a number or date column as float64, NaN where missing."""
    numbers = cells.dt.timestamp("us") if date else cells
    return numbers.cast(pl.Float64, strict=False).to_numpy()


def range_of(column: str, low: float | None, high: float | None, date: bool) -> Condition:
    """The condition ``low < cell ≤ high`` in words.

    >>> range_of("age", 20, None, False).words, range_of("age", 20, 30.5, False).words
    ('age > 20', '20 < age ≤ 30.5')
    """
    shown = [None if end is None else _shown(end, date) for end in (low, high)]
    if shown[0] is None:
        words = f"{column} ≤ {shown[1]}"
    else:
        words = f"{column} > {shown[0]}" if shown[1] is None else f"{shown[0]} < {column} ≤ {shown[1]}"
    kept = [None if end is None else (_shown(end, date) if date else end) for end in (low, high)]
    return Condition(column, "range", words, kept[0], kept[1])


def associations(bands: Sequence[Bands]) -> Floats:
    """Cramér's V of each pair of columns [K, K], corrected for chance (Bergsma 2013): 0 unrelated, 1 the same.

    V² = φ² / (min(r, c) − 1) with φ² = χ²/n less what independent columns give, (r−1)(c−1)/(n−1). All contingency
    tables come from one product of the columns' indicators.
    """
    rows = len(bands[0].codes) if bands else 0
    sizes = np.array([len(own.conditions) for own in bands])
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    z = indicators(bands)
    joint = (z.T @ z).toarray()
    found = np.eye(len(bands))
    for i in range(len(bands)):
        for j in range(i):
            table = joint[starts[i] : starts[i + 1], starts[j] : starts[j + 1]]
            found[i, j] = found[j, i] = _cramer(table[table.sum(1) > 0][:, table.sum(0) > 0], rows)
    return found


def explained(bands: Sequence[Bands], outputs: Floats) -> Floats:
    """The share of each output's variance between a column's bands, its largest over the outputs [K].

    Corrected for chance like an adjusted R².

    Args:
        bands: of K columns.
        outputs: [N] or [N, C].
    """
    values = outputs.reshape(len(outputs), -1)
    centred = values - values.mean(0)
    total = np.maximum((centred**2).sum(0), 1e-300)
    found = []
    for own in bands:
        z = indicators([own])
        counts = np.asarray(z.sum(0)).ravel()
        between = (np.asarray(z.T @ centred) ** 2 / np.maximum(counts, 1)[:, None]).sum(0)
        free = max(1, len(outputs) - len(own.conditions))
        found.append(float((1 - (1 - between / total) * (len(outputs) - 1) / free).max()))
    return np.array(found)


def indicators(bands: Sequence[Bands]) -> csr_array:
    """One column for each band of each column, 1 where a row lies in it: sparse [N, bands in all]."""
    rows = len(bands[0].codes) if bands else 0
    starts = np.cumsum([0, *(len(own.conditions) for own in bands)])
    cells = [own.codes + start for own, start in zip(bands, starts, strict=False)]
    places = np.stack(cells, 1).ravel() if cells else np.empty(0, dtype=np.int64)
    return csr_array(
        (np.ones(len(places)), places, np.arange(0, len(places) + 1, max(1, len(bands)))),
        shape=(rows, int(starts[-1])),
    )


def _ranges(cells: pl.Series, date: bool) -> Bands:
    values = values_of(cells, date)
    present = np.unique(values[~np.isnan(values)])
    if len(present) <= RANGES:
        cuts = present[:-1]
        named = [_shown(value, date) for value in present]
        conditions = [Condition(cells.name, "level", f"{cells.name} is {own}", level=own) for own in named]
    else:
        parts = np.arange(1, RANGES) / RANGES
        cuts = np.unique(np.nanquantile(values, parts, method="inverted_cdf"))
        cuts = cuts[cuts < present[-1]]
        edges = [None, *cuts.tolist(), None]
        conditions = [range_of(cells.name, low, high, date) for low, high in pairwise(edges)]
    codes = np.searchsorted(cuts, values, side="left")
    if np.isnan(values).any():
        codes = np.where(np.isnan(values), len(conditions), codes)
        conditions.append(_missing(cells.name))
    return Bands(cells.name, codes.astype(np.int64), tuple(conditions), tuple(cuts.tolist()), date)


def _levels(cells: pl.Series, least: int) -> Bands:
    words = cells.cast(pl.String)
    counts = (
        words.drop_nulls()
        .value_counts(sort=True, name="rows")
        .sort(["rows", words.name], descending=[True, False])
    )
    named = counts.filter(pl.col("rows") >= least)[words.name].head(MOST_LEVELS).to_list()
    conditions = [Condition(cells.name, "level", f"{cells.name} is {own}", level=own) for own in named]
    known = words.cast(pl.Enum(named), strict=False).to_physical().cast(pl.Int64)
    codes = known.fill_null(len(named)).to_numpy(writable=True)
    missing = words.is_null().to_numpy()
    if (codes[~missing] == len(named)).any():
        rare = f"{cells.name} is one of {counts.height - len(named)} rarer levels"
        conditions.append(Condition(cells.name, "rare", rare))
    if missing.any():
        codes[missing] = len(conditions)
        conditions.append(_missing(cells.name))
    return Bands(cells.name, codes, tuple(conditions))


def _missing(column: str) -> Condition:
    return Condition(column, "missing", f"{column} is missing")


def _shown(value: float, date: bool) -> str:
    if not date:
        return f"{value:.6g}"
    moment = EPOCH + timedelta(microseconds=value)
    return moment.isoformat(sep=" ", timespec="minutes").removesuffix(" 00:00")


def _cramer(table: Floats, rows: int) -> float:
    r, c = table.shape
    if min(r, c) < 2 or rows < 2:
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / rows
    phi2 = float(((table - expected) ** 2 / expected).sum()) / rows
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (rows - 1))
    smaller = min(r - (r - 1) ** 2 / (rows - 1), c - (c - 1) ** 2 / (rows - 1)) - 1
    return min(1.0, float(np.sqrt(phi2 / smaller))) if smaller > 0 else 0.0
