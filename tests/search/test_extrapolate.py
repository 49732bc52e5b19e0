"""Extrapolated curves: ends that are told, curves of which nothing is said, trials that are stopped."""

import math

import numpy as np
import pytest

from retemper.search.extrapolate import Forecast, forecast, why_not
from retemper.search.fidelities import Extent, extrapolated
from retemper.search.journal import Journal
from retemper.search.samplers.random import Sampler
from retemper.search.space import Interval, Space
from retemper.search.study import Study
from retemper.search.trials import Evaluation, ranked

T = np.arange(1.0, 61.0)
LAWS = {
    "pow3": 0.2 + 0.8 * T**-0.7,
    "exp": 0.2 + 0.8 * np.exp(-0.15 * T),
    "mmf": (1.0 * 5 + 0.2 * T**1.2) / (5 + T**1.2),
    "log_power": 0.2 + 0.8 / (1 + (np.log1p(T) / 1.5) ** 3),
}


@pytest.mark.parametrize("law", LAWS)
def test_every_law_is_known_again(law):
    told = forecast(LAWS[law][:20], 60)
    assert isinstance(told, Forecast)
    assert told.loss == pytest.approx(LAWS[law][-1], abs=0.05)
    assert sum(told.weights.values()) == pytest.approx(1)


@pytest.mark.parametrize("law", LAWS)
def test_the_truth_lies_within_the_spread(law):
    outside = known = 0
    for seed in range(40):
        curve = LAWS[law] + 0.01 * np.random.default_rng(seed).normal(size=len(T))
        told = forecast(curve[:20], 60)
        if isinstance(told, Forecast):
            known += 1
            outside += abs(told.loss - LAWS[law][-1]) > 2 * told.spread
    assert known > 20 and outside <= 0.1 * known


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        (np.concatenate([LAWS["exp"][:15], LAWS["exp"][15] + 0.03 * np.arange(15)]), "rises"),  # overfitting
        (LAWS["exp"][:30] + 0.5 * np.exp(-(((T[:30] - 15) / 4) ** 2)), "rises"),  # double descent
        (np.random.default_rng(0).normal(size=20), "noise"),
        ([0.5] * 10, "flat"),
        ([0.5, 0.4], "fewer"),
        ([0.5, math.nan, 0.4, 0.3, 0.3, 0.2], "not finite"),
        (1 - 0.5 * np.arange(20) / 20, "bend"),  # a line may end anywhere
    ],
)
def test_nothing_is_said_of_curves_that_follow_no_law(curve, reason):
    assert reason in forecast(curve, 60)


def test_a_single_spike_is_no_rise():
    curve = LAWS["pow3"][:25].copy()
    curve[10] += 0.05
    assert why_not(curve) is None


def test_a_multiple_of_a_curve_ends_at_the_multiple():
    one, other = forecast(LAWS["mmf"][:20], 60), forecast(5 + 30 * LAWS["mmf"][:20], 60)
    assert other.loss == pytest.approx(5 + 30 * one.loss) and other.spread == pytest.approx(30 * one.spread)


class Made:
    """Trials whose curves fall to ``end``; one in five rises, late starters win."""

    def __init__(self):
        self.trained = {}

    def curve(self, order):
        end = order.values["end"]
        t = np.arange(1.0, order.epochs + 1)
        if order.trial % 5 == 4:
            return end + 0.5 + 0.02 * t
        return end + np.exp(-(0.1 + 0.2 * end) * t)

    def evaluate(self, orders):
        for order in orders:
            self.trained[order.trial] = order.epochs
        yield [
            Evaluation(o, {0: float(self.curve(o).min())}, {0: tuple(self.curve(o).tolist())}) for o in orders
        ]

    def recall(self, evaluations):
        pass


def test_who_cannot_win_is_stopped_and_the_best_is_not():
    evaluator = Made()
    study = Study(Sampler(Space({"end": Interval(0.1, 1.0)}), 0, 48), evaluator, Journal(None))
    trials = study.run(extrapolated.plan(extrapolated.Options(), study, Extent(60, (0,), 16)))
    falling = [trial for trial in trials if trial.number % 5 != 4]
    best = min(falling, key=lambda trial: trial.values["end"])
    assert ranked(trials)[0].number == best.number and evaluator.trained[best.number] == 60
    assert sum(evaluator.trained[trial.number] < 60 for trial in falling) > len(falling) / 2
    assert all(evaluator.trained[k] == 60 for k in range(4, 48, 5)), "of curves that rise nothing is said"
    assert min(evaluator.trained.values()) == 15


def test_a_lost_trial_goes_no_further():
    class Lost(Made):
        def evaluate(self, orders):
            for batch in super().evaluate(orders):
                yield [batch[0], *(Evaluation(own.order, {0: math.nan}, own.curves) for own in batch[1:])]

    evaluator = Lost()
    study = Study(Sampler(Space({"end": Interval(0.1, 1.0)}), 0, 4), evaluator, Journal(None))
    study.run(extrapolated.plan(extrapolated.Options(), study, Extent(20, (0,), 4)))
    assert evaluator.trained == {0: 20, 1: 5, 2: 5, 3: 5}


def test_a_curve_is_compared_with_curves_of_its_own_loss():
    """One loss is a tenth of the other: whoever has the larger one would be stopped for that alone."""

    class Named(Sampler):
        def __init__(self, trials):
            super().__init__(Space({"end": Interval(0.4, 1.0)}), 0, trials)

        def ask(self, count):
            return [own | {NAME: ("focal", "cross_entropy")[own["end"] > 0.6]} for own in super().ask(count)]

    class Scaled(Made):
        def curve(self, order):
            return super().curve(order) * (0.1 if order.values[NAME] == "focal" else 1.0)

    evaluator = Scaled()
    study = Study(Named(32), evaluator, Journal(None))
    study.run(extrapolated.plan(extrapolated.Options(), study, Extent(60, (0,), 16)))
    for name in ("focal", "cross_entropy"):
        falling = [t for t in study.trials.values() if t.values[NAME] == name and t.number % 5 != 4]
        best = min(falling, key=lambda trial: trial.values["end"])
        assert evaluator.trained[best.number] == 60
        assert any(evaluator.trained[trial.number] < 60 for trial in falling)


NAME = "training.loss.name"
