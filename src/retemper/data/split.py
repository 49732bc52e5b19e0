"""Rows to train, validation and a sealed test: stratified, random, by group, or by time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.errors import InputError
from retemper.core.recipe_sections import SplitOptions
from retemper.core.seeds import generator
from retemper.data.cells import as_words
from retemper.data.read import Table
from retemper.data.schema import Schema
from retemper.data.whole_units import by_group, by_time, groups_of, times_of

Rows = NDArray[np.int64]
MOST_VALIDATION_ROWS = 50_000
"""More would judge no better, and cost their forward pass in every epoch; they train instead."""
MOST_VALIDATION_CELLS = 1 << 24
"""Validation rows × classes, at most: each network keeps a probability for each of them."""


@dataclass(frozen=True)
class Splits:
    """Which rows train, which validate, and how many are sealed for the test.

    ``train`` and ``validation`` are sorted row numbers from 0. The test's rows are handed out once, by
    :meth:`open_test`; ``tests_read`` says how often that happened.

    >>> splits = Splits.seal(np.arange(6), np.arange(6, 8), np.arange(8, 10), "random")
    >>> splits.n_test, splits.open_test().tolist(), splits.tests_read
    (2, [8, 9], 1)
    """

    train: Rows
    validation: Rows
    method: str
    n_test: int
    _test: list[Rows] = field(repr=False, compare=False)

    @classmethod
    def seal(cls, train: Rows, validation: Rows, test: Rows, method: str) -> Splits:
        """Splits with the test's rows sealed."""
        parts = [np.sort(rows).astype(np.int64) for rows in (train, validation, test)]
        for rows in parts:
            rows.setflags(write=False)
        return cls(parts[0], parts[1], method, len(parts[2]), [parts[2]])

    @property
    def tests_read(self) -> int:
        """0 while the test is sealed, 1 after it was opened."""
        return 0 if self._test else 1

    def open_test(self) -> Rows:
        """The test's rows, once.

        Raises:
            RuntimeError: they were read before; a second look would make the test part of the training.
        """
        if not self._test:
            raise RuntimeError("the test rows were read before; they are read once")
        return self._test.pop()


def split(table: Table, schema: Schema, options: SplitOptions, seed: int, own_test_rows: int = 0) -> Splits:
    """Split a table's rows; the same seed gives the same rows.

    - ``stratified``: each class has the same share in every part, to within a row.
    - ``random``: every row alike; a class that would not train gives its rows back to training.
    - ``group``: rows of one group stay together; shares hold as well as whole groups allow.
    - ``time``: oldest rows train, newest rows test; equal times stay together, so shares hold approximately.
    - ``auto``: group or time where such a column is named, else stratified for classes, else random.

    Args:
        table: all rows, the user's own test rows last.
        schema: of the table.
        options: method and shares. With own test rows, ``validation`` is a share of the other rows; it is at most
            50,000 rows in any case, and fewer with more than 335 classes.
        seed: 0 or more.
        own_test_rows: how many rows at the table's end are the test; 0 takes the test from the table.

    Returns:
        Disjoint parts that cover all rows, none of them empty; every class is in training.

    Raises:
        InputError: ``bad_split`` (shares or method don't fit), ``too_few_rows``, ``too_few_groups``,
            ``missing_group``, ``missing_time``, ``too_few_times``, ``class_not_in_train``.

    >>> from retemper.core.recipe_sections import DataOptions
    >>> from retemper.data.read import read
    >>> from retemper.data.schema import infer
    >>> table = read({"size": [1.5 * i for i in range(30)], "y": ["a", "b"] * 15})
    >>> splits = split(table, infer(table, DataOptions(target="y")), SplitOptions(), seed=0)
    >>> splits.method, len(splits.train), len(splits.validation), splits.n_test
    ('stratified', 20, 4, 6)
    """
    method = _method(schema, options, table.source)
    test_share = 0.0 if own_test_rows else options.test
    rows = table.frame.height - own_test_rows
    most = min(MOST_VALIDATION_ROWS, MOST_VALIDATION_CELLS / max(1, len(schema.classes)))
    validation = min(options.validation, most / max(1, rows))
    shares = np.array([1 - options.validation - test_share, options.validation, test_share])
    if shares[0] <= 0:
        raise InputError(
            "bad_split",
            f"validation + test < 1 must hold, but got {options.validation} + {options.test}.",
            {"file": table.source, "option": "split"},
            "Leave most rows to training, for example split.validation=0.15 and split.test=0.2.",
        )
    shares[:2] += np.array([1, -1]) * (options.validation - validation)
    main = table.frame.head(table.frame.height - own_test_rows)
    parts = 2 if own_test_rows else 3
    if main.height < parts:
        raise _too_few(main.height, parts, table.source)
    part = _assign(main, schema, method, (shares[:parts], seed), table.source)
    if method == "random" and schema.task == "classification":
        part = _return_classes(main, schema, part)
    _check_classes(main, schema, part, table.source)
    if (np.bincount(part, minlength=parts) == 0).any():
        raise _too_few(main.height, parts, table.source)
    test = np.arange(main.height, table.frame.height) if own_test_rows else np.flatnonzero(part == 2)
    return Splits.seal(np.flatnonzero(part == 0), np.flatnonzero(part == 1), test, method)


