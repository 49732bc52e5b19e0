"""The steps after training: averaging, temperature, and the one look at the test."""

import numpy as np
import pytest

from retemper.core.records import Score
from retemper.procedure import calibrate, ensemble, test_once
from retemper.procedure.book import main_loss
from retemper.procedure.cross_fitting import dealt


def coin(x, draw):
    return np.where(x[:, 0] + draw.normal(size=len(x)) > 0, "a", "b")


def line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * draw.normal(size=len(x))


def with_values(state, candidate, *values):
    """One candidate for each list of values on the validation rows."""
    return state.with_(candidates=tuple(candidate(state, k, own) for k, own in enumerate(values)))


@pytest.fixture
def values_state(bench, tables):
    return bench(tables.numbers_only(300, 0, line))


@pytest.fixture
def classes_state(bench, tables):
    return bench(tables.numbers_only(1500, 0, coin), changes={"procedure.bootstrap": 200})


def test_errors_that_cancel_are_averaged(values_state, candidate):
    desk, state = values_state
    y, draw = state.ready[2].validation.y, np.random.default_rng(0)
    state = with_values(state, candidate, *(y + draw.normal(size=len(y)) for _ in range(4)))
    after, step = desk.do(ensemble, state)
    assert step.evidence["kept"] and len(after.chosen) >= 3
    assert sum(weight for _, weight in after.chosen) == pytest.approx(1)
    assert step.evidence["ensemble"] < step.evidence["single"]
    assert "networks are averaged: rmse" in step.message
    mixed = ensemble.mixed(after.chosen)
    assert main_loss(state, mixed) == pytest.approx(step.evidence["ensemble"])


def test_one_good_network_is_enough(values_state, candidate):
    desk, state = values_state
    y = state.ready[2].validation.y
    state = with_values(state, candidate, y + 5, y, y - 9)
    after, step = desk.do(ensemble, state)
    assert not step.evidence["kept"] and "One network is enough" in step.message
    ((chosen, weight),) = after.chosen
    assert ([network.id for network in chosen.networks], weight) == ([1], 1.0)


def test_lost_networks_are_no_candidates(values_state, candidate):
    desk, state = values_state
    y = state.ready[2].validation.y
    state = with_values(state, candidate, y * np.nan, y)
    after, step = desk.do(ensemble, state)
    assert step.evidence["candidates"] == 1 and after.chosen[0][0].networks[0].id == 1


def test_a_network_of_the_search_is_chosen_where_the_full_training_was_cut_short(values_state, candidate):
    desk, state = values_state
    y = state.ready[2].validation.y
    state = with_values(state, candidate, y + 5, y - 9)
    after, step = desk.do(
        ensemble, state.with_(trials=(candidate(state, 1000, y), candidate(state, 1001, y * 3)))
    )
    assert step.evidence["candidates"] == 4
    assert [network.id for bag, _ in after.chosen for network in bag.networks] == [1000]


def test_where_folds_judge_a_network_of_the_search_has_seen_their_rows(values_state, candidate):
    desk, state = values_state
    y = state.ready[2].validation.y
    folded = dealt(state, 2)
    after, step = desk.do(ensemble, folded.with_(trials=(candidate(state, 1000, y),)))
    assert step.verdict == "fail" and after.chosen == ()


def test_without_a_network_there_is_nothing_to_choose(values_state, candidate):
    desk, state = values_state
    y = state.ready[2].validation.y
    after, step = desk.do(ensemble, with_values(state, candidate, y * np.nan))
    assert step.verdict == "fail" and after.chosen == ()
    for module, verdict in ((calibrate, "skipped"), (test_once, "fail")):
        after, step = desk.do(module, after)
        assert step.verdict == verdict
    assert after.splits.tests_read == 0 and after.test == {}


