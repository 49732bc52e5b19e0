"""Losses of trials that trained for different times, on one scale."""

import itertools
import math

from retemper.search.told import Known, Told, thinned


def told(losses: dict[str, dict[int, float]]) -> dict[str, float]:
    own = Told()
    for name, curve in losses.items():
        for epochs, loss in curve.items():
            own.add({"name": name}, loss, epochs)
    return {values["name"]: round(loss, 6) for values, loss in own.levelled()}


def test_whoever_stopped_early_gets_the_gain_of_those_who_went_on() -> None:
    found = told(
        {"a": {1: 0.9}, "b": {1: 0.6, 3: 0.4}, "c": {1: 0.7, 3: 0.5, 9: 0.2}, "d": {1: 0.8, 3: 0.45}}
    )
    # From 3 to 9 epochs −.3; from 1 to 3 the median of −.2, −.2 and −.35; and nobody is better than the best at 9.
    assert found == {"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.2}


def test_a_good_short_trial_is_before_a_bad_long_one() -> None:
    curves = {name: {1: 0.5 + k / 100, 9: 0.3 + k / 100} for k, name in enumerate("abcd")}
    found = told({"good": {1: 0.52}, "bad": {9: 0.36}, **curves})
    assert found["a"] < found["good"] < found["bad"]


def test_where_nobody_went_on_a_rung_comes_behind() -> None:
    found = told({"a": {1: 0.1}, "b": {1: 0.2}, "c": {9: 0.5}, "d": {9: 0.6}})
    assert list(found) == ["a", "b", "c", "d"]
    assert found == {"a": 0.6, "b": 0.7, "c": 0.5, "d": 0.6}


def test_failures_come_last_and_wild_losses_are_lowered() -> None:
    found = told({**{f"{k}": {1: float(k)} for k in range(9)}, "wild": {1: 1e9}, "lost": {1: math.nan}})
    assert found["8"] < found["wild"] < found["lost"] < 20
    assert found["0"] == 0.0 and found["8"] == 8.0
    assert told({"lost": {1: math.nan}, "late": {1: 0.1, 3: math.inf}}) == {}
    own = Told()
    for name, value in [("a", math.nan), ("b", 0.3)]:
        own.add({"name": name}, value, 1)
    assert own.sound == 1 and {"name": "a"} in own and {"name": "c"} not in own


def test_the_longest_training_counts_and_what_is_told_again_replaces() -> None:
    assert told({"a": {9: 0.3, 1: 0.9}, "b": {9: 0.5}}) == {"a": 0.3, "b": 0.5}
    own = Told()
    for value in (0.5, 0.4):
        own.add({"name": "a"}, value, 3)
    assert own.levelled() == [({"name": "a"}, 0.4)]


def test_thinned() -> None:
    known: Known = [({"k": k}, float((k * 37) % 100)) for k in range(100)]
    found = thinned(known, most=30, best=10)
    assert len(found) == 30 and found == [own for own in known if own in found]
    assert {loss for _, loss in found} >= set(map(float, range(10)))
    others = [values["k"] for values, loss in found if loss >= 10]
    assert min(others) < 5 and max(others) > 94
    assert max(b - a for a, b in itertools.pairwise(others)) < 12
    assert thinned(known[:30], most=30, best=10) == known[:30]
