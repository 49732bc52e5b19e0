"""The best trial of a search: repeats of the folds, the bag, and what its loss is worth."""

from dataclasses import replace

import numpy as np
import pytest

from retemper.core.errors import InputError
from retemper.procedure import search
from retemper.procedure.book import main_loss
from retemper.procedure.contenders import EVERY
from retemper.procedure.cross_fitting import dealt
from retemper.procedure.trial_choice import optimism_of
from retemper.search.trials import Evaluation, Order, Trial

SPACE = {"training.optimizer.learning_rate": [0.003, 0.03, 0.1], "model.dropout": [0.0, 0.3]}
TUNE = {
    "tune.space": SPACE,
    "tune.sampler": "grid",
    "tune.folds": 2,
    "tune.epochs": 4,
    "tune.trials": 6,
    "split.test": 0.2,
}


def classes(x, draw):
    return np.where(x[:, 0] + 0.5 * draw.normal(size=len(x)) > 0, "a", "b")


@pytest.fixture(scope="module")
def searched(bench, tables):
    changes = TUNE | {"tune.repeats": 2, "tune.fidelity": "halving"}
    desk, state = bench(tables.numbers_only(240, 0, classes), changes=changes)
    return desk.do(search, state)


def test_every_repeat_holds_out_every_row_once(searched):
    state, step = searched
    bag, _ = state.chosen[0]
    assert [own.member.held_out for own in bag.networks] == [0, 1, 2, 3]
    told = np.zeros((2, len(bag.outputs), 2))
    for own in bag.networks:
        told[own.member.held_out // 2, state.fold_rows(own.member.held_out)] = own.outputs
    assert np.allclose(told.mean(axis=0), bag.outputs, atol=1e-6) and not np.allclose(told[0], told[1])
    assert bag.loss == pytest.approx(main_loss(state, bag.outputs, EVERY))
    assert step.evidence["trials"][0]["folds"].keys() == {0, 1, 2, 3}


def test_the_correction_is_told(searched):
    state, step = searched
    found = step.evidence["optimism"]
    assert found["trials"] == 6 and found["apparent"] == pytest.approx(state.chosen[0][0].loss, rel=1e-6)
    assert found["low"] < found["loss"] < found["high"]
    assert found["amount"] == pytest.approx(found["loss"] - found["apparent"])
    assert f"expect {found['loss']:.4g}" in step.message


class MadeUp:
    """Networks that say .5 of every row but for noise of each trial's own, as strong at every epoch."""

    def __init__(self, state, trials, seed):
        draw = np.random.default_rng(seed)
        rows = state.folds.shape[1]
        share = 1 / (1 + np.exp(-draw.normal(size=(trials, rows))))
        self.state, self.said = state, np.stack([share, 1 - share], axis=2).astype(np.float32)

    def outputs(self, evaluations):
        return [
            {fold: self.said[own.order.trial][self.state.fold_rows(fold)] for fold in own.order.folds}
            for own in evaluations
        ]


def useless(state, source, trials, halved):
    """Trials by losses that are luck alone; ``halved``: only the best third trained on."""
    found = []
    for number in range(trials):
        asked = Evaluation(_asked(number, 1))
        losses = {f: main_loss(state, said, f) for f, said in source.outputs([asked])[0].items()}
        found.append(Trial(number, {}, (replace(asked, losses=losses),)))
    best = sorted(found, key=lambda trial: trial.loss)[: trials // 3 if halved else 0]
    return [
        trial.with_(Evaluation(_asked(trial.number, 3), trial.last.losses)) if trial in best else trial
        for trial in found
    ]


def _asked(number, epochs):
    return Order(number, {}, epochs, (0, 1))


@pytest.mark.parametrize("halved", [False, True])
def test_of_useless_trials_the_best_is_worth_what_any_is(bench, tables, halved):
    _, state = bench(tables.numbers_only(240, 0, classes), changes={"procedure.bootstrap": 200})
    state = dealt(state, 2)
    errors, flattered = [], []
    for seed in range(12):
        source = MadeUp(state, 30, seed)
        found = optimism_of(state, source, useless(state, source, 30, halved))
        others = useless(state, MadeUp(state, 60, 1000 + seed), 60, False)
        any_of_them = np.mean([trial.loss for trial in others])
        errors.append(found.loss - any_of_them)
        flattered.append(any_of_them - found.apparent)
    assert np.mean(flattered) > 0.06
    assert abs(np.mean(errors)) < 0.25 * np.mean(flattered), "also where few of the trials trained on"


def test_repeats_without_other_folds_are_refused(bench, tables):
    frame = tables.two_classes(300)
    changes = TUNE | {"tune.repeats": 2, "prepare.constructed": ["group_mean"], "prepare.one_hot_levels": 4}
    desk, state = bench(frame, changes=changes)
    assert state.ready[0].told
    with pytest.raises(InputError) as fault:
        desk.do(search, state)
    assert fault.value.code == "one_draw_of_folds"


@pytest.mark.parametrize("changes", [{"tune.folds": 1}, {"tune.folds": 0, "tune.repeats": 2}])
def test_folds_that_make_no_sense_are_refused(recipe_of, changes):
    with pytest.raises(InputError) as fault:
        recipe_of("y", changes)
    assert "folds" in str(fault.value)
