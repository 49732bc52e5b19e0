"""The model's answers: what it predicts, tested as the columns that matter most."""

from __future__ import annotations

import numpy as np

from retemper.core.drift_records import Kind
from retemper.core.records import NotApplicable
from retemper.retraining.drift import mmd
from retemper.retraining.two_samples import kolmogorov, shares
from retemper.retraining.two_samples.count_tables import CountTable
from retemper.retraining.two_samples.found import Found, Tested
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import TwoSamples

KIND: Kind = "covariate"
ABOUT = "the model's predictions"
PARTS = 4


def run(samples: TwoSamples) -> Found:
    """Of a regression the predicted value, of two classes the second's probability, by Kolmogorov and Smirnov.

    Of more classes there are four parts, each with a quarter of the family's chance of a false alarm: each class's
    probability, the largest probability (of blurred, turned, unheard-of rows the model is less sure, whichever class
    it takes them for), the predicted class by its shares, and all probabilities together by MMD. Of two classes the
    first and the third remain. So many classes leave room for what only one test sees.

    Raises:
        NotApplicable: there is no model, or it can't predict these rows.
    """
    if samples.outputs is None:
        raise NotApplicable("there are no predictions of a model")
    outputs, names = samples.outputs, samples.output_names
    classes = outputs.shape[1]
    values = list(zip(names, outputs.T, strict=True))[1 if classes == 2 else 0 :]
    tests = [_steps(name, cells, samples, "values") for name, cells in values]
    most = samples.draws(PARTS)
    if classes > 1:
        table = CountTable.of(outputs.argmax(axis=1), samples.is_current)
        found = shares.test(table, samples.generator("predicted class"), most)
        tests.append(Tested("prediction", *found, "predicted class"))
    if classes > 2:
        tests.append(_steps("largest probability", outputs.max(axis=1), samples, "confidence"))
        rows, is_current = samples.sampled(mmd.MOST_ROWS)
        draw = samples.generator("predictions together")
        statistic, p_value = mmd.test(np.sqrt(outputs[rows]), is_current, draw, most)
        tests.append(Tested("probabilities", "MMD by permutation", statistic, p_value, "together"))
    return Found(tuple(tests))


def _steps(name: str, cells: Floats, samples: TwoSamples, part: str) -> Tested:
    return Tested(name, "Kolmogorov-Smirnov", *kolmogorov.test(cells, samples.n_reference), part)
