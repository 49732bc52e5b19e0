"""Imputing: what is filled in, what stays, and the same bits from JSON and in any batch."""

import json

import numpy as np
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes the next import possible
from sklearn.impute import IterativeImputer
from sklearn.linear_model import Ridge

from retemper.data.features.impute import Imputer, Method

RANDOM = np.random.default_rng(5)
METHODS: tuple[Method, ...] = ("median", "mean", "constant", "iterative")


def _related(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Four columns of one hidden number, and the same with a fifth of two of them missing."""
    hidden = RANDOM.normal(size=(rows, 1))
    whole = hidden * [1.0, -30.0, 0.2, 5.0] + RANDOM.normal(size=(rows, 4)) * [0.1, 3.0, 0.02, 0.5] + 10
    gaps = whole.copy()
    gaps[RANDOM.random(rows) < 0.2, 1] = np.nan
    gaps[RANDOM.random(rows) < 0.2, 2] = np.nan
    return whole, gaps


def test_one_value_a_column() -> None:
    x = np.array([[1.0, np.nan], [2.0, np.nan], [6.0, np.nan], [np.nan, np.nan]])
    assert Imputer.fit(x, "median").apply(x)[3].tolist() == [2.0, 0.0]
    assert Imputer.fit(x, "mean").apply(x)[3].tolist() == [3.0, 0.0]
    assert Imputer.fit(x, "constant", -7.5).apply(x)[3].tolist() == [-7.5, -7.5]


def test_iterative_comes_as_near_as_scikit_learn() -> None:
    whole, gaps = _related()
    missing = np.isnan(gaps)
    spread = whole.std(axis=0)

    def error(filled: np.ndarray) -> float:
        return float(np.sqrt((((filled - whole) / spread)[missing] ** 2).mean()))

    reference = IterativeImputer(Ridge(alpha=1e-3), max_iter=20).fit_transform(gaps)
    ours = error(Imputer.fit(gaps, "iterative").apply(gaps))
    assert ours < 1.05 * error(reference) < 0.2 < error(Imputer.fit(gaps, "mean").apply(gaps))


@pytest.mark.parametrize("method", METHODS)
def test_same_bits_from_json_and_in_any_batch(method: Method) -> None:
    _, gaps = _related()
    imputer = Imputer.fit(gaps, method, 3.0)
    filled = imputer.apply(gaps)
    there = ~np.isnan(gaps)
    assert not np.isnan(filled).any() and filled[there].tobytes() == gaps[there].tobytes()
    back = Imputer.from_json(json.loads(json.dumps(imputer.to_json(), allow_nan=False)))
    assert back.apply(gaps).tobytes() == filled.tobytes()
    single = np.concatenate([imputer.apply(gaps[i : i + 1]) for i in range(len(gaps))])
    assert single.tobytes() == filled.tobytes()


def test_predictions_stay_in_the_training_range() -> None:
    whole, gaps = _related()
    imputer = Imputer.fit(gaps, "iterative")
    far = np.array([[1e6, np.nan, np.nan, -1e6]])
    filled = imputer.apply(far)
    low, high = np.nanmin(gaps, axis=0), np.nanmax(gaps, axis=0)
    assert (filled[0, 1:3] >= low[1:3] - 1e-9).all() and (filled[0, 1:3] <= high[1:3] + 1e-9).all()
    # A gap that training never had gets the mean.
    assert imputer.apply(np.array([[np.nan, *whole[0, 1:]]]))[0, 0] == imputer.fill[0]


def test_columns_without_spread_or_cells_do_no_harm() -> None:
    _, gaps = _related(60)
    x = np.column_stack([gaps, np.full(60, 7.0), np.full(60, np.nan)])
    x[::3, 4] = np.nan
    filled = Imputer.fit(x, "iterative").apply(x)
    assert np.isfinite(filled).all() and np.allclose(filled[:, 4], 7.0)


def test_wide_tables_have_a_bounded_number_of_regressions() -> None:
    x = RANDOM.normal(size=(100, 300))
    x[RANDOM.random(x.shape) < 0.1] = np.nan
    imputer = Imputer.fit(x, "iterative")
    assert len({step.column for step in imputer.steps}) == 64
    assert max(len(step.inputs) for step in imputer.steps) == 16
