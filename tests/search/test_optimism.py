"""Optimism of the best of N: what the correction must bring back."""

import numpy as np
import pytest

from retemper.search.optimism import optimism


def corrected(trials, rows, runs, true=lambda draw, trials: np.ones(trials), **options):
    """Apparent and corrected loss of the best trial, each less its true loss, and how often the interval covers it."""
    found = []
    for run in range(runs):
        draw = np.random.default_rng(run)
        means = true(draw, trials)
        shared = draw.exponential(size=rows) - 1
        losses = means[:, None] + 0.7 * shared + 0.7 * (draw.exponential(size=(trials, rows)) - 1)
        own = optimism(losses, seed=run, resamples=200, **options)
        best = means[losses.mean(axis=1).argmin()]
        found.append((own.apparent - best, own.loss - best, own.low <= best <= own.high))
    return np.array(found)


def test_of_useless_settings_the_best_is_no_better_than_any():
    found = corrected(trials=50, rows=200, runs=60)
    standard_error = found[:, 1].std() / np.sqrt(len(found))
    assert found[:, 0].mean() < -0.08, "what choosing flatters"
    assert abs(found[:, 1].mean()) < 3 * standard_error < 0.03
    assert found[:, 2].mean() > 0.9


def test_where_one_is_far_better_there_is_nothing_to_correct():
    def one_good(draw, trials):
        return np.r_[0.5, np.full(trials - 1, 1.5)]

    found = corrected(20, 200, 30, one_good)
    assert abs(found[:, 0] - found[:, 1]).max() < 0.02


def test_one_trial_alone_was_not_chosen():
    losses = np.random.default_rng(0).exponential(size=(1, 500))
    found = optimism(losses)
    assert found.loss == pytest.approx(found.apparent, abs=0.01) and found.trials == 1
    standard_error = losses.std() / np.sqrt(500)
    assert (found.high - found.low) / (2 * 1.96 * standard_error) == pytest.approx(1.0, abs=0.15)


def test_weights_and_groups_count():
    draw = np.random.default_rng(1)
    losses = draw.exponential(size=(5, 40)).repeat(10, axis=1)
    group = np.arange(40).repeat(10)
    alone, together = optimism(losses), optimism(losses, group=group)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    weight = np.r_[np.ones(200), np.zeros(200)]
    assert optimism(losses, weight).apparent == pytest.approx(losses[:, :200].mean(axis=1).min())
    assert optimism(losses, weight, seed=1) == optimism(losses, weight, seed=1)


def test_of_squared_errors_it_is_the_root():
    losses = np.random.default_rng(2).exponential(size=(5, 100))
    plain, root = optimism(losses), optimism(losses, root=True)
    assert root.apparent == pytest.approx(plain.apparent**0.5) and root.high == pytest.approx(plain.high**0.5)
    assert root.amount == pytest.approx(root.loss - root.apparent)


def test_rows_of_one_group_tell_nothing() -> None:
    losses = np.random.default_rng(0).exponential(size=(5, 40))
    assert optimism(losses, group=np.zeros(40)) is None
    assert optimism(losses, group=np.arange(40) < 20) is not None
