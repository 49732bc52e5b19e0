"""Group means: smoothing, folds, and that no row tells its own target."""

import json

import numpy as np
import pytest

from retemper.data.features.goal import Goal
from retemper.data.features.group_means import GroupMeans

RANDOM = np.random.default_rng(11)
N, LEVELS = 4000, 200
CODES = RANDOM.integers(0, LEVELS, N)
NOISE = RANDOM.normal(size=(N, 1))


def _fit(y: np.ndarray, codes: np.ndarray = CODES) -> GroupMeans:
    return GroupMeans.fit(0, ["mean of y"], codes, LEVELS + 5, y)


def test_smoothing_is_that_of_the_variances() -> None:
    effects = RANDOM.normal(0, 2.0, LEVELS)
    y = effects[CODES][:, None] + 3 * NOISE + 100
    means = _fit(y).means[:, 0]
    rows, prior = np.bincount(CODES, minlength=LEVELS), y.mean()
    plain = np.bincount(CODES, y[:, 0], LEVELS) / rows
    expected = (rows * plain + 9 / 4 * prior) / (rows + 9 / 4)  # m = 3²/2²
    assert np.abs(means[:LEVELS] - expected).max() < 0.1
    assert (means[LEVELS:] == prior).all()


def test_where_levels_say_nothing_all_have_nearly_the_prior() -> None:
    means = _fit(NOISE + 5).means[:, 0]
    plain = np.bincount(CODES, NOISE[:, 0], LEVELS) / np.bincount(CODES, minlength=LEVELS)
    assert means.std() < 0.5 * plain.std() and means[-1] == pytest.approx(5, abs=0.1)


def test_a_row_never_tells_its_own_target() -> None:
    y = RANDOM.normal(size=(N, 1))
    fitted = _fit(y)
    changed = y.copy()
    changed[17] += 1e6
    before, after = fitted.out_of_fold(CODES, y), _fit(changed).out_of_fold(CODES, changed)
    assert before[17] == pytest.approx(after[17]) and not np.allclose(before, after)
    rare = np.arange(N)  # every row its own level
    alone = GroupMeans.fit(0, ["m"], rare, N, y)
    assert abs(np.corrcoef(alone.out_of_fold(rare, y)[:, 0], y[:, 0])[0, 1]) < 0.1
    inside = abs(np.corrcoef(_fit(y).apply(CODES)[:, 0], y[:, 0])[0, 1])
    assert inside > 0.15 > abs(np.corrcoef(before[:, 0], y[:, 0])[0, 1])


def test_out_of_fold_means_still_tell_what_levels_tell() -> None:
    effects = RANDOM.normal(size=LEVELS)
    y = effects[CODES][:, None] + 0.5 * NOISE
    assert np.corrcoef(_fit(y).out_of_fold(CODES, y)[:, 0], effects[CODES])[0, 1] > 0.97


def test_json_constant_targets_and_few_rows() -> None:
    for y in (np.full((N, 1), 3.0), NOISE):
        fitted = _fit(y)
        back = GroupMeans.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
        assert back.names == fitted.names and back.means.tobytes() == fitted.means.tobytes()
    assert (_fit(np.full((N, 1), 3.0)).means == 3.0).all()
    two = GroupMeans.fit(0, ["m"], np.array([0, 1]), 2, np.array([[1.0], [3.0]]))
    assert np.isfinite(two.out_of_fold(np.array([0, 1]), np.array([[1.0], [3.0]]))).all()


def test_what_is_averaged() -> None:
    values = np.array([0, 1, 2, 2, 2, 1])
    names, y = Goal("y", ("a", "b", "c"), values).columns(2)
    assert names == ["share of y=b", "share of y=c"] and y.sum(axis=0).tolist() == [2.0, 3.0]
    assert Goal("y", (), values * 1.5).columns(2)[0] == ["mean of y"]
