"""A best value at an edge: found where it means something, widened within the option's own bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retemper.core.recipe import Recipe
from retemper.search.declared import Limits, option
from retemper.search.edges import Edge, edges_of, findings_of, outward, widened, wider
from retemper.search.space import Interval, Setting, Side, Space, Words
from retemper.search.trials import Evaluation, Order, Trial, ranked

RATE, DROPOUT, DEPTH = "training.optimizer.learning_rate", "model.dropout", "model.depth"
SPACE = Space(
    {
        RATE: Interval(1e-4, 1e-2, log=True),
        DROPOUT: Interval(0.0, 0.5),
        DEPTH: Interval(1, 4, integer=True),
        "training.batch_size": Words((32, 64)),
    }
)


def limits(path: str) -> Limits:
    return option(path, Recipe()).limits


def trial(number: int, values: Setting, loss: float) -> Trial:
    order = Order(number, values, epochs=3, folds=(-1,))
    return Trial(number, values, (Evaluation(order, {-1: loss}),))


def trials_of(loss: object, count: int = 32, seed: int = 0) -> list[Trial]:
    draw = np.random.default_rng(seed)
    points = [SPACE.at(draw.random(len(SPACE))) for _ in range(count)]
    return ranked(trial(k, point, loss(point)) for k, point in enumerate(points))  # type: ignore[operator]


def rate_counts(point: Setting) -> float:
    return -math.log(point[RATE])


def test_a_rate_that_wants_to_be_higher() -> None:
    (edge,) = (edge for edge in edges_of(SPACE, trials_of(rate_counts), limits) if edge.path == RATE)
    assert (edge.side, edge.trials) == ("high", 32)
    assert 0.63e-2 < edge.value <= 1e-2
    space = widened(SPACE, [edge], limits)
    assert space[RATE] == Interval(1e-4, 0.1, log=True)
    assert {path: axis for path, axis in space.items() if path != RATE} == {
        path: axis for path, axis in SPACE.items() if path != RATE
    }
    assert outward(space, [edge])[RATE] == Interval(1e-3, 0.1, log=True)


def test_few_trials_tell_nothing() -> None:
    assert edges_of(SPACE, trials_of(rate_counts, count=15), limits) == []
    assert edges_of(SPACE, [], limits) == []
    assert edges_of(SPACE, trials_of(lambda point: math.nan), limits) == []


def test_a_best_trial_that_the_other_good_ones_do_not_follow_is_luck() -> None:
    lucky = trials_of(lambda point: abs(math.log(point[RATE] / 1e-3)))
    at_the_end = trial(99, lucky[0].values | {RATE: 1e-2}, -1.0)
    assert RATE not in [edge.path for edge in edges_of(SPACE, ranked([*lucky, at_the_end]), limits)]


def test_options_without_effect_are_seldom_at_an_edge() -> None:
    draw = np.random.default_rng(1)
    found = [
        len(edges_of(SPACE, trials_of(lambda point: draw.random(), 64, seed), limits)) for seed in range(100)
    ]
    assert sum(found) / 200 < 0.1, "of two options that can be wider on either side, 200 in all"


def test_a_bound_of_the_options_own_is_no_edge() -> None:
    def loss(point: Setting) -> float:
        return float(point[DROPOUT] + point[DEPTH])

    assert edges_of(SPACE, trials_of(loss, count=64), limits) == []
    deeper = edges_of(SPACE, trials_of(lambda point: -point[DEPTH], count=64), limits)
    assert [(edge.path, edge.side, edge.value) for edge in deeper if edge.path == DEPTH] == [
        (DEPTH, "high", 4)
    ]
    assert widened(SPACE, deeper, limits)[DEPTH] == Interval(1, 6, integer=True)


@given(
    low=st.floats(1e-3, 0.9),
    length=st.floats(0.01, 0.95),
    log=st.booleans(),
    side=st.sampled_from(["low", "high"]),
)
def test_a_wider_range_stays_within_the_bounds(low: float, length: float, log: bool, side: str) -> None:
    axis = Interval(low, min(low + length, 0.99), log=log)
    bounds = Limits(0.0, 1.0, high_is_in=False)
    wide = wider(axis, side, bounds)  # type: ignore[arg-type]
    assert 0.0 <= wide.low <= axis.low
    assert axis.high <= wide.high < 1.0
    assert (wide.low == axis.low) or (wide.high == axis.high)


@pytest.mark.parametrize(
    ("best", "verdict", "said"),
    [(0.05, "kept", "the best is 0.05"), (0.009, "reverted", "nothing better was found beyond it")],
)
def test_what_became_of_it(best: float, verdict: str, said: str) -> None:
    edge = Edge(RATE, "high", 0.009, Interval(1e-4, 1e-2, log=True), 32, 0.9)
    first, last = trial(0, {RATE: 0.009}, 0.5), trial(1, {RATE: best}, 0.4)
    (found,) = findings_of([edge], first, last, widened(SPACE, [edge], limits))
    assert found.code == "edge_of_range"
    assert found.outcome is not None
    assert (found.outcome.verdict, found.outcome.before, found.outcome.after) == (verdict, 0.5, 0.4)
    assert said in found.message
    (left,) = findings_of([edge], first, first, SPACE)
    assert left.outcome is not None
    assert left.outcome.verdict == "not_tried"
    assert "a wider range may gain" in left.message


@pytest.mark.parametrize(
    ("axis", "side", "bounds", "ends"),
    [
        (Interval(1, 2, integer=True), "high", Limits(low=1), (1, 3)),  # half of the range is half a number
        (Interval(1, 4, integer=True), "low", Limits(low=0, low_is_in=False), (1, 4)),  # 0 is no value
        (Interval(3, 4, integer=True), "low", Limits(low=0, low_is_in=False), (2, 4)),
        (Interval(2, 5, integer=True), "high", Limits(high=6, high_is_in=False), (2, 5)),
        (Interval(1, 16, log=True, integer=True), "low", Limits(low=0), (1, 16)),  # 0 has no logarithm
        (Interval(2, 32, log=True, integer=True), "high", Limits(), (2, 128)),
    ],
)
def test_whole_numbers_grow_by_whole_numbers_that_the_option_takes(
    axis: Interval, side: Side, bounds: Limits, ends: tuple[int, int]
) -> None:
    wide = wider(axis, side, bounds)
    assert (wide.low, wide.high) == ends and type(wide.low) is type(wide.high) is int
