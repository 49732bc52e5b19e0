"""Relevance of columns, against scikit-learn and against noise; selection by it."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from retemper.data.features.goal import Goal, quantile_codes
from retemper.data.features.relevance import Information, by_information, by_permutation, sampled_rows
from retemper.data.features.select import selected

RANDOM = np.random.default_rng(13)
N = 2000
X = RANDOM.normal(size=(N, 6))
NONE = np.zeros((N, 0), dtype=np.int64)
OWNERS = [f"x{k}" for k in range(6)]


def test_information_is_scikit_learns_less_its_bias() -> None:
    a, b = RANDOM.integers(0, 7, N), RANDOM.integers(0, 4, N)
    b = np.where(RANDOM.random(N) < 0.3, a % 4, b)
    assert Information.of(a, b).nats == pytest.approx(mutual_info_score(a, b) - 6 * 3 / (2 * N))
    noise = [Information.of(RANDOM.integers(0, 33, N), b) for _ in range(200)]
    found = np.array([own.nats for own in noise])
    assert abs(found.mean()) < 1e-3 and found.std() == pytest.approx(noise[0].spread, rel=0.2)


def test_quantile_codes() -> None:
    codes = quantile_codes(np.concatenate([X[:, 0], [np.nan]]), 10)
    assert codes[-1] == 10 and codes[:-1].max() < 10 and (np.bincount(codes[:-1]) > N / 30).all()
    assert quantile_codes(np.array([0.0] * 90 + [1.0] * 10), 4).tolist() == [0] * 90 + [1] * 10
    tail = np.concatenate([np.zeros(900), RANDOM.exponential(size=100)])
    assert (
        len(np.unique(quantile_codes(tail, 16))) >= 8 and len(np.unique(quantile_codes(tail, 16)[:900])) == 1
    )
    assert quantile_codes(np.full(3, np.nan), 4).tolist() == [4, 4, 4]
    assert (quantile_codes(np.ones(5)) == quantile_codes(np.ones(5))[0]).all()


LEVELS = RANDOM.integers(0, 4, (N, 2))
Y = X[:, 1] + LEVELS[:, 0] + 0.5 * RANDOM.normal(size=N)
GOALS = [Goal("y", (), Y), Goal("y", ("a", "b"), (np.median(Y) < Y).astype(np.int64))]


@pytest.mark.parametrize("goal", GOALS)
def test_columns_that_tell_beat_noise(goal: Goal) -> None:
    scores, noise = by_information(X, LEVELS, goal)
    assert set(np.flatnonzero(scores > noise)) >= {1, 6} and (scores > 3 * noise)[[1, 6]].all()
    assert (scores > noise).sum() <= 4
    scores, best = by_permutation(X, LEVELS, goal)
    assert set(np.argsort(-scores)[:2]) == {1, 6} and (scores > best)[[1, 6]].all()


def test_columns_that_say_the_same_are_not_all_given_up() -> None:
    copies = X[:, [0]] + 0.3 * RANDOM.normal(size=(N, 6))
    x = np.concatenate([copies, RANDOM.normal(size=(N, 26))], axis=1)
    scores, best = by_permutation(x, NONE, Goal("y", (), X[:, 0] + 0.5 * RANDOM.normal(size=N)))
    assert (scores > best)[:6].sum() >= 4 and (scores > best)[6:].sum() <= 10


def test_permutation_sees_what_columns_tell_together() -> None:
    goal = Goal("y", ("a", "b"), ((X[:, 0] > 0) ^ (X[:, 3] > 0)).astype(np.int64))
    alone, noise = by_information(X, NONE, goal)
    assert (alone <= 1.5 * noise)[[0, 3]].all()
    assert selected(X, NONE, OWNERS, goal, "permutation", 2) == {"x0", "x3"}


def test_selection_by_count_by_noise_and_where_nothing_tells() -> None:
    goal = Goal("y", (), 2 * X[:, 2] + X[:, 5])
    assert selected(X, NONE, OWNERS, goal, "mutual_information", 1) == {"x2"}
    assert selected(X, NONE, OWNERS, goal, "mutual_information", 0) == {"x2", "x5"}
    owners = ["date"] * 3 + ["x3", "x4", "x5"]
    assert selected(X, NONE, owners, goal, "mutual_information", 0) == {"date", "x5"}
    noise = Goal("y", (), RANDOM.normal(size=N))
    assert len(selected(X, NONE, OWNERS, noise, "mutual_information", 0)) in (1, 6)


def test_few_levels_are_judged_by_their_own_noise() -> None:
    flag = RANDOM.integers(0, 2, (N, 1))
    y = RANDOM.normal(size=N) + 0.4 * flag[:, 0]
    scores, noise = by_information(X, flag, Goal("y", (), y))
    assert noise[6] < noise[:6].min() / 2 and scores[6] > noise[6]


def test_many_columns_and_gaps() -> None:
    x = np.concatenate([RANDOM.normal(size=(600, 299)), X[:600, :1]], axis=1)
    x[RANDOM.random(x.shape) < 0.1] = np.nan
    goal = Goal("y", (), X[:600, 0])
    levels = NONE[:600]
    scores, noise = by_information(x, levels, goal)
    assert scores.argmax() == 299 and scores[299] > noise[299] and (scores > noise).sum() <= 20
    scores, best = by_permutation(x, levels, goal)
    assert scores.argmax() == 299 and (scores > best).sum() <= 25


def test_sampled_rows_are_fixed_and_bounded() -> None:
    rows = sampled_rows(1_000_000, 50)
    assert len(rows) == 20_000 and (np.diff(rows) > 0).all() and (rows == sampled_rows(1_000_000, 50)).all()
    assert len(sampled_rows(1_000_000, 5000)) == 4000 and len(sampled_rows(1500, 10**6)) == 1500


def test_a_column_without_a_number_is_of_no_importance() -> None:
    x = np.column_stack([np.random.default_rng(3).normal(size=(600, 2)), np.full(600, np.nan)])
    scores, _ = by_permutation(x, np.zeros((600, 0), dtype=np.int64), Goal("y", (), x[:, 1]))
    assert scores.argmax() == 1
