"""Levels that the reference has none of: more current rows in such levels than chance puts there."""

from __future__ import annotations

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples import together
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "current rows in levels that the reference has none of"


def run(samples: TwoSamples) -> Found:
    """One test a column: the number of current rows in new levels, against random tables with the same margins.

    A rare level is on one side only by chance, too; so a few new ones among many rare levels are no drift.

    Raises:
        NotApplicable: there is no column of levels.
    """
    columns = samples.of_kind("category", "boolean")
    if not columns:
        raise NotApplicable("there is no column of categories")
    if len(columns) >= together.FROM_COLUMNS:
        name = "rows of new levels by permutation of all columns"
        return together.test(samples, columns, together.unseen, name, "new_categories")
    most = samples.draws(len(columns))
    tests = []
    for number, column in enumerate(columns):
        levels = samples.levels(column)
        there = levels >= 0
        table = CountTable.of(levels[there], samples.is_current[there])
        rows = float(table.unseen(table.current))
        draw = samples.generator("new_categories", number)
        p_value = table.p_value(table.unseen, draw, most) if rows else 1.0
        tests.append(Tested(column.name, "rows of new levels by permutation", rows, p_value))
    return Found(tuple(tests))
