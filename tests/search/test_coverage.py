"""Do 95 % intervals of shares hold the true ones? Studies of 60 trials of functions whose analysis is known."""

import math

import numpy as np

from retemper.search.learnt import learnt
from retemper.search.samplers import quasi_random
from retemper.search.space import Interval, Space, Words
from retemper.search.trials import Evaluation, Order, Trial

REPEATS, TRIALS = 8, 60
SPACE = Space(
    {
        "rate": Interval(1e-4, 1e-1, log=True),
        "width": Words((16, 32, 64, 128)),
        "dropout": Interval(0.0, 0.5),
        "activation": Words(("relu", "gelu", "tanh")),
        "decay": Interval(1e-6, 1e-1, log=True),
    }
)


def places(values):
    rate, width = (math.log10(values["rate"]) + 4) / 3, (math.log2(values["width"]) - 4) / 3
    return rate, width, 2 * values["dropout"], SPACE["activation"].values.index(values["activation"]) / 2


def alike(values):
    """Four options matter about as much."""
    rate, width, dropout, word = places(values)
    return rate**2 + 0.8 * width + 0.6 * abs(dropout - 0.4) + 0.5 * word


def bowl(values):
    """The rate is nearly all."""
    rate, width, _, word = places(values)
    return 2 * (rate - 0.5) ** 2 + 0.25 * math.exp(-3 * width) + 0.05 * word


def shifted(values):
    """The best rate hangs on the width."""
    rate, width, dropout, _ = places(values)
    return 2 * (rate - 0.4 - 0.3 * width) ** 2 + 0.3 * (1 - width) + 0.4 * (dropout - 0.5) ** 2


def truth(function):
    """Each option's share of the variance, from 2¹³ evenly spread settings, and the standard deviation."""
    rows = quasi_random.build(quasi_random.Options(), SPACE, 0, 2**13).ask(2**13)
    y = np.array([function(values) for values in rows])
    shares = {}
    for path, axis in SPACE.items():
        ends = axis.values if isinstance(axis, Words) else None
        at = [ends.index(v[path]) if ends else min(int(40 * axis.share(v[path])), 39) for v in rows]
        shares[path] = (np.bincount(at, y) / np.bincount(at)).var() / y.var()
    return {path: share if share > 1e-3 else 0.0 for path, share in shares.items()}, y.std()


def study(function, noise, seed):
    rng = np.random.default_rng(seed)
    tried = quasi_random.build(quasi_random.Options(), SPACE, seed, TRIALS).ask(TRIALS)
    losses = [function(values) + noise * rng.standard_normal() for values in tried]
    return [
        Trial(k, values, (Evaluation(Order(k, values, 5, (0,)), {0: loss}),))
        for k, (values, loss) in enumerate(zip(tried, losses, strict=True))
    ]


def test_intervals_hold_the_true_shares():
    held = []
    for function in (alike, bowl, shifted):
        true, spread = truth(function)
        found = [learnt(SPACE, study(function, 0.2 * spread, seed), seed).options for seed in range(REPEATS)]
        assert all(len(options) == len(SPACE) for options in found)
        held += [own.low <= true[own.path] <= own.high for options in found for own in options]
        for path, share in true.items():
            own = [option for options in found for option in options if option.path == path]
            # Wide intervals would hold anything.
            assert np.mean([option.high - option.low for option in own]) < 0.15, path
            assert abs(np.mean([option.share for option in own]) - share) < 0.03, path
            assert share > 0.0 or sum(option.matters for option in own) <= 1, path
    assert np.mean(held) >= 0.9
