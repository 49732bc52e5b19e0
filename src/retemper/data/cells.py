"""From raw cells to typed columns: placeholders become missing, digits become numbers, types become few.

After :func:`tidy` a frame holds Int64, Float64, Boolean, Datetime and String columns only, whatever it came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import polars as pl
import polars.selectors as cs

from retemper.core.errors import InputError

PLACEHOLDERS = (
    "", "?", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN",
    "NULL", "null", "Null", "None", "none", "NaT", "#NULL!", "#DIV/0!",
)  # fmt: skip
LEADING_ZERO = r"^[+-]?0\d"
BEYOND_INTEGERS = r"^[+-]?\d{19,}$"
SPACE_AT_AN_END = r"^\s|\s$"
INTEGER_LIMIT = 2**63 - 1
FIRST_ROWS = 1000
FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
"""Microseconds from 1970 to the first and the last moment of the years 1 to 9999, the ones that Python knows."""
US = {"day": 86_400_000_000, "ms": 1000, "us": 1}
A_SECOND = {"ms": 1e3, "us": 1e6, "ns": 1e9}
FINAL = (pl.Int64, pl.Float64, pl.Boolean, pl.String, pl.Datetime("us"))
"""The types of a tidy frame."""


def tidy(frame: pl.DataFrame, source: str = "") -> pl.DataFrame:
    """The same cells in five types; text is stripped and placeholders such as ``NA`` or ``?`` become missing.

    Integers become Int64 (beyond its range Float64), decimals and durations Float64 (durations in seconds), NaN
    becomes missing, categories text, dates and times of day Datetime (UTC).

    Args:
        frame: any columns.
        source: what the frame came from, for the message.

    Returns:
        A frame of the same shape and names.

    Raises:
        InputError: ``unsupported_type``, a column of lists, structs, bytes or objects; ``bad_date``, beyond the
            years 1 to 9999; ``bad_name``, a name that Polars takes for a pattern.

    >>> tidy(pl.DataFrame({"a": [" x", "NA"], "b": [1.5, float("nan")]})).to_dict(as_series=False)
    {'a': ['x', None], 'b': [1.5, None]}
    """
    for name in frame.columns:
        _check_name(name, source)
    columns = {column.name: column for column in frame.iter_columns()}
    for column in columns.values():
        if column.dtype in (pl.Date, pl.Datetime):
            _check_dates(column, source)
    odd = (column for column in columns.values() if column.dtype not in FINAL)
    changed = {column.name: _tidy_column(column, source) for column in odd}
    for name, column in (columns | changed).items():
        if column.dtype == pl.Float64 and _has_nan(column):
            changed[name] = column.fill_nan(None)
    return _tidy_words(frame.with_columns(changed.values()) if changed else frame)


def _tidy_column(column: pl.Series, source: str) -> pl.Series:
    dtype = column.dtype
    if dtype.is_integer():
        fits = dtype not in (pl.UInt64, pl.Int128, pl.UInt128) or _within_int64(column)
        return column.cast(pl.Int64 if fits else pl.Float64)
    if dtype.is_numeric():
        return column.cast(pl.Float64)
    if dtype in (pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    if isinstance(dtype, pl.Duration):
        return column.to_physical().cast(pl.Float64) / A_SECOND[dtype.time_unit]
    if dtype == pl.Time:
        return column.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Datetime("us"))
    if dtype in (pl.Date, pl.Datetime):
        return _tidy_datetime(column)
    raise InputError(
        "unsupported_type",
        f"Column {column.name!r} holds {dtype}, which is not a number, text, boolean or date.",
        place(source, column.name),
        "Turn it into plain columns or leave it out.",
    )


def _check_name(name: str, source: str) -> None:
    if not (name.startswith("^") and name.endswith("$")):
        return
    try:
        alone = pl.DataFrame({name: [0]}).select(pl.col(name)).width == 1
    except pl.exceptions.PolarsError:
        alone = False
    if not alone:
        raise InputError(
            "bad_name",
            f"The column name {name!r} begins with ^ and ends with $, and so would be taken for a pattern.",
            place(source, name),
            "Rename the column.",
        )


def _check_dates(column: pl.Series, source: str) -> None:
    unit = getattr(column.dtype, "time_unit", "day")
    if unit == "ns":
        return  # 64 bits of them end in the year 2262
    numbers = column.to_physical()
    bad = (numbers < FIRST_US // US[unit]) | (numbers > LAST_US // US[unit])
    if bad.any():
        row = first_row(bad)
        raise InputError(
            "bad_date",
            f"Column {column.name!r} holds a date beyond the years 1 to 9999 in row {row}.",
            place(source, column.name, row),
            "Mend the date, or leave the cell empty.",
        )


def _within_int64(column: pl.Series) -> bool:
    top, bottom = column.max(), column.min()
    return (
        not isinstance(top, int)
        or not isinstance(bottom, int)
        or (top <= INTEGER_LIMIT and bottom >= -INTEGER_LIMIT - 1)
    )


def _tidy_datetime(column: pl.Series) -> pl.Series:
    zone = getattr(column.dtype, "time_zone", None)
    if zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(pl.Datetime("us"))


def _has_nan(numbers: pl.Series) -> bool:
    # The sum is NaN wherever a cell is (or ∞ and −∞ are), and far cheaper to ask than every cell.
    return math.isnan(numbers.sum()) and bool(numbers.is_nan().any())


def _tidy_words(frame: pl.DataFrame) -> pl.DataFrame:
    """Text stripped, placeholders missing; all columns at once, and only those written anew that need it."""
    if pl.String not in frame.dtypes:
        return frame
    length = cs.string().str.len_bytes()
    padded = _where(frame.select((cs.string().str.strip_chars().str.len_bytes() < length).any()))
    frame = frame.with_columns(cs.by_name(padded).str.strip_chars())
    empty = _where(frame.select(cs.string().is_in(PLACEHOLDERS).any()))
    word = cs.by_name(empty)
    return frame.with_columns(pl.when(word.is_in(PLACEHOLDERS)).then(None).otherwise(word).name.keep())


def _where(answers: pl.DataFrame) -> list[str]:
    """Names of the columns whose one cell is true."""
    return [name for name, answer in answers.to_dict(as_series=False).items() if answer == [True]]


def typed(frame: pl.DataFrame, decimal_comma: bool = False) -> pl.DataFrame:
    """Text columns whose every cell is a number become numbers; all rows are looked at, not the first few.

    A column with a leading zero somewhere (``007``) stays text, for the zero may carry meaning; so does one
    with integers too long for 64 bits.

    Args:
        frame: a tidy frame.
        decimal_comma: also take ``3,14`` as a number (files that separate columns with ``;``).

    Returns:
        A frame of the same shape and names.

    >>> frame = pl.DataFrame({"a": ["1", None], "b": ["1", "2.5"], "c": ["1", "x"], "d": ["01", "02"]})
    >>> [str(t) for t in typed(frame).dtypes]
    ['Int64', 'Float64', 'String', 'String']
    """
    texts = frame.select(cs.string())
    gaps = dict(zip(texts.columns, texts.null_count().row(0), strict=False))
    texts = chosen(texts, [name for name in texts.columns if gaps[name] < frame.height])
    number = _number(pl.all(), decimal_comma)
    # A few rows rule most columns of words out before all are read.
    some = texts.head(FIRST_ROWS)
    texts = chosen(texts, _same_gaps(some, some.select(number)))
    numbers = texts.select(number)
    texts = chosen(texts, _same_gaps(texts, numbers))
    texts = texts.select(~cs.by_name(_where(texts.select(pl.all().str.contains(LEADING_ZERO).any()))))
    whole = texts.select(pl.all().cast(pl.Int64, strict=False))
    whole = chosen(whole, _same_gaps(texts, whole))
    texts = texts.select(~cs.by_name(whole.columns))
    texts = texts.select(~cs.by_name(_where(texts.select(pl.all().str.contains(BEYOND_INTEGERS).any()))))
    return frame.with_columns(whole).with_columns(chosen(numbers, texts.columns))


def _same_gaps(one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    """Names of the columns with as many missing cells in the one frame as in the other."""
    pairs = zip(one.columns, one.null_count().row(0), other.null_count().row(0), strict=True)
    return [name for name, count, others in pairs if count == others]


def _number(text: pl.Expr, decimal_comma: bool) -> pl.Expr:
    if decimal_comma:
        text = text.str.replace(r"^([+-]?\d+),(\d+)$", "$1.$2")
    return text.cast(pl.Float64, strict=False).fill_nan(None)


def present(column: pl.Series) -> pl.Series:
    """The cells that are not missing.

    Polars plans a query for each :meth:`polars.Series.drop_nulls`, which takes longer than most columns' work.

    >>> present(pl.Series([1, None, 2])).to_list()
    [1, 2]
    """
    return column.drop_nulls() if column.null_count() else column


def as_numbers(column: pl.Series, decimal_comma: bool = False) -> pl.Series:
    """A column as Float64; cells that are no number become missing.

    >>> as_numbers(pl.Series(["1", "2e3", "x"])).to_list()
    [1.0, 2000.0, None]
    """
    if column.dtype == pl.String:
        return column.to_frame().select(_number(pl.first().str.strip_chars(), decimal_comma)).to_series()
    numbers = column.cast(pl.Float64)
    # The sum is NaN wherever a cell is, and far cheaper to ask than every cell.
    return numbers.fill_nan(None) if math.isnan(numbers.sum()) else numbers


def first_row(mask: pl.Series) -> int:
    """The number, from 1, of the first row where the mask holds.

    >>> first_row(pl.Series([False, None, True]))
    3
    """
    return int(mask.arg_true()[0]) + 1


def as_words(column: pl.Series) -> pl.Series:
    """Cells as text, so that ``1``, ``"1"`` and ``1.0`` are one and the same level.

    >>> as_words(pl.Series([1.0, 2.5, None])).to_list(), as_words(pl.Series([True])).to_list()
    (['1', '2.5', None], ['True'])
    """
    if column.dtype == pl.Boolean:
        return column.cast(pl.String).str.to_titlecase()
    text = column.cast(pl.String)
    if column.dtype.is_integer():
        return text
    # Most columns have neither; to ask is much cheaper than to write every cell anew.
    if text.str.contains(SPACE_AT_AN_END).any():
        text = text.str.strip_chars()
    if text.str.contains(".0", literal=True).any():
        text = text.str.replace(r"^([+-]?\d+)\.0+$", "$1")
    return text


def level_counts(words: pl.Series) -> pl.DataFrame:
    """How often each word comes: the columns ``level`` and ``rows``, most frequent first, ties by the alphabet.

    >>> level_counts(pl.Series(["v", "u", None, "v"])).rows()
    [('v', 2), ('u', 1)]
    """
    counts = words.alias("level").drop_nulls().value_counts(name="rows")
    return counts.sort("rows", "level", descending=[True, False])


def chosen(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Columns by their exact names; ``select`` would take ``*`` or ``^a.*$`` for patterns.

    >>> chosen(pl.DataFrame({"*": [1], "b": [2]}), ["*"]).columns
    ['*']
    """
    return pl.DataFrame({name: frame[name] for name in names})


def of_rows(count: int) -> str:
    """``1 row``, ``2 rows``."""
    return "1 row" if count == 1 else f"{count} rows"


def place(source: str, column: str, row: int | None = None) -> dict[str, str | int]:
    """Where a cell stands, for an error; rows count from 1, and a source without a name is left out.

    >>> place("a.csv", "age", 3), place("", "age")
    ({'file': 'a.csv', 'column': 'age', 'row': 3}, {'column': 'age'})
    """
    parts = {"file": source or None, "column": column, "row": row}
    return {key: value for key, value in parts.items() if value is not None}
