"""The model's answers: what it predicts, tested as the columns that matter most."""

from __future__ import annotations

import numpy as np

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.drift import mmd
from retemper.retraining.two_samples import kolmogorov, shares
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "the model's predictions"


def run(samples: TwoSamples) -> Found:
    """Each class's probability by Kolmogorov and Smirnov (of two classes, the second's), the predicted class by
    chi-square, and all probabilities together by MMD; of a regression, the predicted value.

    Raises:
        NotApplicable: there is no model, or it can't predict these rows.
    """
    if samples.outputs is None:
        raise NotApplicable("there are no predictions of a model")
    outputs, names = samples.outputs, samples.output_names
    first = 1 if outputs.shape[1] == 2 else 0
    several = outputs.shape[1] > 2
    most = samples.draws(outputs.shape[1] + 2)
    tests = []
    for number in range(first, outputs.shape[1]):
        statistic, p_value = kolmogorov.test(outputs[:, number], samples.n_reference)
        tests.append(Tested(names[number], "Kolmogorov-Smirnov", statistic, p_value))
    if outputs.shape[1] > 1:
        table = CountTable.of(outputs.argmax(axis=1), samples.is_current)
        tests.append(Tested("prediction", *shares.test(table, samples.generator("predicted class"), most)))
    if several:
        rows, is_current = samples.sampled(mmd.MOST_ROWS)
        draw = samples.generator("predictions together")
        statistic, p_value = mmd.test(np.sqrt(outputs[rows]), is_current, draw, most)
        tests.append(Tested("probabilities", "MMD by permutation", statistic, p_value))
    return Found(tuple(tests))
