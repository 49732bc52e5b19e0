"""What samplers promise: learners beat random on known functions, even ones are even, draws fit their law."""

import math

import numpy as np
import pytest
from scipy.stats import kstest, qmc, wilcoxon

from retemper.search.samplers import gp, quasi_random, random, tpe
from retemper.search.space import Condition, Interval, Space, Words

PLANE = Space({"x": Interval(-5.0, 10.0), "y": Interval(0.0, 15.0)})
CUBE = Space({f"x{k}": Interval(0.0, 1.0) for k in range(6)})
MIXED = Space(
    {
        "kind": Words(("a", "b")),
        "rate": Interval(1e-4, 1.0, log=True),
        "size": Interval(1, 8, integer=True),
        "extra": Interval(0.0, 1.0),
    },
    {"extra": Condition("kind", ("b",))},
)
# Hartmann's function in six dimensions (Dixon & Szegö 1978).
HEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
WIDTHS = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
PLACES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(v):
    """Branin's function, above its minimum."""
    x, y = v["x"], v["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def hartmann(v):
    """Hartmann's function, above its minimum."""
    x = np.array([v[f"x{k}"] for k in range(6)])
    return 3.32237 - float(HEIGHTS @ np.exp(-(WIDTHS * (x - PLACES) ** 2).sum(axis=1)))


def mixed(v):
    """A rate, a whole number, and a choice of which one has an option of its own."""
    own = 0.5 if v["kind"] == "a" else 2 * (v["extra"] - 0.7) ** 2
    return (math.log10(v["rate"]) + 2.3) ** 2 + 0.1 * abs(v["size"] - 5) + own + 1e-3


def best(sampler, space, function, seed, trials, batch):
    made, lowest, asked = sampler.build(sampler.Options(), space, seed, trials), math.inf, 0
    while asked < trials:
        for values in made.ask(min(batch, trials - asked)):
            loss = function(values)
            made.tell(values, loss, 1)
            lowest, asked = min(lowest, loss), asked + 1
    return lowest


@pytest.mark.parametrize(
    "sampler, space, function, seeds, trials, batch",
    [
        (tpe, PLANE, branin, 12, 96, 8),
        (tpe, CUBE, hartmann, 12, 48, 8),
        (tpe, MIXED, mixed, 12, 48, 8),
        (gp, PLANE, branin, 6, 28, 4),
    ],
    ids=["tpe-branin", "tpe-hartmann", "tpe-mixed", "gp-branin"],
)
def test_learners_beat_random(sampler, space, function, seeds, trials, batch):
    """By the ratio of what is missing to the minimum, seed by seed."""
    missing = [
        [best(own, space, function, seed, trials, batch) for seed in range(seeds)]
        for own in (random, sampler)
    ]
    ratios = np.log(missing[0]) - np.log(missing[1])
    assert wilcoxon(ratios, alternative="greater").pvalue < 0.05


@pytest.mark.parametrize("count", [24, 64])
def test_quasi_random_covers_better_than_random(count):
    space = Space({f"x{k}": Interval(0.0, 1.0) for k in range(4)})

    def discrepancy(sampler, seed):
        settings = sampler.build(sampler.Options(), space, seed, count).ask(count)
        return qmc.discrepancy(np.array([list(values.values()) for values in settings]))

    even = [discrepancy(quasi_random, seed) for seed in range(20)]
    drawn = [discrepancy(random, seed) for seed in range(20)]
    assert np.median(even) < np.median(drawn) / 2 and max(even) < min(drawn)


@pytest.mark.parametrize("sampler", [random, quasi_random])
def test_draws_are_even_on_the_scale_of_the_range(sampler):
    space = Space({"rate": Interval(1e-5, 1e-1, log=True), "share": Interval(-1.0, 3.0)})
    settings = sampler.build(sampler.Options(), space, 3, 600).ask(600)
    logs = [(math.log10(values["rate"]) + 5) / 4 for values in settings]
    assert kstest(logs, "uniform").pvalue > 0.01
    assert kstest([(values["share"] + 1) / 4 for values in settings], "uniform").pvalue > 0.01
    # The test would see an even rate: it is far from even in its logarithm.
    assert kstest([values["rate"] / 0.1 for values in settings], "uniform").pvalue < 1e-6


@pytest.mark.parametrize("sampler", [random, quasi_random])
def test_words_and_whole_numbers_come_equally_often(sampler):
    # A wide range beside them: a setting is named once, and there must be more than are asked for.
    space = Space(
        {"word": Words(("a", "b", "c")), "size": Interval(1, 4, integer=True), "x": Interval(0.0, 1.0)}
    )
    settings = sampler.build(sampler.Options(), space, 0, 600).ask(600)
    words = np.unique([values["word"] for values in settings], return_counts=True)[1]
    sizes = np.unique([values["size"] for values in settings], return_counts=True)[1]
    assert len(words) == 3 and abs(words - 200).max() < 50
    assert len(sizes) == 4 and abs(sizes - 150).max() < 50