def _too_few(rows: int, parts: int, source: str) -> InputError:
    return InputError(
        "too_few_rows",
        f"{rows} rows can't be split in {parts} parts with a row each.",
        {"file": source},
        "Give more rows, or larger shares for validation and test.",
    )


def _method(schema: Schema, options: SplitOptions, source: str) -> str:
    if options.method == "auto":
        if schema.group and schema.time:
            raise InputError(
                "bad_split",
                "Both a group and a time column are named, and rows can't be split by both.",
                {"file": source, "option": "split.method"},
                "Set split.method to group or to time.",
            )
        plain = "stratified" if schema.task == "classification" else "random"
        return "group" if schema.group else "time" if schema.time else plain
    needs = {
        "group": (schema.group, "a group column (--group)"),
        "time": (schema.time, "a time column (--time)"),
        "stratified": (schema.task == "classification", "classes: the target's task is classification"),
    }
    present, need = needs.get(options.method, (True, ""))
    if not present:
        raise InputError(
            "bad_split",
            f"split.method={options.method} needs {need}.",
            {"file": source, "option": "split.method"},
            "Name the column, or set split.method=auto.",
        )
    return options.method


def _assign(
    main: pl.DataFrame, schema: Schema, method: str, draw: tuple[NDArray[np.float64], int], source: str
) -> Rows:
    """The part of each row: 0 train, 1 validation, 2 test."""
    shares, seed = draw
    random = generator(seed, "split")
    if method == "time":
        assert schema.time is not None
        return by_time(times_of(main[schema.time], source), shares, source)
    if method == "group":
        assert schema.group is not None
        return by_group(groups_of(main[schema.group], source), shares, random, source)
    if method == "stratified":
        assert schema.target is not None
        return _stratified(_classes(main[schema.target.name])[0], shares, random)
    return _stratified(np.zeros(main.height, dtype=np.int64), shares, random)


def _stratified(labels: Rows, shares: NDArray[np.float64], random: np.random.Generator) -> Rows:
    """Within a random order of each class, the first rows validate and test, the rest train.

    How many of a class go to a part is rounded cumulatively over the classes, so that the parts' sizes are exact
    and each class is within a row of its share.
    """
    order = random.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ends = np.append(np.flatnonzero(np.diff(labels[order])) + 1, len(labels))
    counts = np.diff(ends, prepend=0)
    quota = np.diff(np.round(ends[:, None] * shares[1:]), axis=0, prepend=0).astype(np.int64)
    if not quota.sum(axis=0).all():
        quota[counts.argmax()] += quota.sum(axis=0) == 0
    part = np.zeros(len(labels), dtype=np.int64)
    for start, count, wanted in zip(ends - counts, counts, quota, strict=True):
        # A class always keeps a row for training; what it can't give, it does not give.
        given = np.minimum(np.cumsum(wanted[::-1])[::-1], count - 1)
        for which in range(1, len(shares)):
            part[order[start : start + given[which - 1]]] = which
    return part


def _classes(column: pl.Series) -> tuple[Rows, list[str]]:
    """The number of each row's class, from 0, and the classes as words in their order; each is spelt once."""
    cells = column.unique()
    words = as_words(cells)
    classes = words.unique().sort()
    rows = column.replace_strict(cells, words.cast(pl.Enum(classes)).to_physical(), return_dtype=pl.Int64)
    return rows.to_numpy(), classes.to_list()


def _return_classes(main: pl.DataFrame, schema: Schema, part: Rows) -> Rows:
    assert schema.target is not None
    labels = _classes(main[schema.target.name])[0]
    absent = np.setdiff1d(labels, labels[part == 0])
    return np.where(np.isin(labels, absent), 0, part)


def _check_classes(main: pl.DataFrame, schema: Schema, part: Rows, source: str) -> None:
    if schema.task != "classification" or schema.target is None:
        return
    labels, classes = _classes(main[schema.target.name])
    absent = np.bincount(labels[part == 0], minlength=len(classes)) == 0
    if not absent.any():
        return
    row = int(absent[labels].argmax()) + 1
    raise InputError(
        "class_not_in_train",
        f"The class {classes[labels[row - 1]]!r} has no row in training: all its rows fell to validation or test.",
        {"file": source, "column": schema.target.name, "row": row},
        "Give older rows or more groups of this class, or split with split.method=stratified.",
    )
