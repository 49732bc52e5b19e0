"""Intervals of repeated cross-validation: repeats of the same rows are no new rows."""

import numpy as np
import pytest

from retemper.evaluation.intervals import scores
from retemper.evaluation.nested_scores import Repeat, nested_scores


def repeat(rows=200, seed=0, weight=None):
    draw = np.random.default_rng(seed)
    y = draw.normal(size=rows)
    return Repeat(np.arange(rows), y, y + 0.5 * draw.normal(size=rows), weight)


def test_repeats_of_the_same_outcome_narrow_nothing():
    once, thrice = (nested_scores("regression", [repeat()] * k, 5)["rmse"] for k in (1, 3))
    assert thrice.value == pytest.approx(once.value)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), rel=0.02)


def test_intervals_are_wider_than_those_of_a_fixed_model():
    own = repeat()
    plain = scores("regression", own.y, own.outputs, group=own.rows)["rmse"]
    found = nested_scores("regression", [own], 5)["rmse"]
    assert np.log(found.high / found.value) == pytest.approx(
        np.log(plain.high / plain.value) * 1.118, rel=1e-3
    )
    assert found.low < plain.low


def test_rows_of_a_group_vary_together():
    draw = np.random.default_rng(3)
    group = np.repeat(np.arange(20), 10)
    y = np.zeros(200)
    one = Repeat(np.arange(200), y, np.repeat(draw.normal(size=20), 10))
    apart, together = (nested_scores("regression", [one], 5, group=own)["rmse"] for own in (None, group))
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_weights_and_thresholds_count():
    y, p = np.array([0, 1] * 50), np.tile([[0.7, 0.3], [0.6, 0.4]], (50, 1))
    weight = np.where(y == 1, 3.0, 1.0)
    plain = Repeat(np.arange(100), y, p)
    assert nested_scores("classification", [plain], 5)["accuracy"].value == 0.5
    weighed = Repeat(np.arange(100), y, p, weight, called=np.ones(100, dtype=np.int64))
    found = nested_scores("classification", [weighed], 5)["accuracy"]
    assert found.value == 0.75 and 0 <= found.low < 0.75 < found.high <= 1
