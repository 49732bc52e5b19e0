"""The target of rows that the model answers alike: concept shift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    """Labels (of a regression: residuals) against chance, within groups of rows that the model answers alike.

    Rows are grouped by predicted class and confidence, or by tenths of the predicted value. Within a group, sides are
    permuted, and Pearson's chi-square of side by label (by sixths of the residual) is summed over the groups. So a
    shift of the inputs alone, which moves rows from group to group, is none of the concept.

    A shift of the classes' shares alone (label shift) is the prior's, though it makes each answer a little wrong. So
    what is found must be there as well when the answers are corrected for the shares of today (Saerens et al. 2002).
    This can take an alarm back, never raise one.

    Raises:
        NotApplicable: there is no model or no target on both sides, or no group holds rows of both sides.
    """
    labelled = Labelled.of(samples)
    if labelled.outputs is None:
        raise NotApplicable("there are no predictions of a model to hold the target against")
    observed, p_value = _tested(samples, labelled, labelled.outputs)
    if p_value <= samples.alpha and labelled.codes is not None:
        corrected = _corrected(labelled.outputs, labelled.codes, labelled.is_current)
        p_value = max(p_value, _tested(samples, labelled, corrected)[1])
    return Found((Tested(labelled.name, "chi-square within groups of alike predictions", observed, p_value),))


def _tested(samples: TwoSamples, labelled: Labelled, outputs: Floats) -> tuple[float, float]:
    """Chi-square and p-value within groups of rows that these outputs answer alike."""
    if samples.task == "regression":
        values = outputs[:, 0]
        strata, cells = _parts(values, STRATA), _parts(labelled.values - values, RESIDUAL_CELLS)
    else:
        strata, cells = _answers(outputs), labelled.values.astype(np.int64)
    groups = [strata == stratum for stratum in np.unique(strata)]
    tables = [CountTable.of(cells[rows], labelled.is_current[rows]) for rows in groups]
    draw, most = samples.generator("concept"), samples.draws(1)
    return within_groups.chi_square(tables, draw, most)


def _corrected(outputs: Floats, codes: Counts, is_current: NDArray[np.bool_]) -> Floats:
    """Probabilities of current rows, times how much more of each class there is now."""
    shares = [
        np.bincount(codes[side & (codes >= 0)], minlength=outputs.shape[1]) + 1.0
        for side in (is_current, ~is_current)
    ]
    now, then = (own / own.sum() for own in shares)
    found = np.where(is_current[:, None], outputs * now / then, outputs)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


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
