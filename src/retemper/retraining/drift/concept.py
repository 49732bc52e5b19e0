"""The target of rows that the model answers alike: concept shift."""

from __future__ import annotations

import numpy as np

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.two_samples import within_groups
from retemper.retraining.two_samples.count_tables import Counts, CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.labelled import Labelled
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "concept"
ABOUT = "the target, given what the model predicts"
STRATA = 10
RESIDUAL_CELLS = 6


def run(samples: TwoSamples) -> Found:
    """One test: labels (of a regression: residuals) against chance, within groups of rows that the model answers alike.

    Rows are grouped by predicted class and confidence, or by tenths of the predicted value. Within a group, sides are
    permuted, and Pearson's chi-square of side by label (by sixths of the residual) is summed over the groups. So a
    shift of the inputs alone, which moves rows from group to group, is none of the concept; but a shift of the target's
    shares is one as far as the model's answer does not explain it.

    Raises:
        NotApplicable: there is no model or no target on both sides, or no group holds rows of both sides.
    """
    labelled = Labelled.of(samples)
    if labelled.outputs is None:
        raise NotApplicable("there are no predictions of a model to hold the target against")
    if samples.task == "regression":
        values = labelled.outputs[:, 0]
        strata, cells = _parts(values, STRATA), _parts(labelled.values - values, RESIDUAL_CELLS)
    else:
        strata, cells = _answers(labelled.outputs), labelled.values.astype(np.int64)
    groups = [strata == stratum for stratum in np.unique(strata)]
    tables = [CountTable.of(cells[rows], labelled.is_current[rows]) for rows in groups]
    draw, most = samples.generator("concept"), samples.draws(1)
    observed, p_value = within_groups.chi_square(tables, draw, most)
    return Found((Tested(labelled.name, "chi-square within groups of alike predictions", observed, p_value),))


def _parts(values: Floats, parts: int) -> Counts:
    """Parts of about equally many rows, by value."""
    edges = np.unique(np.quantile(values, np.arange(1, parts) / parts))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _answers(probabilities: Floats) -> Counts:
    """Groups of rows by their predicted class and parts of its probability."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    parts = max(1, STRATA // probabilities.shape[1])
    strata = np.zeros(len(predicted), dtype=np.int64)
    for label in np.unique(predicted):
        rows = predicted == label
        strata[rows] = label * parts + _parts(confidence[rows], parts)
    return strata
