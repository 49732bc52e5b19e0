"""The steps before the search: each passes where all is well and names the fault where it isn't."""

import numpy as np
import polars as pl
import pytest

from retemper.core.records import to_json
from retemper.procedure import baselines, data_check, initial_loss, input_blind, learning_rate_range
from retemper.procedure import overfit_sample as overfit
from retemper.procedure.learning_rate_range import Range, find_range, smoothed


def codes(state):
    return [finding.code for finding in state.findings]


def rare(x, draw):
    """5 % of rows are ``rare``, by chance or by x."""
    return np.where(x[:, 0] > 1.65, "rare", "common")


def noise(x, draw):
    return draw.choice(["heads", "tails"], len(x))


def xor(x, draw):
    return np.where(x[:, 0] * x[:, 1] > 0, "same", "other")


def line(x, draw):
    return 3 * x[:, 0] - x[:, 1] + 0.1 * draw.normal(size=len(x))


def test_data_check_passes_a_healthy_table(bench, tables):
    desk, state = bench(tables.two_classes(600))
    _, step = desk.do(data_check, state)
    assert step.verdict == "pass" and "nothing wrong found" in step.message, step.message


def test_data_check_names_a_leak(bench, tables):
    frame = tables.two_classes()
    frame = frame.with_columns(leak=(pl.col("y") == "yes").cast(pl.Float64) + 0.001 * pl.col("age"))
    _, state = bench(frame)
    assert "leakage" in codes(state)


def test_baselines_are_ordered_and_scored_on_validation(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line))
    state, step = desk.do(baselines, state)
    marks = {name: own["rmse"] for name, own in step.evidence["validation"].items()}
    assert list(marks) == ["mean", "linear", "gradient_boosting"]
    assert marks["linear"] < marks["gradient_boosting"] < marks["mean"]
    assert step.evidence["best"] == "linear" and step.evidence["cut_short"] == []
    assert state.baseline_losses == marks


def test_baselines_say_when_a_tenth_of_the_limit_was_too_little(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, line))
    _, step = desk.limited(1e-3).do(baselines, state)
    assert set(step.evidence["cut_short"]) == {"linear", "gradient_boosting"}
    assert "linear and gradient boosting: a weaker mark" in step.message


@pytest.mark.parametrize("target", ["y", "price"])
def test_initial_loss_is_that_of_the_prior(bench, tables, target):
    frame = tables.numbers_only(200, 0, rare) if target == "y" else tables.prices()
    desk, state = bench(frame, target)
    state, step = desk.do(initial_loss, state)
    assert step.verdict == "pass", step.message
    assert step.evidence["ratio"] == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_initial_loss_is_no_false_alarm_on_few_rows_of_a_skewed_target(bench, tables, loss):
    """Ten validation rows of a log-normal: their variance is far from that of the training rows."""
    frame = tables.numbers_only(70, 5, lambda x, draw: np.exp(1.5 * draw.normal(size=len(x))))
    desk, state = bench(frame, changes={"training.loss": loss})
    _, step = desk.do(initial_loss, state)
    assert step.verdict == "pass", step.message
    assert abs(step.evidence["observed"] / step.evidence["expected_in_training"] - 1) > 0.25


def test_initial_loss_is_off_when_the_bias_knows_nothing_of_the_prior(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, rare), changes={"training.output_bias": "zero"})
    state, step = desk.do(initial_loss, state)
    assert step.verdict == "warn" and codes(state)[-1] == "initial_loss_off"
    assert step.evidence["observed"] == pytest.approx(np.log(2), abs=0.05)
    assert step.evidence["expected"] < 0.35
    assert "the final bias" in step.message


@pytest.mark.parametrize("target", ["y", "price"])
def test_a_sample_is_learnt_by_heart(bench, tables, target):
    desk, state = bench(tables.two_classes() if target == "y" else tables.prices(), target)
    state, step = desk.do(overfit, state)
    assert step.verdict == "pass", step.message
    assert step.evidence["reached"] >= step.evidence["needed"] >= 0.99


def test_rows_alike_with_other_targets_lower_the_ceiling(bench, tables):
    """Half of the rows contradict their twins: no network can get them right, and none is asked to."""
    x = np.repeat([0.0, 1.0, 2.0, 3.0], 50)
    y = np.where(np.arange(200) % 4 == 0, "odd", np.where(x > 1.5, "high", "low"))
    desk, state = bench(pl.DataFrame({"x": x, "z": -x, "y": y}), changes={"procedure.overfit_rows": 32})
    state, step = desk.do(overfit, state)
    assert step.verdict == "pass", step.message
    assert step.evidence["rows_alike_with_other_targets"] and "rows alike" in step.message
    assert 0.5 < step.evidence["needed"] < 1


def test_a_line_cannot_learn_xor_by_heart(bench, tables):
    changes = {"model": "linear", "prepare.number_embedding": "none", "procedure.overfit_rows": 64}
    desk, state = bench(tables.numbers_only(200, 0, xor), changes=changes)
    state, step = desk.do(overfit, state)
    assert step.verdict == "warn" and codes(state)[-1] == "cannot_overfit_sample"
    assert step.evidence["reached"] < 0.9 < step.evidence["needed"]


