"""Trials that differ in how columns become numbers are what runs of such a preparation train, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retemper.procedure.cross_fitting import dealt
from retemper.procedure.prepared_trials import PreparedTrials
from retemper.search.trials import Evaluation, Order

EPOCHS = 2


def trained(
    desk: Any, state: Any, folds: int, settings: list[dict[str, Any]]
) -> tuple[Any, list[Evaluation]]:
    held = tuple(range(folds)) or (-1,)
    trials = PreparedTrials(desk.book, dealt(state, folds), EPOCHS, folds)
    orders = [Order(number, values, EPOCHS, held) for number, values in enumerate(settings)]
    found = [own for batch in trials.evaluate(orders) for own in batch]
    return trials, sorted(found, key=lambda own: own.order.trial)


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        ("y", {"prepare.scaling": "zscore", "prepare.bins": 4}),
        ("y", {"training.loss.class_weights": "balanced"}),
        ("y", {"training.loss.name": "binary_cross_entropy"}),
        ("price", {"prepare.target": "log", "prepare.target_scaling": "robust"}),
    ],
)
def test_a_trial_is_what_a_run_of_its_preparation_trains(
    bench: Any, tables: Any, target: str, changes: dict[str, Any]
) -> None:
    frame = tables.two_classes(200) if target == "y" else tables.prices(200)
    desk, state = bench(frame, target)
    trials, (own, other) = trained(desk, state, 0, [{}, changes])
    other_desk, other_state = bench(frame, target, changes)
    _, (_, same) = trained(other_desk, other_state, 0, [{}, {}])
    assert other.losses == same.losses
    assert other.losses != own.losses
    (network,) = trials.networks(other)
    assert network.outputs.shape[0] == len(state.judges()[0])
    assert trials.state_of({}).data_folder == state.data_folder
    assert trials.state_of(changes).data_folder != state.data_folder


def test_what_the_target_tells_is_judged_in_the_same_folds(bench: Any, tables: Any) -> None:
    desk, state = bench(tables.two_classes(200))
    group_means = {"prepare.constructed": ["group_mean"]}
    trials, (own, other) = trained(desk, state, 2, [{}, group_means])
    assert trials.state_of(group_means).ready[0].told
    folds, base = trials.state_of(group_means).folds, trials.state_of({}).folds
    assert (folds[0] == base[0]).all()
    assert own.losses.keys() == other.losses.keys() == {0, 1}
    assert own.losses != other.losses


def test_outputs_have_the_scale_of_the_runs_own_target(bench: Any, tables: Any) -> None:
    desk, state = bench(tables.prices(200), "price")
    changes = {"prepare.target_scaling": "minmax"}
    trials, found = trained(desk, state, 0, [changes])
    ((outputs,), (network,)) = trials.outputs(found), trials.networks(found[0])
    target = trials.state_of(changes).ready[1]
    prices = target.unscale(network.outputs.astype(np.float64))
    np.testing.assert_allclose(state.ready[1].unscale(outputs[-1].astype(np.float64)), prices, rtol=1e-5)


def test_a_preparation_that_cant_be_made_is_the_error_of_its_trials(bench: Any, tables: Any) -> None:
    desk, state = bench(tables.two_classes(200))
    _, (own, other) = trained(desk, state, 0, [{}, {"training.loss.name": "huber"}])
    assert own.error is None
    assert other.error is not None
    assert other.error["code"] == "loss_mismatch"


def test_what_is_wrong_with_one_trial_is_not_said_of_those_prepared_alike(bench: Any, tables: Any) -> None:
    desk, state = bench(tables.two_classes(200))
    scaled = {"prepare.scaling": "zscore"}
    settings = [scaled | {"model.width": 0}, scaled | {"model.width": 16}, {"prepare.scaling": "no such"}]
    _, (bad, good, unknown) = trained(desk, state, 0, [*settings])
    assert good.error is None
    assert bad.error is not None and "model.width" in bad.error["message"]
    assert unknown.error is not None and "prepare.scaling" in unknown.error["message"]


def test_smoothing_of_numbers_is_refused_and_no_crash(bench: Any, tables: Any) -> None:
    desk, state = bench(tables.prices(200), "price")
    _, (own, other) = trained(desk, state, 0, [{}, {"training.loss.label_smoothing": 0.1}])
    assert own.error is None
    assert other.error is not None and other.error["code"] == "loss_mismatch"
