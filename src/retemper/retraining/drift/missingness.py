"""Missing cells: Fisher's exact test of each column's share of them."""

from __future__ import annotations

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples import fisher
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "the share of a column's missing cells"


def run(samples: TwoSamples) -> Found:
    """One test a column that misses any cell; its statistic is the current share less the reference's.

    Raises:
        NotApplicable: no cell is missing.
    """
    columns = [column for column in samples.columns if 0 < column.missing < samples.frame.height]
    if not columns:
        raise NotApplicable("no column has both missing and other cells")
    rows, n_current = samples.frame.height, samples.n_current
    tests = []
    for column in columns:
        missing = samples.frame[column.name].is_null().to_numpy()
        total, current = int(missing.sum()), int(missing[samples.is_current].sum())
        p_value = fisher.p_value(total, current, rows, n_current)
        difference = current / n_current - (total - current) / samples.n_reference
        tests.append(Tested(column.name, "Fisher's exact", difference, p_value))
    return Found(tuple(tests))
