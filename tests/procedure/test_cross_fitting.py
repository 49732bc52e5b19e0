"""Bags of networks, one for each fold: who judges what, and what comes out of it."""

import numpy as np
import pytest

from retemper.procedure import (
    calibrate,
    cross_fitting,
    ensemble,
    search_coarse,
    search_refine,
    test_once,
    train_long,
)
from retemper.procedure.book import bags_of
from retemper.procedure.contenders import EVERY
from retemper.procedure.cross_fitting import dealt, folds_for

FOLDED = {"procedure.folds": 3, "procedure.members": 6, "training.epochs": 3}


@pytest.fixture(scope="module")
def folded(bench, tables):
    """A run to its end, with two bags of three networks."""
    desk, state = bench(tables.three_classes(), changes=FOLDED)
    for step in (search_coarse, search_refine, train_long, ensemble, calibrate):
        state, _ = desk.do(step, state)
    return desk, state


def test_every_row_is_judged_once_by_a_network_that_has_not_seen_it(folded):
    _, state = folded
    rows = len(state.splits.train) + len(state.splits.validation)
    (bag, *_) = bags_of(state, state.long)
    judged = np.concatenate([state.fold_rows(network.member.held_out) for network in bag.networks])
    assert sorted(judged) == list(range(rows)) and bag.outputs.shape == (rows, 3)
    np.testing.assert_allclose(bag.outputs.sum(1), 1, atol=1e-5)
    assert np.isfinite(bag.loss)


def test_outputs_come_from_the_networks_that_hold_the_row_out(folded):
    """The bag's outputs are those of its networks, worked out again from their parameters."""
    from retemper.models.layers.build import network_of
    from retemper.training import losses
    from retemper.training.arrays import pooled
    from retemper.training.plan import predict

    _, state = folded
    arrays = state.ready[2]
    loss = losses.resolve(state.recipe.training.loss, state.task, 3)
    bag = bags_of(state, state.long)[0]
    for network in bag.networks:
        shape = network_of(network.model, arrays.shape, 3)
        outputs = predict(shape, network.fit.row[None], pooled(arrays).rows(), loss)[0].numpy()
        own = state.fold_rows(network.member.held_out)
        np.testing.assert_allclose(bag.outputs[own], outputs[own], atol=1e-6)


def test_bags_of_one_run_share_no_draw_of_the_folds(folded):
    _, state = folded
    repeats = {c.member.held_out // 3 for c in state.long}
    assert len(repeats) == len(bags_of(state, state.long)) == 2


def test_half_a_bag_is_no_bag(folded):
    _, state = folded
    assert bags_of(state, state.long[:2]) == []


def test_the_model_holds_all_networks_of_the_chosen_bags(folded):
    _, state = folded
    model = test_once.model_of(state)
    assert len(model.parts) == 3 * len(state.chosen)
    assert sum(part.weight for part in model.parts) == pytest.approx(1)
    (y, _), outputs = test_once.held_out_outputs(state)
    assert len(y) == len(outputs) == len(state.judges(EVERY)[0])


def test_where_folds_make_no_sense_the_validation_rows_judge(bench, tables):
    _, state = bench(tables.prices(), "price", changes={**FOLDED, "data.time": "day"})
    assert folds_for(state) == 0, "the newest rows judge"
    _, state = bench(tables.three_classes(), changes={**FOLDED, "procedure.folds": 0})
    assert folds_for(state) == 0 and dealt(state, 0).folds is None


def test_of_many_rows_and_classes_the_validation_rows_judge(bench, tables, monkeypatch):
    _, state = bench(tables.three_classes(), changes=FOLDED)
    rows = len(state.splits.train) + len(state.splits.validation)
    monkeypatch.setattr(cross_fitting, "FOLD_CELLS", 3 * rows)
    assert folds_for(state) == 3
    monkeypatch.setattr(cross_fitting, "FOLD_CELLS", 3 * rows - 1)
    assert folds_for(state) == 0, "a bag's probabilities would fill memory"


def test_groups_stay_together(bench, tables):
    _, state = bench(tables.three_classes(), changes={**FOLDED, "data.group": "home"})
    state = dealt(state, folds_for(state))
    rows = np.concatenate([state.splits.train, state.splits.validation])
    homes = state.table.frame["home"].to_numpy()[rows]
    for home in np.unique(homes):
        assert len(np.unique(state.folds[0][homes == home])) == 1
