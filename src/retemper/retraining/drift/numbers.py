"""Columns with an order (numbers, dates, text by its length): Kolmogorov and Smirnov's test of each."""

from __future__ import annotations

import numpy as np

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples import kolmogorov
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "the distribution of a column with an order"


def run(samples: TwoSamples) -> Found:
    """One test a column, of the cells that are not missing.

    Raises:
        NotApplicable: no column has an order.
    """
    columns = samples.of_kind("number", "datetime", "text")
    if not columns:
        raise NotApplicable("there is no column of numbers, dates or text")
    tests, passed_over = [], []
    for column in columns:
        cells = samples.numbers(column)
        there = ~np.isnan(cells)
        n_reference = int(there[: samples.n_reference].sum())
        if n_reference in (0, int(there.sum())):
            side = "reference" if n_reference == 0 else "current"
            passed_over.append((column.name, f"every cell of the {side} rows is missing"))
            continue
        statistic, p_value = kolmogorov.test(cells[there], n_reference)
        tests.append(Tested(column.name, "Kolmogorov-Smirnov", statistic, p_value))
    # A column that can't be tested counts as one that shows nothing: which do must not depend on the sides.
    tests += [Tested(name, "none", 0.0, 1.0) for name, _ in passed_over]
    return Found(tuple(tests), tuple(passed_over))
