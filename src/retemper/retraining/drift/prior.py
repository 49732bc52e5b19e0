"""The target's own distribution: prior shift."""

from __future__ import annotations

from retemper.core.drift_records import Kind
from retemper.retraining.two_samples import kolmogorov, shares
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.labelled import Labelled
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "prior"
ABOUT = "the distribution of the target"


def run(samples: TwoSamples) -> Found:
    """One test: shares of classes by chi-square against random tables, values by Kolmogorov and Smirnov.

    Raises:
        NotApplicable: the target is not there on both sides.
    """
    labelled = Labelled.of(samples)
    if samples.task == "regression":
        n_reference = int((~labelled.is_current).sum())
        statistic, p_value = kolmogorov.test(labelled.values, n_reference)
        return Found((Tested(labelled.name, "Kolmogorov-Smirnov", statistic, p_value),))
    table = CountTable.of(labelled.values.astype("int64"), labelled.is_current)
    tested = shares.test(table, samples.generator("prior"), samples.draws(1))
    return Found((Tested(labelled.name, *tested),))