def probabilities(state, sharpness):
    """What a network says that knows the first column, and is sharper than it may be."""
    _, target, arrays = state.ready
    x = arrays.validation.dense[:, 0].astype(float)
    yes = 1 / (1 + np.exp(sharpness * 1.3 * x))
    return np.stack([1 - yes, yes], 1) if target.classes == ("a", "b") else None


def test_a_network_that_is_too_sure_is_cooled(classes_state, candidate):
    desk, state = classes_state
    chosen = ((candidate(state, 0, probabilities(state, 5)), 1.0),)
    after, step = desk.do(calibrate, state.with_(chosen=chosen))
    assert step.evidence["kept"] and after.temperature > 2
    assert step.evidence["after"]["log_loss"] < step.evidence["before"]["log_loss"]
    assert step.evidence["after"]["ece"] < step.evidence["before"]["ece"]
    assert f"temperature of {after.temperature:.2f} is kept" in step.message


def test_honest_probabilities_stay(classes_state, candidate):
    desk, state = classes_state
    chosen = ((candidate(state, 0, probabilities(state, 5)), 1.0),)
    _, step = desk.do(calibrate, state.with_(chosen=chosen))
    honest = 5 / step.evidence["fitted"]
    chosen = ((candidate(state, 0, probabilities(state, honest)), 1.0),)
    after, step = desk.do(calibrate, state.with_(chosen=chosen))
    assert not step.evidence["kept"] and after.temperature == 1.0
    assert step.evidence["fitted"] == pytest.approx(1, abs=0.35)
    assert step.evidence["before"] == pytest.approx(step.evidence["after"])


def test_few_rows_are_no_ground_for_a_temperature(bench, tables, candidate):
    desk, state = bench(tables.numbers_only(120, 0, coin))
    chosen = ((candidate(state, 0, probabilities(state, 5)), 1.0),)
    after, step = desk.do(calibrate, state.with_(chosen=chosen))
    assert step.verdict == "skipped" and step.message.startswith("18 validation rows")
    assert after.temperature == 1.0


def test_a_regression_has_nothing_to_calibrate(values_state, candidate):
    desk, state = values_state
    after, step = desk.do(calibrate, state)
    assert step.verdict == "skipped" and "regression" in step.message and after == state


def gains(**low_high):
    return {name: {"gain": 0.0, "low": low, "high": high} for name, (low, high) in low_high.items()}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (gains(mean=(0.1, 0.2), linear=(0.1, 0.2)), "better than every baseline beyond chance."),
        (gains(mean=(0.1, 0.2), linear=(-0.1, 0.2)), "better than mean, but not clearly better than linear."),
        (
            gains(mean=(0.1, 0.2), linear=(-0.1, 0.2), gradient_boosting=(-0.3, -0.1)),
            "better than mean, but not clearly better than linear and worse than gradient boosting.",
        ),
        (gains(linear=(-0.2, -0.1)), "worse than linear."),
        (
            gains(mean=(-1, 1), linear=(-1, 1), gradient_boosting=(-1, 1)),
            "not clearly better than mean, linear and gradient boosting.",
        ),
    ],
)
def test_the_verdict_says_which_baselines_are_beaten(found, words):
    beaten = [name for name, gain in found.items() if gain["low"] > 0]
    missed = [name for name in found if name not in beaten]
    assert test_once._verdict(found, beaten, missed) == words


def test_the_test_is_scored_with_intervals(classes_run):
    scores = {name: Score(**own) for name, own in classes_run.result["metrics"]["test"].items()}
    assert set(scores) >= {"accuracy", "log_loss", "roc_auc", "ece", "f1_macro"}
    assert all(score.low <= score.value <= score.high for score in scores.values())
    step = classes_run.step("test_once")
    assert set(step["evidence"]["gains"]) == {"majority", "linear", "gradient_boosting"}
    assert sum(map(sum, step["evidence"]["confusion"]["counts"])) == classes_run.result["rows"]["test"]
    missed = any(gain["low"] <= 0 for gain in step["evidence"]["gains"].values())
    assert step["verdict"] == ("warn" if missed else "pass")
