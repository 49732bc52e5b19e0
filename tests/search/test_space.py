"""Ranges and points: edges, even spread, repeatable."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retemper.search.samplers.quasi_random import Sampler
from retemper.search.space import Interval, Setting, Space, Words

RATE, SHARE, WIDTH = Interval(1e-4, 1e-1, log=True), Interval(0.0, 0.5), Words((64, 128, 256))
SPACE = Space({"rate": RATE, "dropout": SHARE, "width": WIDTH})


def quasi_random(space: Space, trials: int, seed: int) -> list[Setting]:
    return Sampler(space, seed, trials).ask(trials)


def test_intervals() -> None:
    assert (SHARE.at(0), SHARE.at(0.5), SHARE.at(1)) == (0.0, 0.25, 0.5)
    assert [RATE.at(share) for share in (0, 1 / 3, 1)] == pytest.approx([1e-4, 1e-3, 1e-1])


@pytest.mark.parametrize("axis", [RATE, SHARE])
def test_edges(axis: Interval) -> None:
    places = {0.0: "low", 0.09: "low", 0.11: None, 0.5: None, 0.89: None, 0.91: "high", 1.0: "high"}
    assert {share: axis.near_edge(axis.at(share)) for share in places} == places
    assert axis.near_edge(axis.at(0.3), share=0.4) == "low"


def test_words_divide_the_range_evenly() -> None:
    assert [WIDTH.at(share) for share in (0, 0.33, 0.34, 0.66, 0.67, 0.999, 1)] == [
        64, 64, 128, 128, 256, 256, 256
    ]  # fmt: skip


@pytest.mark.parametrize("trials", [16, 64])
def test_points_are_even_in_every_projection(trials: int) -> None:
    points = quasi_random(SPACE, trials, seed=3)
    rates = [math.log(point["rate"] / 1e-4) / math.log(1e3) for point in points]
    dropouts = [point["dropout"] / 0.5 for point in points]
    for shares in (rates, dropouts):
        cells = np.floor(np.array(shares) * trials).astype(int)
        assert sorted(cells) == list(range(trials)), "one point in each slice"
    quarters = np.histogram2d(rates, dropouts, bins=4, range=[[0, 1], [0, 1]])[0]
    assert quarters.min() == quarters.max() == trials / 16
    counts = [[point["width"] for point in points].count(width) for width in WIDTH.values]
    assert max(counts) - min(counts) <= 2


def test_points_follow_the_seed_alone() -> None:
    assert quasi_random(SPACE, 10, seed=1) == quasi_random(SPACE, 10, seed=1)
    assert quasi_random(SPACE, 10, seed=1) != quasi_random(SPACE, 10, seed=2)
    assert quasi_random(SPACE, 16, seed=1)[:10] == quasi_random(SPACE, 10, seed=1)
    assert len(quasi_random(SPACE, 1, seed=0)) == 1


@given(
    ends=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)),
    log=st.booleans(),
    share=st.floats(0, 1),
)
def test_a_value_is_found_again_at_its_share(ends: tuple[float, float], log: bool, share: float) -> None:
    axis = Interval(min(ends), max(ends), log=log)
    value = axis.at(share)
    assert axis.low <= value <= axis.high
    assert axis.at(axis.share(value)) == pytest.approx(value, rel=1e-9)


@given(low=st.integers(1, 50), count=st.integers(0, 50), log=st.booleans(), data=st.data())
def test_whole_numbers_are_found_again(low: int, count: int, log: bool, data: st.DataObject) -> None:
    axis = Interval(low, low + count, log=log, integer=True)
    value = data.draw(st.integers(low, low + count))
    assert axis.at(axis.share(value)) == value
    assert axis.near_edge(low) == (None if not count else "low")
    assert axis.near_edge(low + count) == (None if not count else "high")


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ({"low": 2, "high": 1}, "low <= high"),
        ({"low": 0, "high": 1, "log": True}, "low > 0"),
        ({"low": 0.5, "high": 2, "integer": True}, "whole numbers"),
        ({"low": 0, "high": math.inf}, "both finite"),
    ],
)
def test_impossible_intervals(ends: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Interval(**ends)
