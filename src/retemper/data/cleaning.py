"""Cells that stand for "not known" become missing, counted; what was decided on training rows holds when serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from retemper.data import dates
from retemper.data.cells import as_numbers, as_words
from retemper.data.placeholders import placeholders_in
from retemper.data.written_numbers import Style


@dataclass(frozen=True)
class Cleaned:
    """What was done to the cells of one column: ``cells`` of them held ``before`` and hold ``after`` now."""

    what: str
    column: str
    cells: int
    before: str
    after: str


@dataclass(frozen=True)
class Sentinel:
    """The values of one column that stand for missing; ``words`` in lower case, ``days`` as 1900-01-01.

    ``style``: nearly all other cells are numbers, written in this one; the column becomes numbers, and what is none
    becomes missing. None: it stays as it is.
    """

    column: str
    numbers: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    style: Style | None = None


@dataclass(frozen=True)
class Sentinels:
    """The placeholders of a table, found in training rows by :func:`retemper.data.placeholders.placeholders_in`."""

    columns: tuple[Sentinel, ...]

    @classmethod
    def fit(cls, frame: pl.DataFrame, names: Sequence[str]) -> Sentinels:
        """Find the placeholders of some columns.

        Args:
            frame: tidy training rows.
            names: the features' names; the target is never cleaned.

        >>> frame = pl.DataFrame({"age": [*range(18, 80), -999, -999, -999]})
        >>> Sentinels.fit(frame, ["age"]).columns[0].numbers
        (-999.0,)
        """
        found = [(name, placeholders_in(frame[name])) for name in names]
        return cls(
            tuple(
                Sentinel(
                    name,
                    tuple(one.numbers),
                    tuple(one.words),
                    tuple(str(day) for day in one.days),
                    one.style,
                )
                for name, one in found
                if one
            )
        )

    def keeping(self, words: Sequence[str]) -> Sentinels:
        """The same, but for columns that stay words: their kind was set by hand."""
        own = [replace(one, style=None) if one.column in words else one for one in self.columns]
        return Sentinels(tuple(one for one in own if one.style or one.numbers or one.words or one.days))

    @property
    def numeric(self) -> frozenset[str]:
        """The columns of words that become numbers."""
        return frozenset(one.column for one in self.columns if one.style)

    def apply(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Cleaned]]:
        """The frame with these cells missing, and what was done; columns that are absent are passed over.

        >>> sentinels = Sentinels((Sentinel("age", numbers=(-999.0,)),))
        >>> frame, done = sentinels.apply(pl.DataFrame({"age": [20, -999]}))
        >>> frame["age"].to_list(), done[0].cells, done[0].before, done[0].after
        ([20, None], 1, '-999', 'missing')
        """
        done: list[Cleaned] = []
        changed = []
        for sentinel in self.columns:
            if sentinel.column in frame.columns:
                changed.append(_apply(frame[sentinel.column], sentinel, done))
        return frame.with_columns(changed), done

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {
            "columns": [
                {name: list(own) if isinstance(own, tuple) else own for name, own in asdict(one).items()}
                for one in self.columns
            ]
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Sentinels:
        """The sentinels that :meth:`to_json` wrote.

        >>> sentinels = Sentinels((Sentinel("a", (-1.0,), ("unknown",), ("1900-01-01",), Style(unit="kg")),))
        >>> Sentinels.from_json(sentinels.to_json()) == sentinels
        True
        """
        return cls(
            tuple(
                Sentinel(
                    one["column"],
                    tuple(one["numbers"]),
                    tuple(one["words"]),
                    tuple(one["days"]),
                    one["style"] and Style(**one["style"]),
                )
                for one in data["columns"]
            )
        )


NO_SENTINELS = Sentinels(())


def _apply(cells: pl.Series, sentinel: Sentinel, done: list[Cleaned]) -> pl.Series:
    if sentinel.numbers:
        numbers = as_numbers(cells)
        for value in sentinel.numbers:
            cells = _emptied(cells, numbers == value, f"{value:g}", done)
    if sentinel.words and cells.dtype == pl.String:
        words = as_words(cells).str.to_lowercase()
        for word in sentinel.words:
            cells = _emptied(cells, words == word, word, done)
    if sentinel.days:
        days = dates.demanded(cells).dt.date().cast(pl.String)
        for day in sentinel.days:
            cells = _emptied(cells, days == day, day, done)
    if sentinel.style is None or cells.dtype != pl.String:
        return cells
    numbers = sentinel.style.read(cells)
    unread = numbers.null_count() - cells.null_count()
    if unread:
        done.append(Cleaned("no number", cells.name, unread, "words", "missing"))
    return numbers


def _emptied(cells: pl.Series, where: pl.Series, before: str, done: list[Cleaned]) -> pl.Series:
    where = where.fill_null(False)
    count = int(where.sum())
    if not count:
        return cells
    done.append(Cleaned("placeholder", cells.name, count, before, "missing"))
    return cells.to_frame().select(pl.when(~where).then(pl.col(cells.name))).to_series()
