"""What a search has learnt, on made-up losses whose analysis of variance is known."""

import math

import numpy as np
import pytest

from retemper.search.learnt import learnt
from retemper.search.space import Condition, Interval, Space, Words
from retemper.search.trials import Evaluation, Order, Trial

SPACE = Space(
    {
        "rate": Interval(1e-4, 1e-1, log=True),
        "width": Words((256, 16, 64, 32, 128)),
        "activation": Words(("relu", "gelu", "tanh")),
        "dropout": Interval(0.0, 0.5),
        "fixed": Words((1,)),
    }
)


def loss(values):
    """Variances .0405, .0136, .0022 and none: shares of .72, .24, .04 and 0."""
    rate = 0.3 * (math.log10(values["rate"]) + 2.5) ** 2
    return rate + 0.1 * max(0.0, 7 - math.log2(values["width"])) + 0.1 * (values["activation"] == "tanh")


def trial(number, values, *evaluations):
    return Trial(
        number,
        values,
        tuple(
            Evaluation(Order(number, values, epochs, tuple(range(len(own)))), dict(enumerate(own)))
            for epochs, own in evaluations
        ),
    )


def study(count, f=loss, noise=0.02, space=SPACE, seed=0):
    rng = np.random.default_rng(seed)
    settings = [space.at(rng.random(len(space))) for _ in range(count)]
    return [trial(k, v, (5, [f(v) + noise * rng.standard_normal()])) for k, v in enumerate(settings)]


def test_shares_are_those_of_the_function():
    found = learnt(SPACE, study(800), seed=0)
    share = {own.path: own for own in found.options}
    assert "fixed" not in share and found.explained > 0.9 and not found.left_out
    for path, known in (("rate", 0.72), ("width", 0.24)):
        assert share[path].share == pytest.approx(known, abs=0.04) and share[path].matters
        assert share[path].low < share[path].share < share[path].high
    assert not share["dropout"].matters and share["dropout"].share < 0.01
    assert found.options[0].path == "rate"
    best = share["rate"].curve.values[int(np.argmin(share["rate"].curve.loss))]
    assert 10**-2.8 < best < 10**-2.2


def test_a_flat_part_is_shown_and_only_there():
    share = {own.path: own for own in learnt(SPACE, study(800), seed=0).options}
    assert (share["width"].flat.side, share["width"].flat.value) == ("beyond", 128)
    assert share["rate"].flat is None

    def steep(values):
        return -math.log2(values["width"])

    assert all(own.flat is None for own in learnt(SPACE, study(300, steep), seed=0).options)


def test_pairs_are_told():
    space = Space({name: Interval(0.0, 1.0) for name in "abc"})

    def checkers(v):
        return float((v["a"] > 0.5) != (v["b"] > 0.5)) + 0.2 * v["c"]

    found = learnt(space, study(600, checkers, space=space), seed=0)
    first = found.pairs[0]
    assert first.paths == ("a", "b") and first.share > 0.8 and first.low > 0.5
    table = np.array(first.loss)
    assert table.shape == (12, 12) and table[0, 0] < table[0, -1] - 0.7 > table[-1, -1] - 0.7


@pytest.mark.parametrize("count", [27, 100])
def test_noise_is_not_explained(count):
    alarms = 0
    for seed in range(5):
        found = learnt(SPACE, study(count, lambda _: 0.0, noise=1.0, seed=seed), seed=seed)
        alarms += any(own.matters for own in found.options)
        assert found.options or "told from chance" in found.left_out[0]
    assert alarms == 0


def test_few_trials_are_not_explained():
    (said,) = learnt(SPACE, study(12), seed=0).left_out
    assert "20 trials" in said and "there are 12" in said
    assert learnt(SPACE, [], seed=0).options == ()


def test_one_loss_for_all_is_said():
    (said,) = learnt(SPACE, study(30, lambda _: 1.0, noise=0.0), seed=0).left_out
    assert "same loss" in said


def test_only_trainings_as_long_are_compared():
    """Of 60 trials 20 go on: all are compared after 1 epoch, whatever the later losses."""
    trials = study(60)
    began = [
        trial(own.number, own.values, (1, [own.loss]), *([(9, [-9.0])] if k < 20 else []))
        for k, own in enumerate(trials)
    ]
    found = learnt(SPACE, began, seed=0)
    plain = learnt(SPACE, trials, seed=0)
    assert (found.epochs, found.folds, found.trials) == (1, 1, 60)
    assert [own.share for own in found.options] == [own.share for own in plain.options]


def test_diverged_trials_count_as_the_worst():
    def cliff(values):
        return float("nan") if values["rate"] > 1e-2 else 0.1 + 0.01 * values["dropout"]

    found = learnt(SPACE, study(90, cliff, noise=0.001), seed=0)
    assert found.lost > 10 and found.options[0].path == "rate" and found.options[0].matters


def test_an_option_on_a_condition_is_judged_where_it_is_there():
    space = Space(
        {"optimizer": Words(("sgd", "adam")), "momentum": Interval(0.0, 1.0), "other": Interval(0.0, 1.0)},
        {"momentum": Condition("optimizer", ("sgd",))},
    )
    tried = study(300, lambda v: v.get("momentum", 0.0) ** 2 + 0.8 * (v["optimizer"] == "adam"), space=space)
    share = {own.path: own for own in learnt(space, tried, seed=0).options}
    assert share["momentum"].where == {"optimizer": ("sgd",)} and share["momentum"].share > 0.9
    assert share["momentum"].trials < 200 and share["optimizer"].where == {}
    few = learnt(space, tried[:24], seed=0)
    assert any("with optimizer sgd" in said for said in few.left_out)


def test_what_a_condition_rules_out_has_no_part_in_the_variance():
    """Of six optimizers two have a momentum: variances of 1/12 and, by the optimizer among these, .0225."""
    space = Space(
        {"optimizer": Words(tuple("abcdef")), "momentum": Interval(0.0, 1.0), "one": Interval(0.3, 0.3)},
        {"momentum": Condition("optimizer", ("a", "b"))},
    )
    tried = study(240, lambda v: v.get("momentum", 0.5) + 0.3 * (v["optimizer"] == "b"), space=space)
    found = learnt(space, tried, seed=0)
    (momentum,) = (own for own in found.options if own.path == "momentum")
    assert momentum.share == pytest.approx(0.79, abs=0.05) and momentum.high - momentum.low < 0.25
    assert all(own.path != "one" for own in found.options), "one value tells nothing"


def test_the_seed_alone_decides():
    trials = study(60)
    found = learnt(SPACE, trials, seed=3)
    assert found == learnt(SPACE, trials, seed=3) != learnt(SPACE, trials, seed=4)
