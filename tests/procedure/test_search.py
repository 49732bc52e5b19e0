"""The search: what is tried, how it is ranked and stored, and what the time allows of it."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import optuna
import polars as pl
import pytest

from retemper.core.budget import Budget, now
from retemper.core.errors import InputError
from retemper.core.recipe import build
from retemper.procedure import search_coarse, search_refine, sequence, train_long
from retemper.procedure.contenders import Bag
from retemper.procedure.pace import Finished
from retemper.procedure.search_coarse import common_epochs, describe, rank, space_of
from retemper.procedure.train_long import adopt


def line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * draw.normal(size=len(x))


@pytest.fixture(scope="module")
def coarse(bench, tables):
    changes = {"search.widths": [8, 16], "search.trials": 6, "search.refine_rungs": 2, "training.epochs": 8}
    desk, state = bench(tables.numbers_only(200, 0, line), changes=changes)
    state, step = desk.do(search_coarse, state)
    return desk, state, step


@pytest.fixture
def searched(coarse):
    """A bench, the state after a coarse search over two widths, and its step."""
    desk, state, step = coarse
    return desk.copy(), state, step


def test_trials_are_ranked_and_the_better_go_on(searched):
    _, state, step = searched
    losses = [trial.fit.val_loss for trial in state.trials]
    assert losses == sorted(losses) and len(losses) == 6
    assert state.survivors == state.trials[:2]
    assert [row["kept"] for row in step.evidence["trials"]] == [True] * 2 + [False] * 4
    assert {trial.model["width"] for trial in state.trials} == {8, 16}
    assert step.evidence["best"]["val_loss"] == losses[0]


def test_a_coarse_trial_gets_enough_steps_to_tell(searched):
    _, state, _ = searched
    steps = math.ceil(len(state.splits.train) / state.recipe.training.batch_size)
    assert all(trial.fit.epochs * steps >= 60 for trial in state.trials)


def test_the_study_is_readable_by_optuna(searched):
    desk, state, _ = searched
    desk.book.aside.wait()
    study = optuna.load_study(
        study_name="search_coarse", storage=f"sqlite:///{desk.book.folder.path / 'trials.db'}"
    )
    assert len(study.trials) == 6
    assert study.best_value == pytest.approx(state.trials[0].fit.val_loss)
    assert study.best_params["learning_rate"] == pytest.approx(state.trials[0].member.learning_rate)
    assert set(study.best_params) == {
        "learning_rate",
        "weight_decay",
        "width",
        "periodic_frequencies",
        "dropout",
    }
    assert study.best_trial.user_attrs["main_metric"] > 0


def test_lost_networks_rank_last(candidate, searched):
    _, state, _ = searched
    first = state.trials[0]
    lost = replace(first, fit=replace(first.fit, val_loss=math.nan), id=1)
    assert sorted([lost, *state.trials], key=rank)[-1] is lost


def test_networks_that_a_deadline_cut_short_are_compared_after_as_many_epochs(searched):
    _, state, _ = searched
    early, late = (
        replace(trial, fit=replace(trial.fit, val_loss=losses[-1], history=history(losses, steps)))
        for trial, losses, steps in zip(
            state.trials[:2], ([0.5, 0.4, 0.1], [0.45, 0.3, 0.2]), ([10, 20, 30], [10, 20, 24]), strict=True
        )
    )
    assert rank(early) < rank(late)
    assert common_epochs([early, late]) == 2, "the third epoch of one was ended in its midst"
    assert rank(late, 2) < rank(early, 2)
    begun = replace(late, fit=replace(late.fit, history=history([0.9], [3])))
    assert common_epochs([early, begun]) == 0
    lost = replace(late, fit=replace(late.fit, history=history([math.nan] * 2, [10, 20])))
    assert rank(early, 2) < rank(lost, 2)


def history(losses, steps):
    return [{"step": s, "val_loss_calibrated": loss} for s, loss in zip(steps, losses, strict=True)]


def test_the_rates_follow_the_range_where_there_is_one(searched):
    _, state, _ = searched
    own = space_of(state)["learning_rate"]
    assert (own.low, own.high) == pytest.approx((3e-4, 1e-2)), "around the recipe's own .001"
    sgd = state.with_(recipe=state.recipe.with_changes({"training.optimizer": "sgd"}))
    assert space_of(sgd)["learning_rate"].high == pytest.approx(0.5)
    found = space_of(state.with_(rate_range=(1e-4, 0.06)))["learning_rate"]
    assert found.high == pytest.approx(0.06) and found.low == pytest.approx(0.002)
    wild = space_of(state.with_(rate_range=(1e-4, 1.0)))["learning_rate"]
    assert wild.high == 0.3


def test_a_linear_model_has_no_width_to_search(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line), changes={"model": "linear"})
    assert set(space_of(state)) == {"learning_rate", "weight_decay", "periodic_frequencies"}
    state, step = desk.do(search_coarse, state)
    assert len(state.trials) == 4 and "width" not in step.message


def test_the_edge_of_the_space_is_told(searched):
    _, state, step = searched
    space = space_of(state)
    best = state.trials[0]
    at = replace(
        best, fit=replace(best.fit, member=replace(best.member, learning_rate=0.0099, weight_decay=0.02))
    )
    assert search_coarse._edges(space, [at] * 16) == ["learning_rate (high)"]
    assert search_coarse._edges(space, [at] * 15) == [], "the best of so few is there by chance"
    middle = replace(
        best, fit=replace(best.fit, member=replace(best.member, learning_rate=2e-3, weight_decay=0.02))
    )
    assert search_coarse._edges(space, [middle] * 16) == []
    assert (step.verdict == "warn") == bool(step.evidence["edges"])


def test_little_time_means_fewer_rows_then_fewer_trials_then_fewer_epochs(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line), changes={"search.trials": 24})
    desk.book.pace.finished.append(Finished("any", 1e6, 1e12))
    amounts = []
    for seconds in (1e9, 3e3, 1e2, 1.0):
        budget = Budget(seconds, now())
        desk.book = replace(desk.book, budget=budget)
        amounts.append(search_coarse._amount(desk.book, state, space_of(state)))
    trials = [amount["trials"] for amount in amounts]
    epochs = [amount["epochs"] for amount in amounts]
    assert trials[0] == 24 and trials[-1] == search_coarse.LEAST_TRIALS and trials == sorted(trials)[::-1]
    assert epochs[-1] == 1 and epochs == sorted(epochs)[::-1]


def test_refining_trains_the_survivors_longer(searched):
    desk, state, _ = searched
    state, step = desk.do(search_refine, state)
    rungs = step.evidence["rungs"]
    assert step.verdict == "pass" and rungs[0]["epochs"] == 8
    assert len(state.candidates) == len(step.evidence["trials"]) >= 2
    assert all(candidate.epochs >= 8 for candidate in state.candidates)
    assert "8 epochs" in step.message


def test_refining_is_skipped_when_the_time_does_not_allow_it(searched):
    desk, state, _ = searched
    desk.book.pace.finished.append(Finished("any", 1e15, 1e12))
    after, step = desk.limited(10).do(search_refine, state)
    assert step.verdict == "skipped" and "time" in step.message
    assert after.candidates == () and after.survivors == state.survivors
    assert after.epochs == search_refine.first_epochs(state)


def test_refining_without_a_search_before_is_skipped(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line))
    after, step = desk.do(search_refine, state)
    assert step.verdict == "skipped" and "search_coarse" in step.message
    assert after.survivors == ()


@pytest.mark.parametrize(
    ("rungs", "gain"),
    [
        ([{1: 0.5, 2: 0.6}], None),
        ([{1: 0.5, 2: 0.6}, {1: 0.4}], 0.2),
        ([{1: 0.5, 2: 0.6}, {1: 0.51}], -0.02),
        ([{1: 0.5, 2: 0.6}, {1: 0.4, 2: math.nan}], 0.2),  # one that was lost says nothing of the others
        ([{1: 0.5}, {1: math.nan}], -math.inf),
        ([{1: 0.5, 2: 0.6}, {2: 0.54}], 0.1),  # better than its own short training, if not than the best one
    ],
)
def test_longer_training_pays_when_the_same_recipes_gain_by_it(rungs, gain):
    trained = [
        [SimpleNamespace(number=1000 * k + number, loss=loss) for number, loss in rung.items()]
        for k, rung in enumerate(rungs)
    ]
    assert search_refine._gain_of_longer(trained) == (gain if gain is None else pytest.approx(gain))


def test_the_full_training_takes_the_best_recipes_in_turn(searched):
    desk, state, _ = searched
    state, step = desk.do(train_long, state)
    assert step.verdict == "pass" and len(state.long) == 3
    assert {c.member.learning_rate for c in state.long} == {s.member.learning_rate for s in state.survivors}
    best = min(state.long, key=rank)
    assert state.long[0] is best and describe(best) in step.message
    assert state.recipe.training.optimizer.options.learning_rate == best.member.learning_rate
    assert state.recipe.training.optimizer.options.weight_decay == best.member.weight_decay
    assert state.recipe.model.options.dropout == best.member.dropout
    assert state.recipe.model.options.width == best.model["width"]
    assert state.recipe.training.epochs == step.evidence["epochs"]


def test_without_a_search_the_recipe_itself_is_trained(bench, tables):
    changes = {"training.optimizer.learning_rate": 0.005, "model.dropout": 0.25}
    desk, state = bench(tables.numbers_only(200, 0, line), changes=changes)
    state, _ = desk.do(train_long, state)
    assert {c.member.learning_rate for c in state.long} == {0.005}
    assert {c.member.dropout for c in state.long} == {0.25}
    assert len({c.fit.val_loss for c in state.long}) == 3, "the members differ by their seeds"


def test_the_full_training_has_two_seconds_even_where_the_limit_has_passed(bench, tables):
    changes = {"training.epochs": 100_000, "training.patience_epochs": 0}
    desk, state = bench(tables.numbers_only(200, 0, line), changes=changes)
    state, step = desk.limited(10.0, used=20.0).do(train_long, state.with_(epochs=100_000))
    assert all(c.fit.epochs > 10 for c in state.long), [c.fit.epochs for c in state.long]
    assert step.message.endswith("The time limit ended some of them early.")


def test_a_full_training_that_is_lost_fails(bench, tables):
    changes = {"training.optimizer": {"name": "sgd", "learning_rate": 1e30}}
    desk, state = bench(tables.numbers_only(200, 0, line), changes=changes)
    state, step = desk.do(train_long, state)
    assert step.verdict == "fail" and state.long == ()


def test_adopting_keeps_the_networks_before(searched, candidate):
    _, state, _ = searched
    rows = len(state.splits.validation)
    old, new = candidate(state, 1, np.zeros(rows)), candidate(state, 2, np.zeros(rows))
    state = adopt(state.with_(candidates=(old,)), [new], 7)
    assert state.candidates == (old, new) and state.long == (new,)
    assert state.epochs == state.recipe.training.epochs == 7


@pytest.fixture
def lost(bench, tables):
    """Inputs so large that no rate trains."""
    frame = tables.numbers_only(200, 0, line).with_columns(huge=pl.col("a") * 1e30)
    return bench(frame, changes={"prepare.scaling": "none", "prepare.number_embedding": "none"})


def test_a_search_without_a_finite_loss_fails(lost):
    desk, state = lost
    state, step = desk.do(search_coarse, state)
    assert step.verdict == "fail" and step.message.startswith("None of 4 recipes")
    assert state.survivors == () and len(state.trials) == 4
    _, step = desk.do(search_refine, state)
    assert step.verdict == "skipped"


def test_refining_to_no_finite_loss_fails(lost, searched):
    (_, good, _), (desk, state) = searched, lost
    state, step = desk.do(search_refine, state.with_(survivors=good.survivors))
    assert step.verdict == "fail" and "finite" in step.message
    assert len(state.candidates) == len(good.survivors)


def test_a_loss_of_zero_can_not_be_lowered(searched):
    _, state, _ = searched
    none = [Bag((trial,), trial.outputs, 0.0) for trial in state.trials]
    assert search_refine._gain_of_longer([none, none]) == 0.0


def test_other_architectures_get_a_chance_where_asked_for(searched):
    desk, state, _ = searched
    recipe = state.recipe.with_changes({"search.challengers": ["tabm", "residual_mlp"], "training.epochs": 4})
    state, step = desk.do(search_refine, state.with_(recipe=recipe))
    tried = {trial["model"] for trial in step.evidence["trials"]}
    assert tried == {"mlp", "tabm", "residual_mlp"}


def test_an_unknown_challenger_is_an_error():
    with pytest.raises(InputError, match="no model") as error:
        sequence._check_names(build({"search.challengers": ["tabn"]}))
    assert "tabm" in error.value.hint
