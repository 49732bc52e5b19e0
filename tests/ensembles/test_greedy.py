"""Greedy selection: cases that can be done by hand, and what holds for any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.ensembles.greedy import greedy, select

Y = np.array([1.0, 2.0, 3.0])


def squared(mean: np.ndarray) -> float:
    return float(((mean - Y) ** 2).mean())


@pytest.mark.parametrize(
    ("errors", "picks"),
    [
        ([0.5], [0]),
        ([1.0, -1.0, 5.0], [0, 1]),
        ([3.0, 1.0, 2.0], [1]),  # all err the same way: the best alone
        ([1.0, 1.0, 1.0], [0]),  # a tie: the first
        ([1.0, -2.0], [0, 1, 0]),  # 1 + 1 − 2 = 0: picked twice
        ([-3.0, 1.0], [1]),  # the mean of both is as far off: one step ahead is all a greedy pass sees
        ([np.nan, 1.0, np.inf, -1.0], [1, 3]),  # networks that are lost
    ],
)
def test_by_hand(errors: list[float], picks: list[int]) -> None:
    assert greedy(Y + np.array(errors)[:, None], squared) == picks


def test_most_picks_bounds_the_pass() -> None:
    votes = np.stack([Y + 1, Y - 2])
    assert [greedy(votes, squared, most) for most in (1, 2, 9)] == [[0], [0, 1], [0, 1, 0]]


def problem(seed: int, networks: int, classes: int = 3, rows: int = 40) -> np.ndarray:
    """The probability that each network gives to each row's own class."""
    draw = np.random.default_rng(seed)
    return draw.dirichlet(np.ones(classes), (networks, rows))[:, :, 0]


def log_loss(mean: np.ndarray, rows: np.ndarray | None = None) -> float:
    return float(-np.log(np.clip(mean, 1e-12, None)).mean())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), networks=st.integers(1, 8))
def test_a_pass_is_never_worse_than_the_best_alone(seed: int, networks: int) -> None:
    votes = problem(seed, networks)
    picks = greedy(votes, log_loss)
    assert log_loss(votes[picks].mean(0)) <= min(map(log_loss, votes)) + 1e-12
    losses = [log_loss(votes[picks[: k + 1]].mean(0)) for k in range(len(picks))]
    assert losses == sorted(losses, reverse=True), "every pick lowers the loss"


@pytest.mark.parametrize("networks", [1, 2, 5, 12])
def test_weights_of_the_bags(networks: int) -> None:
    votes = problem(0, networks)
    chosen = select(votes, log_loss, seed=4, bags=6)
    numbers, weights = zip(*chosen, strict=True)
    assert set(numbers) <= set(range(networks)) and len(set(numbers)) == len(numbers)
    assert sum(weights) == pytest.approx(1) and list(weights) == sorted(weights, reverse=True)
    assert min(weights) > 0.01
    assert select(votes, log_loss, seed=4, bags=6) == chosen


def test_better_networks_weigh_more() -> None:
    y, draw = np.linspace(0, 1, 300), np.random.default_rng(0)
    votes = y + draw.normal(size=(6, 300)) * np.array([0.1, 0.1, 0.1, 1.0, 1.0, 3.0])[:, None]

    def loss(mean: np.ndarray, rows: np.ndarray) -> float:
        return float(((mean - y[rows]) ** 2).mean())

    weights = dict(select(votes, loss, seed=0))
    assert min(weights[number] for number in (0, 1, 2)) > 5 * max(weights.get(k, 0) for k in (3, 4, 5))
