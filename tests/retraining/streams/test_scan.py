"""The change point of a stream: where, how sure, and not where nothing changes."""

import numpy as np
import pytest
from scipy.stats import binomtest

import retemper
from retemper.core.errors import InputError
from retemper.retraining.streams.scan import _largest, _scanned, scan
from retemper.retraining.streams.season import without_season


def _stream(seed, rows=800, columns=3):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def _frame(values):
    return {f"c{k}": column for k, column in enumerate(values.T)}


@pytest.mark.parametrize("what", ["mean", "spread", "dependence"])
def test_a_change_is_found_where_it_lies(what):
    values = _stream(0)
    if what == "mean":
        values[500:, 1] += 1
    elif what == "spread":
        values[500:, 1] *= 3
    else:
        values[500:, 1] = values[500:, 0] + 0.5 * values[500:, 1]
    found = retemper.change_point(_frame(values))
    assert abs(found.row - 500) <= 25 and found.p_value <= 0.005
    assert "c1" in list(found.columns)[:2] and sum(found.columns.values()) == pytest.approx(1)


def test_without_a_change_p_values_are_honest():
    found = np.array([scan(_stream(seed, 400, 2), ("a", "b"), 10, seed, None).p_value for seed in range(150)])
    for level in (0.05, 0.3):
        assert binomtest(int((found <= level).sum()), 150, level).pvalue > 1e-3


def test_a_season_hides_the_change_until_it_is_taken_out():
    values = 0.3 * _stream(0, 1000, 1)
    values[:, 0] += 5 * np.sin(2 * np.pi * np.arange(1000) / 500)
    values[600:, 0] += 0.8
    assert abs(retemper.change_point(_frame(values), period=500).row - 600) <= 20
    assert abs(retemper.change_point(_frame(values)).row - 600) > 50


def test_a_season_with_a_broken_period_leaves_nothing():
    rows = np.arange(1000)
    waves = np.sin(2 * np.pi * rows / 36.525) + 0.5 * np.cos(4 * np.pi * rows / 36.525)
    assert np.abs(without_season(np.stack([waves, 2 + waves], axis=1), 36.525)).max() < 1e-9


def test_levels_and_gaps_are_columns_too():
    draws = np.random.default_rng(0)
    words = np.where(draws.random(600) < np.where(np.arange(600) < 400, 0.2, 0.8), "u", "v")
    numbers = draws.normal(size=600)
    numbers[::7] = np.nan
    found = retemper.change_point({"w": words, "n": numbers}, period=50)
    assert abs(found.row - 400) <= 15 and next(iter(found.columns)) == "w"


def test_the_scan_of_blocks_of_one_row_is_the_scan_of_rows():
    features = _stream(0, 300)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    assert _scanned(features[None], 1)[0] == pytest.approx(_largest(features)[1])


def test_the_seed_alone_fixes_it_and_it_becomes_json():
    one, two = (retemper.change_point(_frame(_stream(0)), seed=4) for _ in range(2))
    assert one == two and one.to_json()["row"] == one.row


@pytest.mark.parametrize(
    "options",
    [{"period": 2}, {"period": 801}, {"block": 0}, {"block": 81}, {"seed": -1}, {"leave_out": ("zz",)}],
)
def test_mistakes_are_refused(options):
    with pytest.raises(InputError):
        retemper.change_point(_frame(_stream(0)), **options)


def test_too_short_a_stream_is_refused():
    with pytest.raises(InputError, match="99 rows"):
        retemper.change_point(_frame(_stream(0, 99)))
