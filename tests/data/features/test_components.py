"""Components: scikit-learn's directions, gaps, and the same bits in any batch."""

import json

import numpy as np
from sklearn.decomposition import PCA

from retemper.data.features.components import Components

RANDOM = np.random.default_rng(17)
X = (RANDOM.uniform(-1, 1, (500, 2)) @ RANDOM.normal(size=(2, 5)) + RANDOM.normal(size=(500, 5)) * 0.01) * 50


def test_directions_are_those_of_scikit_learn() -> None:
    fitted = Components.fit(X, 2)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    z = z / np.sqrt(1 + (z / 3) ** 2)
    expected = PCA(2).fit_transform(z)
    assert np.abs(np.corrcoef(fitted.apply(X).T, expected.T)[:2, 2:]).round(6).tolist() == [[1, 0], [0, 1]]


def test_round_trip_and_rows_alone_give_the_same_bits() -> None:
    x = X.copy()
    x[RANDOM.random(x.shape) < 0.1] = np.nan
    fitted = Components.fit(x, 3)
    found = fitted.apply(x)
    assert np.isfinite(found).all() and found.shape == (500, 3)
    back = Components.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert back.apply(x).tobytes() == found.tobytes()
    assert np.concatenate([fitted.apply(x[i : i + 1]) for i in range(500)]).tobytes() == found.tobytes()


def test_no_more_components_than_columns_or_rows() -> None:
    assert len(Components.fit(X, 100).names) == 5
    assert len(Components.fit(X[:3], 100).names) == 3


def test_numbers_that_do_not_vary() -> None:
    fitted = Components.fit(np.column_stack([np.full(50, 3.0), np.full(50, np.nan)]), 2)
    assert fitted.apply(X[:4, :2]).shape == (4, 2)
