"""Changes of data, of every kind that a search may begin from: the rows that were there before, and those since.

The tables lie in a folder, as ``name.csv`` or ``name.csv.gz``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

FLIPPED = 0.2
"""The share of labels that are wrong after label noise."""
FEW = 0.3
"""The share of rows that were there before more came."""


@dataclass(frozen=True)
class Change:
    """What changed.

    Args:
        kind: in a few words.
        table, target: their names.
        parts: the whole table → rows of before, rows of since.
        few: so large a share of as many rows was there before.
    """

    kind: str
    table: str
    target: str
    parts: Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]
    few: float = 1.0

    def rows(self, folder: Path, count: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Some of the rows of before and of since, another draw for each seed."""
        before, since = self.parts(_table(folder, self.table))
        return (
            before.sample(min(round(count * self.few), before.height), seed=seed),
            since.sample(min(count, since.height), seed=seed + 1),
        )


def _table(folder: Path, name: str) -> pl.DataFrame:
    place = next(iter(sorted(folder.glob(f"{name}.csv*"))))
    return pl.read_csv(place, infer_schema_length=None)


def later(column: str | None = None) -> Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]:
    """Cut at the median of a column, or of the row numbers."""

    def parts(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        order = frame[column] if column else pl.Series(range(frame.height))
        late = order > order.median()
        return frame.filter(~late), frame.filter(late)

    return parts


def halves(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two halves by chance."""
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=0)
    return mixed[: frame.height // 2], mixed[frame.height // 2 :]


def without(*columns: str) -> Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]:
    """Before, some columns were not there."""
    return lambda frame: (halves(frame)[0].drop(columns), halves(frame)[1])


def relabelled(target: str, share: float) -> Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]:
    """Since, a share of the rows has had its labels mixed; 1: they mean nothing."""

    def parts(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        before, since = halves(frame)
        rng = np.random.default_rng(0)
        rows = rng.permutation(since.height)[: round(share * since.height)]
        order = np.arange(since.height)
        order[np.sort(rows)] = rows
        return before, since.with_columns(since[target].gather(order))

    return parts


def classes(target: str, *first: str) -> Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]:
    """Some classes before, the others since: a task of the same kind."""
    return lambda frame: (
        frame.filter(pl.col(target).is_in(first)),
        frame.filter(~pl.col(target).is_in(first)),
    )


CHANGES = (
    Change("later rows", "bikeshare", "bikers", later()),
    Change("later rows", "computers_by_month", "price", later("trend")),
    Change("later rows", "rainfall_stream", "rain", later()),
    Change("older people", "adult", "income", later("age")),
    Change("more rows", "satellite", "classes", halves, FEW),
    Change("label noise", "spam", "type", relabelled("type", FLIPPED)),
    Change("new columns", "diamonds", "price", without("carat", "x", "y", "z")),
    Change("other letters", "letter", "lettr", classes("lettr", *"ABCDEFGHIJKLM")),
    Change("labels without meaning", "adult", "income", relabelled("income", 1.0)),
)
