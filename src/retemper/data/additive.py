"""A linear classifier whose columns are curved one by one: what a table says without interactions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, QuantileTransformer, StandardScaler

Floats = NDArray[np.float64]

QUANTILES, FARTHEST = 100, 2.5
RARE = 5
"""Levels of fewer rows share one column."""
STRENGTH = 0.02
"""scikit-learn's C: strong, for wrong labels must not be learnt one by one."""
TOLERANCE, ITERATIONS = 1e-3, 500


def additive_classifier(rows: int, numbers: int, levels: int) -> Any:
    """Logistic regression on normal scores z of the numbers, their curves z² − 1 and z³ − 3z, and one-hot levels.

    Args:
        rows: that it will be fitted on.
        numbers: the first columns, NaN where missing.
        levels: the columns after them, codes.

    Returns:
        An unfitted pipeline.

    >>> x = np.linspace(-1, 1, 2000)[:, None]
    >>> inside = (np.abs(x[:, 0]) < 0.5).astype(int)
    >>> bool(additive_classifier(2000, 1, 0).fit(x, inside).score(x, inside) > 0.9)
    True
    """
    scores = QuantileTransformer(
        n_quantiles=min(QUANTILES, rows), output_distribution="normal", subsample=None
    )
    present = SimpleImputer(strategy="constant", fill_value=0.0)
    curves = make_pipeline(scores, present, FunctionTransformer(_curved))
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    columns = ColumnTransformer(
        [
            ("numbers", curves, list(range(numbers))),
            ("levels", one_hot, list(range(numbers, numbers + levels))),
        ]
    )
    learner = LogisticRegression(C=STRENGTH, tol=TOLERANCE, max_iter=ITERATIONS)
    return make_pipeline(columns, StandardScaler(with_mean=False), learner)


def _curved(z: Floats) -> Floats:
    near = z.clip(-FARTHEST, FARTHEST)
    return np.concatenate([near, near**2 - 1, near**3 - 3 * near], axis=1)
