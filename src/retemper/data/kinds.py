"""What a column is: number, category, boolean, datetime, text, identifier or constant, and why."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from retemper.core.errors import InputError
from retemper.core.recipe_sections import ColumnKind
from retemper.data import dates
from retemper.data.cells import as_numbers, as_words, first_row, place, present
from retemper.data.written_numbers import all_written

TRUE_WORDS = ("true", "yes", "t", "y", "1")
FALSE_WORDS = ("false", "no", "f", "n", "0")
MIN_ROWS = 20  # with fewer rows "all different" says nothing
UNIQUE_SHARE = 0.99
SAMPLE_ROWS = 1000
TEXT_WORDS = 3.0
TEXT_DISTINCT_SHARE = 0.5
NUMBERS_SHARE = 0.5
LARGEST = 1e100  # squares of larger numbers overflow
ID_NAME = re.compile(r"(^|[\W_])(?i:id|uuid|guid|key|index)$|[a-z]I[dD]$")


def infer_kind(
    column: pl.Series, distinct: int, identifiers: bool = True, different: pl.Series | None = None
) -> tuple[ColumnKind, str]:
    """The kind of a column and one sentence that says why.

    constant: one value in every row, missing counting as a value. boolean: two values that say yes and no, or 0
    and 1. identifier: whole numbers that count the rows, or whole numbers or single words that are different in
    99 % of 20 rows or more (the numbers only when the name says ``id``). text: three words a cell or more, and
    half of the cells different. datetime: every cell follows one format.

    Args:
        column: a tidy column.
        distinct: how many values it has, missing not counted.
        identifiers: false gives identifiers the kind of their cells.
        different: its different cells, of a column of text; None: they are found here.

    >>> infer_kind(pl.Series("a", ["u", "v", "u"]), 2)
    ('category', 'text with 2 distinct values')
    """
    if distinct == 0:
        return "constant", "every cell is missing"
    if distinct == 1 and not column.null_count():
        return "constant", f"every cell is {column[0]!r}"
    if is_truth(column, distinct):
        return "boolean", "two values that mean yes and no"
    if identifiers and (why := identifier_reason(column, distinct)):
        return "identifier", why
    if column.dtype == pl.Datetime:
        return "datetime", "dates and times"
    if column.dtype.is_numeric():
        numbers = present(column).to_numpy()
        low, high = float(numbers.min()), float(numbers.max())
        return "number", f"numbers from {low:g} to {high:g}, {distinct} distinct"
    return _kind_of_text(column, distinct, column.unique() if different is None else different)


def _kind_of_text(column: pl.Series, distinct: int, different: pl.Series) -> tuple[ColumnKind, str]:
    found = dates.parse(column)
    if found is not None:
        return "datetime", f"every cell is a date of the form {found[1]}"
    filled = len(column) - column.null_count()
    some = f"text with {distinct} distinct values"
    varied = distinct >= max(MIN_ROWS, TEXT_DISTINCT_SHARE * filled)
    # How often each cell comes takes twice as long to find out as which there are: only where it matters.
    if not varied and as_numbers(different).is_null().all():
        return "category", some
    counts = _counts(column)
    words = _words(counts)
    if words >= TEXT_WORDS and varied:
        return "text", f"{words:.1f} words a cell on average and {distinct} distinct values"
    bad = _not_numbers(column, counts)
    if bad is None:
        return "category", some
    cells, row = bad
    reason = f"{cells} of {filled} cells are no numbers (the first is {column[row - 1]!r} in row {row})"
    return "category", reason if cells else f"numbers written as text, {distinct} distinct values"


def count_distinct(column: pl.Series) -> int:
    """How many values a tidy column has, missing not counted.

    >>> count_distinct(pl.Series([0.5, None, 0.5, 2.0])), count_distinct(pl.Series(["u", None]))
    (2, 1)
    """
    if not column.dtype.is_numeric():
        return column.n_unique() - (column.null_count() > 0)
    # Numbers are sorted in a third of the time that Polars takes to tell them apart.
    ordered = np.sort(present(column).to_numpy())
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def _words(cells: pl.DataFrame) -> float:
    """Words a cell on average; each different cell is read once."""
    words = cells["cell"].str.count_matches(r"\S+").to_numpy()
    return float(words @ cells["rows"].to_numpy()) / max(1, int(cells["rows"].sum()))


def _counts(column: pl.Series) -> pl.DataFrame:
    return column.alias("cell").drop_nulls().value_counts(name="rows")


def not_numbers(column: pl.Series) -> tuple[int, int] | None:
    """How many cells of a text column are no numbers, and the first such row; None unless most cells are numbers.

    >>> not_numbers(pl.Series(["1", "2", "x"])), not_numbers(pl.Series(["a", "b", "1"]))
    ((1, 3), None)
    """
    return _not_numbers(column, _counts(column)) if column.dtype == pl.String else None


def _not_numbers(column: pl.Series, counts: pl.DataFrame) -> tuple[int, int] | None:
    bad = counts.filter(as_numbers(counts["cell"]).is_null())
    cells = int(bad["rows"].sum())
    if counts.is_empty() or cells > (1 - NUMBERS_SHARE) * int(counts["rows"].sum()):
        return None
    return cells, first_row(column.is_in(bad["cell"].implode())) if cells else 1


def is_truth(column: pl.Series, distinct: int) -> bool:
    """True when a column says nothing but yes and no.

    >>> is_truth(pl.Series(["yes", "no"]), 2), is_truth(pl.Series([0, 1]), 2), is_truth(pl.Series([1, 2]), 2)
    (True, True, False)
    """
    if column.dtype == pl.Boolean:
        return True
    if distinct > 2 or column.dtype == pl.Datetime:
        return False
    if column.dtype.is_numeric():
        return set(column.drop_nulls().unique().to_list()) == {0, 1}
    words = set(as_words(column.drop_nulls().unique()).str.to_lowercase())
    both = len(words) == 2 and words <= {*TRUE_WORDS, *FALSE_WORDS}
    pairs = [{t, f} for t, f in zip(TRUE_WORDS, FALSE_WORDS, strict=True)]
    return (both and words in pairs) or (len(words) == 1 and column.dtype == pl.String and _says(words))


def _says(words: set[str]) -> bool:
    return words <= {"true", "false", "yes", "no"}


def truth(column: pl.Series) -> pl.Series:
    """A boolean column as the words ``true`` and ``false``; other cells than yes and no stay as they are.

    >>> truth(pl.Series(["Yes", "no", "maybe", None])).to_list(), truth(pl.Series([1, 0])).to_list()
    (['true', 'false', 'maybe', None], ['true', 'false'])
    """
    words = as_words(column).str.to_lowercase()
    meaning = dict.fromkeys(TRUE_WORDS, "true") | dict.fromkeys(FALSE_WORDS, "false")
    return words.replace(meaning)


def identifier_reason(column: pl.Series, distinct: int) -> str | None:
    """Why a column names rows rather than describes them; None when it does not.

    >>> identifier_reason(pl.Series("row", range(1, 31)), 30)
    'whole numbers that count the rows'
    """
    filled = len(column) - column.null_count()
    named = ID_NAME.search(column.name) is not None
    if filled < MIN_ROWS or distinct < UNIQUE_SHARE * filled:
        return None
    if column.dtype.is_integer():
        top, bottom = column.max(), column.min()
        if distinct == filled and int(top) - int(bottom) == filled - 1:  # type: ignore[arg-type]
            return "whole numbers that count the rows"
        return f"named like an identifier, and {distinct} of {filled} cells are different" if named else None
    if column.dtype != pl.String or dates.parse(column) is not None or not_numbers(column) is not None:
        return None
    some = column.drop_nulls().head(SAMPLE_ROWS)
    if all_written(some):
        return None  # prices such as $3.50 differ from row to row too
    if named or _words(_counts(column)) < 2:
        return f"{distinct} of {filled} cells are different words"
    return None


def check_kind(column: pl.Series, kind: ColumnKind, source: str) -> None:
    """Raise where a column can't be of the kind that the recipe wants.

    Raises:
        InputError: ``not_a_number``, ``not_a_date`` or ``not_a_boolean``, with the row.
    """
    if kind == "number":
        demanded_numbers(column, source)
    if kind == "datetime":
        dates.demanded(column, None, source)
    if kind == "boolean":
        bad = ~truth(column).is_in(["true", "false"]) & column.is_not_null()
        if bad.any():
            row = first_row(bad)
            raise InputError(
                "not_a_boolean",
                f"Column {column.name!r} is to be boolean, but row {row} is {column[row - 1]!r}.",
                place(source, column.name, row),
                "Write true and false, yes and no, or 1 and 0; or call it a category.",
            )


def demanded_numbers(column: pl.Series, source: str = "") -> pl.Series:
    """A column as Float64, or an error at the first cell that is no number or not finite.

    Raises:
        InputError: ``not_a_number`` or ``infinite_value``, with column and row.
    """
    where = place(source, column.name)
    if column.dtype == pl.Datetime:
        raise InputError(
            "not_a_number",
            f"Column {column.name!r} must hold numbers, but holds dates.",
            where,
            "Give numbers.",
        )
    numbers = as_numbers(column)
    if numbers.null_count() > column.null_count():
        row = first_row(numbers.is_null() & column.is_not_null())
        raise InputError(
            "not_a_number",
            f"Column {column.name!r} must hold numbers, but row {row} is {column[row - 1]!r}.",
            place(source, column.name, row),
            "Mend the cell, or leave it empty if the number is not known.",
        )
    ends = (numbers.min(), numbers.max())
    if any(isinstance(end, float) and abs(end) > LARGEST for end in ends):
        row = first_row(numbers.abs() > LARGEST)
        raise InputError(
            "infinite_value",
            f"Column {column.name!r} is infinite or beyond ±{LARGEST:g} in row {row}: {numbers[row - 1]}.",
            place(source, column.name, row),
            "Replace it by a number, or leave the cell empty.",
        )
    return numbers
