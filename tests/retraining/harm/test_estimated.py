"""Harm without labels: estimates beside the truth of simulated shifts, and what they admit."""

import json

import numpy as np
import pytest

from retemper.core.harm_records import Standing
from retemper.retraining.harm.estimated import estimated
from retemper.retraining.harm.likeness import likeness
from retemper.retraining.harm.measured import measured
from retemper.retraining.harm.rows import Rows
from retemper.retraining.harm.ways import ways


def classes(draw, middle, count, sure=1.0, **more):
    """Two classes that are hard to tell near 0; ``sure`` ≠ 1: the model's words are wrong by this factor there."""
    x = draw.normal(middle, 1.0, count)
    logit = 3 * (x + 2)
    p, said = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-sure * logit))
    noise = draw.normal(size=count)
    return Rows.of(
        "classification",
        np.stack([1 - said, said], 1),
        draw.random(count) < p,
        features=np.stack([x, noise], 1),
        **more,
    )


def values(draw, middle, count):
    """Errors that grow with x."""
    x = draw.normal(middle, 1.0, count)
    return Rows.of("regression", x, x + np.exp(x / 2) * draw.normal(size=count), features=x[:, None])


def blind(rows):
    return Rows.of(rows.task, rows.outputs, features=rows.features)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "f1_macro", "roc_auc"])
def test_harm_of_a_shift_is_seen_without_labels(metric):
    draw = np.random.default_rng(0)
    then, later = classes(draw, 0.0, 1000), classes(draw, -1.2, 1000)
    found, truth = estimated(metric, blind(later), then), measured(metric, then, later)
    assert found.estimated and found.low <= truth.now - truth.before <= found.high
    if metric in ("log_loss", "accuracy"):
        assert found.verdict == truth.verdict == "harm"


def test_a_shift_that_does_not_hurt_is_harmless():
    draw = np.random.default_rng(1)
    then, later = classes(draw, 1.0, 2000), classes(draw, 1.6, 2000)
    assert estimated("accuracy", blind(later), then).verdict in ("none", "better")


def test_without_a_shift_weights_are_one():
    draw = np.random.default_rng(2)
    found = likeness(classes(draw, 0.0, 400), classes(draw, 0.0, 300), 0)
    assert found.effective_rows > 380 and found.beyond == 0


def test_errors_of_values_are_estimated():
    draw = np.random.default_rng(3)
    then, later = values(draw, 0.0, 1500), values(draw, 1.0, 1000)
    found, truth = estimated("rmse", blind(later), then), measured("rmse", then, later)
    assert found.verdict == "harm" and found.low <= truth.now - truth.before <= found.high


def test_both_ways_mend_words_that_are_wrong_where_the_new_rows_are():
    """A model that is three times too sure: its words promise more than it keeps, known losses know better."""
    draw = np.random.default_rng(4)
    then, later = classes(draw, 0.0, 2000, sure=3.0), classes(draw, -1.0, 2000, sure=3.0)
    truth = measured("log_loss", then, later)
    found = ways("log_loss", then, blind(later), likeness(then, later, 0), 0)
    off = {name: abs(way.change - (truth.now - truth.before)) for name, way in found.items()}
    assert off["both"] < off["words"] / 2
    assert found["words"].gap > off["words"] / 4  # and the words' gap shows on the reference


def test_rows_unlike_any_known_one_are_poor_evidence():
    draw = np.random.default_rng(5)
    found = estimated("accuracy", blind(classes(draw, -5.0, 500)), classes(draw, 0.0, 500))
    assert found.reliability == "poor"


def test_a_column_that_is_new_in_every_row_is_left_out():
    draw = np.random.default_rng(6)
    then, later = classes(draw, 0.0, 400), classes(draw, 0.0, 400)
    dated = [
        Rows.of(
            own.task, own.outputs, own.y, features=np.column_stack([own.features, np.full(own.count, year)])
        )
        for own, year in ((then, 2020), (later, 2021))
    ]
    found = estimated("accuracy", dated[1], dated[0])
    assert found.reliability == "fair" and "1 column" in found.reason
    assert found.now == pytest.approx(estimated("accuracy", later, then).now)


def test_labels_of_the_new_rows_are_not_looked_at():
    draw = np.random.default_rng(7)
    then, later = classes(draw, 0.0, 300), classes(draw, -0.5, 200)
    assert estimated("log_loss", later, then) == estimated("log_loss", blind(later), then)


def test_the_change_is_added_to_a_better_known_standing():
    draw = np.random.default_rng(8)
    then, later = classes(draw, 0.0, 300), classes(draw, -0.5, 200)
    plain = estimated("log_loss", later, then)
    moved = estimated("log_loss", later, then, Standing(0.25, 0.24, 0.26, 9000))
    assert moved.before == 0.25 and moved.rows_before == 9000
    assert moved.now - moved.before == pytest.approx(plain.now - plain.before)


