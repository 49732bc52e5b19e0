"""Columns of levels: Pearson's chi-square of each, against random tables with the same margins."""

from __future__ import annotations

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "the shares of a column's levels"


def run(samples: TwoSamples) -> Found:
    """One test a column, of the cells that are not missing.

    The p-value comes from tables and not from the chi-square distribution, and so holds for 30 levels in 50 rows.

    Raises:
        NotApplicable: there is no column of levels.
    """
    columns = samples.of_kind("category", "boolean")
    if not columns:
        raise NotApplicable("there is no column of categories")
    most = samples.draws(len(columns))
    tests, passed_over = [], []
    for number, column in enumerate(columns):
        levels = samples.levels(column)
        there = levels >= 0
        table = CountTable.of(levels[there], samples.is_current[there])
        if 0 in table.n:
            side = ("reference", "current")[table.n.index(0)]
            passed_over.append((column.name, f"every cell of the {side} rows is missing"))
            tests.append(Tested(column.name, "none", 0.0, 1.0))
            continue
        p_value = table.p_value(table.chi_square, samples.generator("categories", number), most)
        statistic = float(table.chi_square(table.current))
        tests.append(Tested(column.name, "chi-square by permutation", statistic, p_value))
    return Found(tuple(tests), tuple(passed_over))
