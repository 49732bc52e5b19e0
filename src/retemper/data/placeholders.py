"""Values that stand for "not known": -999 among ages, 0 among blood pressures, ``unknown`` among numbers.

Empty cells, ``NA``, ``?`` and their kin become missing when a table is read (:mod:`retemper.data.cells`). What is
found here might be meant, so that it is reported, and cleaned only where the recipe says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from retemper.core.records import Finding
from retemper.data import dates
from retemper.data.cells import LEADING_ZERO, as_numbers, as_words, level_counts, present
from retemper.data.check_columns import listed
from retemper.data.kinds import not_numbers
from retemper.data.sampled import Floats
from retemper.data.schema import Schema
from retemper.data.written_numbers import Style, like_a_number

WORDS = (
    "unknown", "unk", "missing", "(missing)", "not available", "not applicable", "not known", "n.a.", "n.a", "n/a.",
    "-", "--", "---", ".", "..", "...", "tbd", "undefined", "no data", "nodata", "blank", "(blank)", "empty", "(null)",
    "[null]", "\\n", "not stated", "not reported", "unspecified", "no answer", "??", "???", "#ref!", "#value!",
    "#name?",
)  # fmt: skip
NINES = tuple(10.0**digits - 1 for digits in range(2, 10))
CODES = (*NINES, *(-nines for nines in NINES), -1.0, -9.0, -32768.0, -2147483648.0, 2147483647.0, 1e20, -1e20)
DAYS = tuple(
    date(*day)
    for day in ((1, 1, 1), (1900, 1, 1), (1970, 1, 1), (1999, 9, 9), (2099, 12, 31), (9999, 12, 31))
)
"""Days that stand for not known, or for never; they count where they stand apart from all others."""
SHARE_OF_NUMBERS = 0.9
MIN_CELLS = 3
MIN_DISTINCT = 20
LEAST_NUMBERS = 5
MINUS_ONE_SHARE = 0.01
MOST_ZEROS_SHARE = 0.1
MIN_ROWS = 50


@dataclass(frozen=True)
class Placeholders:
    """The values of one column that stand for missing: numbers, days and words (lower case) with their cells.

    ``style``: without its words, at least nine tenths of the column are numbers, written in this one; ``unread`` counts
    the cells that are neither.
    """

    numbers: dict[float, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    days: dict[date, int] = field(default_factory=dict)
    style: Style | None = None
    unread: int = 0

    def __bool__(self) -> bool:
        return bool(self.numbers or self.words or self.days or self.style)

    def shown(self) -> dict[str, int]:
        """Value → cells."""
        numbers = {f"{value:g}": cells for value, cells in self.numbers.items()}
        days = {str(day): cells for day, cells in self.days.items()}
        return {**numbers, **days, **self.words, **({"(no number)": self.unread} if self.unread else {})}


def placeholders_in(cells: pl.Series) -> Placeholders:
    """The placeholders of one tidy column.

    - A number such as -999, 9999 or -1 that comes 3 times or more and lies apart: the only negative one, or as far
      beyond all others as these reach from the lowest to the highest.
    - A 0 in up to 10 % of the cells where all others are positive and keep away from it: the gap is at least half the
      interquartile range, and the lowest twentieth starts a whole one above 0.
    - A day such as 1900-01-01 or 9999-12-31 that comes 3 times or more and lies as far beyond all other days as these
      reach.
    - Words such as ``unknown`` or ``-``. Where at least nine tenths of the other cells are numbers, perhaps with a
      unit, a currency or separators of thousands, the column is one of numbers.

    >>> ages = pl.Series("age", [*range(18, 80)] * 2 + [-999] * 4)
    >>> placeholders_in(ages).shown()
    {'-999': 4}
    """
    if cells.dtype.is_numeric():
        x = present(as_numbers(cells)).to_numpy()
        # Most columns hold no such number at all: one pass tells.
        return Placeholders(sentinels(x) if np.isin(x, (0.0, *CODES)).any() else {})
    if cells.dtype == pl.Datetime:
        return Placeholders(days=days_apart(cells))
    if cells.dtype != pl.String:
        return Placeholders()
    read = dates.parse(cells)
    if read is not None:
        return Placeholders(days=days_apart(read[0]))
    counts = level_counts(as_words(cells).str.to_lowercase())
    known = counts.filter(pl.col("level").is_in(WORDS))
    words = {str(word): int(rows) for word, rows in known.iter_rows()}
    rest = counts.filter(~pl.col("level").is_in(WORDS))
    filled = int(rest["rows"].sum())
    # Most columns of words end here: how numbers are written in them is asked of the others only.
    if int(rest.filter(~like_a_number(rest["level"]))["rows"].sum()) > (1 - SHARE_OF_NUMBERS) * filled:
        return Placeholders(words=words)
    style = Style.of(rest["level"])
    numbers = style.read(rest["level"])
    unread = int(rest.filter(numbers.is_null())["rows"].sum())
    distinct = numbers.drop_nulls().n_unique()
    # A zero in front may carry meaning, as in 007: such a column stays words.
    coded = rest["level"].str.contains(LEADING_ZERO).any()
    if not filled or coded or unread > (1 - SHARE_OF_NUMBERS) * filled or distinct < LEAST_NUMBERS:
        return Placeholders(words=words)
    return Placeholders(words=words, style=style, unread=unread)


def days_apart(days: pl.Series) -> dict[date, int]:
    """Days of a Datetime column that stand for missing, and how often they come."""
    counts = days.dt.date().drop_nulls().alias("day").value_counts(name="rows")
    rest = counts.filter(~pl.col("day").is_in(DAYS))["day"].cast(pl.Int32)
    low, high = rest.min(), rest.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return {}
    suspects = counts.filter(pl.col("day").is_in(DAYS) & (pl.col("rows") >= MIN_CELLS)).sort("day")
    place = suspects["day"].cast(pl.Int32)
    far = suspects.filter((low - place > high - low) | (place - high > high - low))
    return {day: int(rows) for day, rows in far.iter_rows()}


def sentinels(x: Floats) -> dict[float, int]:
    """Numbers of ``x`` (no NaN) that stand for missing, and how often they come."""
    if len(x) < MIN_ROWS:
        return {}
    values, counts = np.unique(x, return_counts=True)
    rest = values[~np.isin(values, CODES)]
    if len(rest) < MIN_DISTINCT:
        return {}
    share = counts / len(x)
    found = {
        float(value): int(count)
        for value, count in zip(values, counts, strict=True)
        if value in CODES and count >= MIN_CELLS and _apart(value, count / len(x), rest)
    }
    zero = np.flatnonzero(values == 0)
    if (
        len(zero)
        and counts[zero[0]] >= MIN_CELLS
        and share[zero[0]] <= MOST_ZEROS_SHARE
        and _zero_apart(x, found)
    ):
        found[0.0] = int(counts[zero[0]])
    return found


def _apart(value: float, share: float, rest: Floats) -> bool:
    low, high = float(rest[0]), float(rest[-1])
    if value in (-1.0, -9.0):
        return low >= 0 and share >= MINUS_ONE_SHARE
    if value < 0 <= low:
        return True
    return max(low - value, value - high) >= high - low


def _zero_apart(x: Floats, others: dict[float, int]) -> bool:
    rest = x[(x != 0) & ~np.isin(x, list(others))]
    low, quarter, three = np.quantile(rest, [0.05, 0.25, 0.75])
    spread = three - quarter
    return bool(rest.min() > 0 and spread > 0 and rest.min() >= 0.5 * spread and low >= spread)


def placeholders(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Cells that seem to stand for "not known" but count as values: -999, a 0 apart, 1900-01-01, ``unknown``."""
    found = {c.name: one for c in schema.features() if (one := placeholders_in(frame[c.name])).shown()}
    if not found:
        return None
    worst = max(found, key=lambda name: sum(found[name].shown().values()))
    value, cells = max(found[worst].shown().items(), key=lambda item: item[1])
    sure = any(one.style or one.days or set(one.numbers) - {0.0} for one in found.values())
    return Finding(
        "placeholders",
        "warning" if sure else "advice",
        0.7,
        f"Cells that seem to stand for a missing value: {listed(list(found))}; {worst!r} holds {value!r} {cells} "
        "times. Leave such cells empty, or let cleaning do it.",
        {"columns": {name: one.shown() for name, one in found.items()}, "cells_from": MIN_CELLS},
    )


def numbers_as_words(frame: pl.DataFrame, schema: Schema) -> Finding | None:
    """Columns whose numbers count as words because of how they are written: ``1,234``, ``12 kg``, ``5 %``, ``$3``.

    Where most cells are plain numbers already, ``mixed_types`` says so. Columns whose every cell is a number are read
    as such (:mod:`retemper.data.rewritten`).
    """
    found = {
        column.name: (one, one.style)
        for column in schema.features()
        if column.kind in ("category", "text")
        and not_numbers(frame[column.name]) is None
        and (one := placeholders_in(frame[column.name])).style
    }
    if not found:
        return None
    name, (_, style) = next(iter(found.items()))
    unit = f" in {style.unit!r}" if style.unit else ""
    example = frame[name].filter(style.read(frame[name]).is_not_null())[0]
    return Finding(
        "numbers_as_words",
        "warning",
        0.8,
        f"Columns of numbers that count as words because of how they are written: {listed(list(found))}; {name!r} "
        f"holds numbers{unit} such as {example!r}. Write them as plain numbers, or let cleaning do it.",
        {
            "columns": {
                name: {"unit": style.unit, "no_number": one.unread} for name, (one, style) in found.items()
            },
            "share_from": SHARE_OF_NUMBERS,
        },
    )