def test_words_alone_are_poor_and_wide():
    draw = np.random.default_rng(9)
    then, later = classes(draw, 0.0, 2000), classes(draw, -1.5, 2000)
    before = measured("accuracy", None, then)
    stood = Standing(before.now, before.now - 0.01, before.now + 0.01, 2000)
    found = estimated("accuracy", blind(later), standing=stood)
    assert (found.verdict, found.reliability) == ("harm", "poor")
    assert found.high - found.low >= 0.08
    assert list(found.estimates) == ["words"]


@pytest.mark.parametrize(("metric", "make"), [("rmse", values), ("ece", classes)])
def test_nothing_kept_nothing_said(metric, make):
    found = estimated(metric, make(np.random.default_rng(0), 0.0, 100), standing=Standing(1.0, 0.9, 1.1, 99))
    assert (found.verdict, found.now, found.before) == ("cannot tell", None, 1.0)
    assert "kept none" in found.reason


def test_metrics_without_words_go_by_importance():
    draw = np.random.default_rng(10)
    found = estimated("ece", classes(draw, -0.5, 400, sure=2.0), classes(draw, 0.0, 400, sure=2.0))
    assert list(found.estimates) == ["importance"] and found.reliability in ("fair", "poor")
    assert np.isfinite(found.high - found.low)


def test_a_seed_fixes_everything_and_json_holds_it():
    draw = np.random.default_rng(11)
    then, later = classes(draw, 0.0, 200), classes(draw, -0.5, 40)
    first, second = (estimated("log_loss", later, then, seed=3) for _ in range(2))
    assert first == second
    plain = json.loads(json.dumps(first.to_json(), allow_nan=False))
    assert set(plain["estimates"]) == {"words", "importance", "both"}
    assert plain["estimated"] is True


def test_few_new_rows_leave_the_words():
    draw = np.random.default_rng(12)
    found = estimated("accuracy", classes(draw, 0.0, 10), classes(draw, 0.0, 500))
    assert list(found.estimates) == ["words"] and found.reliability == "poor"


@pytest.mark.parametrize("one", ["then", "later"])
def test_rows_of_one_group_say_nothing_sure(one):
    draw = np.random.default_rng(13)
    groups = {side: np.zeros(200) if side == one else np.arange(200) for side in ("then", "later")}
    then, later = (classes(draw, 0.0, 200, group=groups[side]) for side in ("then", "later"))
    found = estimated("log_loss", later, then)
    assert found.verdict == "cannot tell" and found.low is None


def test_groups_are_held_out_together_and_widen():
    draw = np.random.default_rng(14)
    group = np.repeat(np.arange(40), 10)
    found = []
    for own in (None, group):
        x = np.repeat(draw.normal(size=40), 10)
        p = np.clip(0.5 + 0.3 * np.tanh(x), 0.05, 0.95)
        y = np.repeat(draw.random(40), 10) < p
        rows = Rows.of("classification", np.stack([1 - p, p], 1), y, group=own, features=x[:, None])
        found.append(estimated("log_loss", rows, rows).estimates["both"].error)
        draw = np.random.default_rng(14)
    assert found[1] > 1.5 * found[0]


def test_missing_cells_are_no_obstacle():
    draw = np.random.default_rng(15)
    sides = []
    for middle in (0.0, 0.8):
        rows = values(draw, middle, 300)
        features = np.column_stack(
            [np.where(draw.random(300) < 0.3, np.nan, rows.outputs), np.full(300, np.nan)]
        )
        sides.append(Rows.of("regression", rows.outputs, rows.y, features=features))
    found = estimated("mae", sides[1], sides[0])
    assert found.now > found.before


def test_an_estimate_that_a_few_large_errors_carry_is_not_trusted():
    """The weights are even; but the squared error of prices like these rests on a handful of rows."""
    draw = np.random.default_rng(5)
    then, later = (values(draw, 0.0, count) for count in (1500, 1000))
    assert estimated("rmse", blind(later), then).reliability == "good"
    size = np.exp(draw.normal(size=1500) * 2)
    heavy = Rows.of("regression", then.outputs, then.outputs + size, features=then.features)
    found = estimated("rmse", blind(later), heavy)
    assert found.reliability == "poor" and "few rows" in found.reason
    assert found.estimates["importance"].effective_rows > 1000


def test_new_rows_that_lack_the_hard_ones_are_not_sure_to_be_better():
    """Of the reference one row in fifty is hard; new rows have none of these, and vary as if there were none."""
    draw = np.random.default_rng(6)
    hard = np.arange(1000) % 50 == 0
    probability = np.where(hard, 0.5, 0.02)
    outputs = np.stack([1 - probability, probability], 1)
    then = Rows.of("classification", outputs, draw.random(1000) < probability, features=np.zeros((1000, 1)))
    easy = Rows.of("classification", outputs[~hard][:200], features=np.zeros((200, 1)))
    found = ways("log_loss", then, easy, None, 0)["words"]
    own = ways("log_loss", then, blind(then.take(np.arange(200))), None, 0)["words"]
    assert found.error > 0.9 * own.error
