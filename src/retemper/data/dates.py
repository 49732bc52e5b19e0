"""Dates and times: read from text, and split into the parts that a network can use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.data.cells import first_row, place

FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%+",
    "%Y-%m-%d %H:%M:%S%.f%:z", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M", "%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y", "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y",
)  # fmt: skip
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
BEGINNING = re.compile(rf"\s*(?:[+-]?\d+|(?:{MONTHS})\D*?\d+)\D.*\d", re.IGNORECASE | re.DOTALL)
"""How a cell of every format begins: with a number, or with a month and a number, and a further number comes later."""
SAMPLE_ROWS = 50
DAY_US = 86_400_000_000
CYCLES = {"month": 12, "weekday": 7, "hour": 24}
PARTS = ("elapsed_days", "year", "month", "day", "weekday", "hour")


def parse(column: pl.Series, form: str | None = None) -> tuple[pl.Series, str] | None:
    """A column of text as Datetime, with the format that every cell follows.

    ``03/04/2024`` is the 4th of March unless another row can only be day first.

    Args:
        column: text or Datetime.
        form: the one format to try; None tries all that are known.

    Returns:
        The Datetime column (UTC) and its format, or None when some cell follows no common format.

    >>> parse(pl.Series(["2024-01-31", None]))[1], parse(pl.Series(["a"]))
    ('%Y-%m-%d', None)
    """
    if column.dtype == pl.Datetime:
        return column, form or ""
    present = column.drop_nulls()
    if column.dtype != pl.String or present.is_empty() or not BEGINNING.match(present[0]):
        return None
    for candidate in [form] if form else FORMATS:
        # A few rows rule most formats out before the whole column is read.
        if _read(present.head(SAMPLE_ROWS), candidate).null_count():
            continue
        read = _read(column, candidate)
        if read.null_count() == column.null_count():
            return read, candidate
    return None


def _read(column: pl.Series, form: str) -> pl.Series:
    read = column.str.to_datetime(form, strict=False, time_unit="us")
    if getattr(read.dtype, "time_zone", None) is not None:
        read = read.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return read


def demanded(column: pl.Series, form: str | None = None, source: str = "") -> pl.Series:
    """A column as Datetime, or an error at the first cell that is none.

    The format of the training rows is tried first, then all others, so that ``2024-01-31`` is understood
    wherever ``31.01.2024`` was seen before.

    Raises:
        InputError: ``not_a_date``.
    """
    if column.null_count() == len(column):
        return column.cast(pl.String).cast(pl.Datetime("us"))
    found = (parse(column, form) if form else None) or parse(column)
    if found is not None:
        return found[0]
    bad = column.is_not_null()
    if column.dtype == pl.String:
        bad &= _read(column, form or FORMATS[0]).is_null()
    row = first_row(bad) if bad.any() else first_row(column.is_not_null())
    raise InputError(
        "not_a_date",
        f"Column {column.name!r} holds dates and times, but row {row} is {column[row - 1]!r}.",
        place(source, column.name, row),
        "Write dates as 2024-01-31 or 2024-01-31 12:30:00.",
    )


@dataclass(frozen=True)
class DateParts:
    """Which parts of a date column become numbers: those that vary over the training rows, or one that has gaps.

    ``elapsed_days`` counts from ``origin_us`` (microseconds since 1970); month, weekday and hour also come as a
    point on the circle, (sin, cos)(2π·part/period), so that December lies beside January.
    """

    form: str | None
    origin_us: int
    parts: tuple[str, ...]

    @classmethod
    def fit(cls, column: pl.Series, source: str = "") -> DateParts:
        """Find the format, the origin and the parts that vary.

        >>> DateParts.fit(pl.Series(["2024-01-01", "2024-01-03"])).parts
        ('elapsed_days', 'day', 'weekday')
        """
        found = parse(column)
        dates = found[0] if found else demanded(column, None, source)
        origin = int(dates.dt.timestamp("us").min() or 0)  # type: ignore[arg-type]
        varying = tuple(part for part in PARTS if _part(dates, part, origin).drop_nulls().n_unique() > 1)
        if not varying and 0 < dates.null_count() < len(dates):
            varying = PARTS[:1]  # that it is missing may tell something
        return cls(found[1] if found else None, origin, varying)

    @property
    def names(self) -> list[str]:
        """The names of the numbers, in the order of :meth:`numbers`."""
        cyclic = [f"{part}_{wave}" for part in self.parts if part in CYCLES for wave in ("sin", "cos")]
        return [*self.parts, *cyclic]

    def numbers(self, column: pl.Series, source: str = "") -> NDArray[np.float64]:
        """The parts as float64 [rows, len(names)]; NaN where the date is missing."""
        dates = demanded(column, self.form, source)
        plain = [_array(_part(dates, part, self.origin_us)) for part in self.parts]
        waves = []
        for part, values in zip(self.parts, plain, strict=True):
            if part in CYCLES:
                angle = 2 * np.pi * values / CYCLES[part]
                waves += [np.sin(angle), np.cos(angle)]
        return np.stack([*plain, *waves], axis=1) if plain else np.empty((len(column), 0))

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back."""
        return {"form": self.form, "origin_us": self.origin_us, "parts": list(self.parts)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DateParts:
        """The parts that :meth:`to_json` wrote."""
        return cls(data["form"], data["origin_us"], tuple(data["parts"]))


def as_days(column: pl.Series) -> pl.Series:
    """Dates without their midnight where no cell has a time of day; any other column as it is.

    >>> from datetime import datetime
    >>> str(as_days(pl.Series([datetime(2021, 5, 4), None]))[0]), str(as_days(pl.Series([datetime(2021, 5, 4, 9)]))[0])
    ('2021-05-04', '2021-05-04 09:00:00')
    """
    if column.dtype != pl.Datetime:
        return column
    days = column.cast(pl.Date)
    return days if (days.cast(column.dtype) == column).all() else column


def _part(dates: pl.Series, part: str, origin_us: int) -> pl.Series:
    if part == "elapsed_days":
        return (dates.dt.timestamp("us") - origin_us) / DAY_US
    return getattr(dates.dt, part)().cast(pl.Float64)  # type: ignore[no-any-return]


def _array(series: pl.Series) -> NDArray[np.float64]:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