def test_overfit_sample_shows_the_curve_of_a_rate_that_learnt(bench, tables, monkeypatch):
    monkeypatch.setattr(overfit, "RATES", (1e30, 1e-2))
    desk, state = bench(tables.numbers_only(200, 0, line))
    _, step = desk.do(overfit, state)
    assert step.evidence["learning_rate"] == 1e-2
    assert all(loss is not None for _, loss in to_json(step.evidence)["curve"])


def test_overfit_sample_cannot_tell_when_time_runs_out(bench, tables):
    desk, state = bench(tables.numbers_only(200, 0, xor), changes={"procedure.overfit_rows": 64})
    desk = desk.replaying({"overfit_sample.stopped": 3})
    before = codes(state)
    state, step = desk.do(overfit, state)
    assert step.verdict == "warn" and "can't tell" in step.message
    assert step.evidence["steps"] == 3
    assert codes(state) == before


def test_inputs_are_used_where_they_tell_the_target(bench, tables):
    desk, state = bench(tables.two_classes())
    state, step = desk.do(input_blind, state)
    assert step.verdict == "pass", step.message
    assert step.evidence["real"] < min(step.evidence["zeros"], step.evidence["shuffled_labels"])


def test_noise_is_named_input_ignored(bench, tables):
    desk, state = bench(tables.numbers_only(200, 1, noise))
    state, step = desk.do(input_blind, state)
    assert step.verdict == "warn" and codes(state)[-1] == "input_ignored"


def test_a_control_of_a_few_steps_is_no_control(bench, tables):
    desk, state = bench(tables.two_classes())
    desk = desk.replaying({"input_blind.zeros.stopped": 3})
    before = codes(state)
    state, step = desk.do(input_blind, state)
    assert step.verdict == "warn" and "after 3 of" in step.message and "can't tell" in step.message
    assert step.evidence["steps"]["real"] > step.evidence["steps"]["zeros"] == 3
    assert codes(state) == before


def test_smoothing_is_unbiased_and_ends_at_the_first_lost_step():
    assert smoothed(np.full(5, 2.0)) == pytest.approx(np.full(5, 2.0))
    assert len(smoothed(np.array([1.0, 2.0, np.nan, 1.0]))) == 2
    assert smoothed(np.array([np.inf])).size == 0
    assert smoothed(np.array([0.0, 1.0]))[1] == pytest.approx(0.1 / 0.19)


RATES = np.geomspace(1e-5, 1, 101)


def test_the_range_is_from_a_tenth_of_the_fall_to_the_lowest_loss():
    curve = 1 - 0.5 * np.clip((np.log10(RATES) + 4) / 2, 0, 1) + 5 * np.maximum(RATES - 0.01, 0)
    found = find_range(RATES, curve)
    assert found.low == pytest.approx(10**-3.8, rel=0.1)
    assert found.high == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    "curve", [np.ones(101), np.linspace(1, 2, 101), 1 - 0.01 * (RATES > 1e-3), np.ones(5)]
)
def test_no_range_where_the_loss_does_not_fall(curve):
    assert find_range(RATES[: len(curve)], curve) is None


def test_a_range_is_found_over_the_seeds(bench, tables):
    desk, state = bench(tables.numbers_only(300, 0, line), changes={"procedure.range_steps": 60})
    state, step = desk.do(learning_rate_range, state)
    assert step.verdict == "pass", step.message
    low, high = state.rate_range
    assert 1e-5 <= low < step.evidence["suggested"] < high <= 1
    assert len(step.evidence["losses"]) == step.evidence["seeds"] == 2


def test_the_range_abstains_on_noise(bench, tables):
    changes = {"procedure.range_steps": 60, "procedure.range_seeds": 4}
    desk, state = bench(tables.numbers_only(300, 0, noise), changes=changes)
    state, step = desk.do(learning_rate_range, state)
    assert step.verdict == "warn" and step.evidence["abstained"], step.message
    assert state.rate_range is None and step.evidence["low"] is None


def test_the_range_abstains_when_seeds_disagree(bench, tables):
    _, state = bench(tables.numbers_only(100, 0, line))
    curves = [np.ones(101)] * 3
    found = [Range(1e-4, 1e-3), Range(1e-4, 1e-2), Range(1e-4, 0.1)]
    state, step = learning_rate_range._judge(state, RATES, curves, found)
    assert step.verdict == "warn" and "2.0 powers of ten" in step.message
    assert state.rate_range is None


def test_the_range_leaves_the_recipe_alone(bench, tables):
    desk, state = bench(tables.numbers_only(100, 0, line))
    after, _ = desk.do(learning_rate_range, state)
    assert after.recipe == state.recipe and after.candidates == ()


def test_lost_trainings_are_told_apart(bench, tables):
    """Inputs so large that nothing stays finite: each check says that, and none claims more."""
    frame = tables.numbers_only(200, 0, line).with_columns(huge=pl.col("a") * 1e30)
    desk, state = bench(frame, changes={"prepare.scaling": "none", "prepare.number_embedding": "none"})
    words = {initial_loss: "huge or non-finite", overfit: "not stay finite", input_blind: "not stay finite"}
    for module, said in words.items():
        state, step = desk.do(module, state)
        assert step.verdict == "warn" and said in step.message, step.message
    assert "input_ignored" not in codes(state)
