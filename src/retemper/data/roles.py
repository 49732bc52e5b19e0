"""The target and the columns with a role: what they must hold before anything is trained."""

from __future__ import annotations

import polars as pl

from retemper.core.errors import InputError
from retemper.core.records import Task
from retemper.data.cells import as_words, first_row, level_counts, place
from retemper.data.kinds import demanded_numbers, not_numbers
from retemper.data.written_numbers import not_written

FEW_DISTINCT = 20
ROWS_A_VALUE = 10


def infer_task(column: pl.Series, distinct: int) -> tuple[Task, str]:
    """Classification or regression, and why.

    Classification for text and booleans; for whole numbers with two values, or with at most 20 values that come
    10 times each on average. Regression for everything else.

    >>> infer_task(pl.Series("y", ["a", "b"]), 2)[0], infer_task(pl.Series("y", [0.5, 1.5, 2.0]), 3)[0]
    ('classification', 'regression')
    """
    if column.dtype in (pl.String, pl.Boolean):
        return "classification", f"{distinct} classes"
    if column.dtype == pl.Datetime:
        return "regression", "dates and times"
    whole = column.dtype.is_integer() or bool((column == column.round()).all())
    few = distinct <= FEW_DISTINCT and len(column) >= ROWS_A_VALUE * distinct
    if whole and (distinct == 2 or few):
        return "classification", f"whole numbers with {distinct} distinct values"
    return "regression", f"numbers with {distinct} distinct values"


def check_target(column: pl.Series, task: Task, source: str) -> None:
    """Raise where a target can't be learnt.

    Raises:
        InputError: ``target_gaps``, ``target_not_number``, ``infinite_value``, ``one_class``,
            ``constant_target``, ``single_row_class``, ``target_is_date``.
    """
    where = place(source, column.name)
    if column.null_count():
        row = first_row(column.is_null())
        raise InputError(
            "target_gaps",
            f"The target {column.name!r} is missing in {column.null_count()} of {len(column)} rows, first in {row}.",
            place(source, column.name, row),
            "Fill the cells or take the rows out; NA, ? and none count as missing.",
        )
    if column.dtype == pl.Datetime:
        raise InputError(
            "target_is_date",
            f"The target {column.name!r} holds dates.",
            where,
            "Predict a number instead, such as the days since a start.",
        )
    if task == "regression":
        _check_regression(column, source)
    else:
        _check_classes(column, source)


def _check_regression(column: pl.Series, source: str) -> None:
    where = place(source, column.name)
    if column.dtype == pl.String and not_numbers(column) is None:
        raise InputError(
            "target_not_number",
            f"The target {column.name!r} of a regression must hold numbers, but holds text such as {column[0]!r}.",
            place(source, column.name, 1),
            "Choose the task classification, or another target.",
        )
    numbers = demanded_numbers(column, source)
    if numbers.min() == numbers.max():
        raise InputError(
            "constant_target",
            f"The target {column.name!r} is {column[0]!r} in every row: there is nothing to learn.",
            where,
            "Choose a target that varies.",
        )


def _check_classes(column: pl.Series, source: str) -> None:
    where = place(source, column.name)
    bad = not_numbers(column) or not_written(column)
    words = as_words(column)
    counts = level_counts(words)
    if column.dtype == pl.Float64 and column.is_infinite().any():
        demanded_numbers(column, source)
    if bad is not None and bad[0] and counts.height > FEW_DISTINCT:
        cells, row = bad
        raise InputError(
            "target_not_number",
            f"The target {column.name!r} holds numbers but for {cells} cells; the first is {column[row - 1]!r}.",
            place(source, column.name, row),
            "Mend or empty these cells and take their rows out.",
        )
    if counts.height == 1:
        raise InputError(
            "one_class",
            f"The target {column.name!r} has one class only, {words[0]!r}: there is nothing to tell apart.",
            where,
            "Give rows of at least two classes.",
        )
    if counts["rows"][-1] == 1:
        single = counts.filter(pl.col("rows") == 1)["level"]
        row = first_row(words == single[0])
        names = ", ".join(map(repr, single.sort()[:5]))
        raise InputError(
            "single_row_class",
            f"Training and checking need a row of each class, but {len(single)} of {column.name!r} "
            f"{'has' if len(single) == 1 else 'have'} a single row ({names}).",
            place(source, column.name, row),
            "Give more rows of these classes, merge or remove them, or choose the task regression.",
        )


def check_weight(column: pl.Series, source: str) -> None:
    """Raise where sample weights are missing, negative, infinite or all zero.

    Raises:
        InputError: ``bad_weight`` with the row.
    """
    where = place(source, column.name)
    hint = "Give every row a weight of 0 or more."
    numbers = demanded_numbers(column, source)
    bad = numbers.is_null() | (numbers < 0).fill_null(False)
    if bad.any():
        row = first_row(bad)
        message = f"Weights must be 0 or more, but {column.name!r} is {column[row - 1]!r} in row {row}."
        raise InputError("bad_weight", message, place(source, column.name, row), hint)
    if not numbers.sum():
        raise InputError("bad_weight", f"The weights {column.name!r} are all zero.", where, hint)


def class_labels(column: pl.Series) -> list[bool | int | float | str]:
    """A target's different labels in their own type and order.

    Of text that is one and the same label, such as ``1`` and ``1.0``, the first by the alphabet stands for all.

    >>> class_labels(pl.Series([2, 10, 2])), class_labels(pl.Series(["b", "a"]))
    ([2, 10], ['a', 'b'])
    """
    labels = column.unique().sort()
    if labels.dtype != pl.String:
        return list(labels)
    return list(labels.filter(as_words(labels).is_first_distinct()))
