"""Outliers: the distance by its formula, and rows to leave out."""

import json

import numpy as np
import pytest

from retemper.core.prepare_options import PrepareOptions
from retemper.data.features.outliers import Bounds, isolated_by, outlying_by, outlying_rows

NORMAL = np.random.default_rng(2).normal(10, 2, size=(20_000, 1))


def test_the_distance_counts_standard_deviations_of_a_normal_column() -> None:
    bounds = Bounds.fit(NORMAL, 3.0)
    assert bounds.low.item() == pytest.approx(4, abs=0.1) and bounds.high.item() == pytest.approx(16, abs=0.1)
    assert bounds.beyond(NORMAL).mean() == pytest.approx(0.0027, abs=0.001)
    assert bounds.apply(np.array([[1e9], [-1e9], [10.0]])).ravel().tolist() == [
        bounds.high.item(),
        bounds.low.item(),
        10.0,
    ]


def test_outliers_do_not_move_the_bounds() -> None:
    spoilt = NORMAL.copy()
    spoilt[:200] = 1e6
    assert Bounds.fit(spoilt, 3.0).high.item() == pytest.approx(Bounds.fit(NORMAL, 3.0).high.item(), rel=0.02)


def test_no_outliers_among_mostly_equal_values_and_gaps() -> None:
    x = np.array([[0.0, np.nan]] * 90 + [[500.0, np.nan]] * 10)
    bounds = Bounds.fit(x, 3.0)
    assert not bounds.beyond(x).any() and bounds.apply(x).tobytes() == x.tobytes()
    back = Bounds.from_json(json.loads(json.dumps(bounds.to_json(), allow_nan=False)))
    assert back.low.tobytes() == bounds.low.tobytes() and back.high.tobytes() == bounds.high.tobytes()


def test_isolation_finds_rare_combinations_that_no_single_column_shows() -> None:
    random = np.random.default_rng(0)
    t = random.normal(size=(1000, 1))
    x = np.concatenate([t, t + random.normal(size=(1000, 1)) * 0.05], axis=1)
    x[:5] = [[2.0, -2.0]]
    assert not Bounds.fit(x, 8.0).beyond(x).any()
    found = isolated_by(x, 0.02)(x)
    assert found.sum() == 20 and found[:5].all()
    assert (isolated_by(x, 0.02)(x) == found).all()


def test_rows_by_the_options() -> None:
    x = np.concatenate([NORMAL[:500], [[1e5]]])
    assert np.flatnonzero(outlying_rows(x, PrepareOptions(outliers="drop"))).tolist() == [500]
    isolated = outlying_rows(x, PrepareOptions(outliers="isolation_forest", outlier_share=0.01))
    assert isolated.sum() == 5 and isolated[500]
    assert not isolated_by(nothing := np.empty((10, 0)), 0.5)(nothing).any()
    assert not isolated_by(x[:10], 0.05)(x[:10]).any()


@pytest.mark.parametrize("kind", ["drop", "isolation_forest"])
def test_other_rows_are_judged_one_by_one_by_what_was_fitted(kind: str) -> None:
    judge = outlying_by(NORMAL[:2000], PrepareOptions(outliers=kind, outlier_share=0.01))  # type: ignore[arg-type]
    others = np.concatenate([NORMAL[2000:2100], [[1e5]]])
    together = judge(others)
    assert together[-1] and together.sum() < 8
    assert [bool(judge(row[None])[0]) for row in others] == together.tolist()
