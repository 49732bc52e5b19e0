"""Racing over folds: who is spared the rest of the folds, and how often that is wrong."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special

from retemper.core.errors import InputError
from retemper.evaluation.correction import holm
from retemper.search.fidelities import Extent, racing
from retemper.search.fold_test import far_behind, moderated
from retemper.search.journal import Journal
from retemper.search.study import Study
from retemper.search.trials import Evaluation, ranked


def table(draw, trials, folds, spread, noise=0.02):
    """Losses [trials, folds]: trial + fold + noise."""
    worse = np.abs(draw.normal(size=trials)) * spread
    return worse[:, None] + 0.1 * draw.normal(size=folds) + noise * draw.normal(size=(trials, folds)) + 1


def raced(losses, fails=(), repeats=1):
    """The study and the plan's course over a table of losses; ``fails``: trial and fold of trainings that crash."""
    asked = []

    def evaluate(orders):
        asked.append(list(orders))
        yield [
            Evaluation(o, error={"code": "training_crashed"})
            if any((o.trial, f) in fails for f in o.folds)
            else Evaluation(o, {f: losses[o.trial, f] for f in o.folds})
            for o in orders
        ]

    numbers = iter(range(len(losses)))
    sampler = SimpleNamespace(
        ask=lambda count: [{"trial": k} for _, k in zip(range(count), numbers, strict=False)],
        tell=lambda *told: None,
    )
    evaluator = SimpleNamespace(evaluate=evaluate, recall=lambda evaluations: None)
    study = Study(sampler, evaluator, Journal(None))
    extent = Extent(5, tuple(range(losses.shape[1])), 32, repeats)
    return study.run(racing.plan(racing.Options(), study, extent)), asked


def test_the_winner_of_all_folds_is_hardly_ever_spared():
    lost = spent = 0
    for seed in range(60):
        losses = table(np.random.default_rng(seed), 32, 5, spread=0.2)
        trials, asked = raced(losses)
        lost += ranked(trials)[0].number != losses.mean(axis=1).argmin()
        spent += sum(len(order.folds) for orders in asked for order in orders)
    assert lost <= 3, "alpha is 5 %"
    assert spent < 0.7 * 60 * 32 * 5, "but the bad ones are"


def test_few_are_spared_where_all_are_alike():
    spared = 0
    for seed in range(40):
        losses = table(np.random.default_rng(seed), 20, 2, spread=0.0)
        spared += far_behind(losses, 5).mean()
    assert spared / 40 < 0.05, "though the best of them was chosen for being lucky"


def test_the_folds_that_a_trial_was_spared_are_not_trained():
    losses = table(np.random.default_rng(3), 6, 4, spread=0.0)
    losses[4:] += 10
    losses[3, 0] = math.nan
    trials, asked = raced(losses)
    assert [order.folds for order in asked[0]] == [(0, 1)] * 6
    assert {order.trial for order in asked[-1]} == {0, 1, 2}
    assert [trial.last.order.folds for trial in trials] == [(0, 1, 2, 3)] * 3 + [(0, 1)] * 3
    assert ranked(trials)[0].number == losses[:3].mean(axis=1).argmin()


def test_a_later_batch_races_against_the_best_so_far():
    losses = table(np.random.default_rng(0), 33, 5, spread=0.0, noise=0.001)
    losses[32] += 5
    trials, _ = raced(losses)
    assert trials[32].last.order.folds == (0, 1), "alone in its batch, it meets the champion of the first"


def test_a_trial_that_fails_on_its_last_fold_has_failed():
    losses = table(np.random.default_rng(0), 4, 4, spread=0.0)
    losses[2] -= 0.5
    trials, _ = raced(losses, fails={(2, 3)})
    assert not trials[2].sound and trials[2].last.error
    assert ranked(trials)[-1].number == 2, "three of four folds are no whole training"


def test_folds_of_several_draws_share_as_many_rows_as_those_of_one():
    """20 folds are not 20 parts: the training rows of two folds of 5 differ by more than those of two of 20."""

    def spared(repeats):
        losses = [table(np.random.default_rng(seed), 12, 20, spread=0.02) for seed in range(10)]
        return sum(len(trial.last.order.folds) < 20 for own in losses for trial in raced(own, (), repeats)[0])

    assert spared(4) < spared(1)


def test_too_few_folds_are_refused():
    with pytest.raises(InputError) as fault:
        raced(np.ones((3, 2)))
    assert fault.value.code == "no_folds_to_race"


def test_variances_that_differ_by_chance_alone_are_taken_for_one():
    draw = np.random.default_rng(0)
    own, freedom = moderated(draw.chisquare(3, size=4000) / 3 * 0.5, 3)
    assert freedom > 60 and np.allclose(own, 0.5, rtol=0.2)


def test_variances_that_truly_differ_stay_apart():
    draw = np.random.default_rng(0)
    true = 4.0 / draw.chisquare(4.0, size=20000)
    own, freedom = moderated(true * draw.chisquare(3, size=20000) / 3, 3)
    assert freedom == pytest.approx(3 + 4, rel=0.15), "the degrees of freedom that they were drawn with"
    assert np.corrcoef(np.log(own), np.log(true))[0, 1] > 0.6


def test_one_fold_says_nothing_of_the_spread():
    assert not far_behind(np.array([[0.1], [5.0]]), 5).any()
    assert float(special.polygamma(1, 0.5)) > 4, "with one degree of freedom log variances scatter this much"


def test_adjusted_p_values_never_fall():
    p = np.random.default_rng(0).random(30) ** 3
    adjusted = holm(p)
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all() and (adjusted >= p).all() and adjusted.max() <= 1
