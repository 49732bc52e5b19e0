"""Columns of levels: Pearson's chi-square of each."""

from __future__ import annotations

from dataclasses import replace

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.data.schema import Column
from retemper.retraining.two_samples import shares, together
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "the shares of a column's levels"


def run(samples: TwoSamples) -> Found:
    """One test a column, of the cells that are not missing.

    The p-value is exact or comes from random tables with the same margins, not from the chi-square distribution, and
    so holds for 30 levels in 50 rows.

    Raises:
        NotApplicable: there is no column of levels.
    """
    columns = samples.of_kind("category", "boolean")
    if not columns:
        raise NotApplicable("there is no column of categories")
    pairs = [(column, table_of(samples, column)) for column in columns]
    empty = {
        column.name: ("reference", "current")[table.n.index(0)] for column, table in pairs if 0 in table.n
    }
    passed_over = tuple((name, f"every cell of the {side} rows is missing") for name, side in empty.items())
    if len(columns) >= together.FROM_COLUMNS:
        name = "chi-square by permutation of all columns"
        found = together.test(samples, columns, together.chi_square, name, "categories")
        return replace(found, passed_over=passed_over)
    most = samples.draws(len(columns))
    tests = []
    for number, (column, table) in enumerate(pairs):
        if column.name in empty:
            tests.append(Tested(column.name, "none", 0.0, 1.0))
            continue
        tests.append(Tested(column.name, *shares.test(table, samples.generator("categories", number), most)))
    return Found(tuple(tests), passed_over)


def table_of(samples: TwoSamples, column: Column) -> CountTable:
    """The counts of a column's levels, missing cells left out."""
    levels = samples.levels(column)
    there = levels >= 0
    return CountTable.of(levels[there], samples.is_current[there])
