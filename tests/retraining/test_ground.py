"""What strategies stand on: rows in order, the champion's word, losses by row."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from retemper.bundle.grown import grown
from retemper.retraining.folds import LEARNT, NEVER
from retemper.retraining.ground import Ground, drawn
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import Past

from .made import TARGETS, champion, ground_of, past_of, table


@pytest.mark.parametrize("target", TARGETS)
def test_lessons_are_the_new_rows_then_the_old_ones(target: str) -> None:
    ground = ground_of(target)
    assert (ground.fold[:120] == ground.folds).all() and (ground.fold[120:] == ground.old_folds).all()
    assert ground.is_new.tolist() == [True] * 120 + [False] * 160
    lessons = ground.warm.lessons
    assert len(lessons.y) == 120 + ground.past.rows.height
    alone = ground.champion.preparer.transform(ground.past.rows)
    np.testing.assert_array_equal(lessons.dense[120:], alone.dense)


@pytest.mark.parametrize("target", TARGETS)
def test_the_champion_speaks_for_itself(target: str) -> None:
    ground = ground_of(target)
    np.testing.assert_allclose(ground.said_new, ground.champion.outputs(ground.new))
    np.testing.assert_allclose(ground.said_old, ground.champion.outputs(ground.past.judges))


def test_losses_are_log_loss_or_squared_error() -> None:
    ground = ground_of("numbers")
    y = ground.new["y"].to_numpy()
    np.testing.assert_allclose(ground.losses_new(ground.said_new), (y - ground.said_new) ** 2)
    classes = ground_of("classes")
    p = classes.said_old[np.arange(len(classes.y_old)), classes.y_old]
    np.testing.assert_allclose(classes.losses_old(classes.said_old), -np.log(p))


def test_without_old_rows_nothing_is_lost() -> None:
    for target in TARGETS:
        ground = ground_of(target, past=Past.none(table(target, 120, 2)))
        assert ground.losses_old(ground.said_old).shape == (0,)
        assert ground.means.old_rows == 0


def test_everything_fitted_anew_has_not_looked_at_rows_that_only_judge() -> None:
    rows = table("numbers", 120, 2)
    ground = ground_of("numbers", rows)
    never = pl.Series(ground.folds == NEVER)
    far = rows.with_columns(
        p=pl.when(never).then(1e6).otherwise("p"), y=pl.when(never).then(1e6).otherwise("y")
    )
    other = ground_of("numbers", far)
    assert (other.folds == ground.folds).all()
    one, two = ground.fresh, other.fresh
    learnt = ground.fold != NEVER
    np.testing.assert_array_equal(one.lessons.dense[learnt], two.lessons.dense[learnt])
    np.testing.assert_array_equal(one.lessons.y[learnt], two.lessons.y[learnt])
    assert one.model.target_codec.to_json() == two.model.target_codec.to_json()


@pytest.mark.parametrize("target", TARGETS)
def test_rows_are_strange_where_their_mean_tells_them_better(target: str) -> None:
    known = table(target, 120, 2)
    # The same rows with each other's targets: nothing that the champion knows holds.
    mixed = known.with_columns(y=known["y"].reverse())
    assert not ground_of(target, known).means.new_task
    assert ground_of(target, mixed).means.new_task
    half = known.with_columns(
        y=pl.when(pl.int_range(pl.len()) % 6 > 0).then("y").otherwise(known["y"].reverse())
    )
    assert not ground_of(target, half).means.new_task


def test_a_class_that_is_new_is_left_out_of_what_is_compared_of_the_past() -> None:
    model, rows = champion("classes"), table("classes", 120, 2)
    rows = rows.with_columns(y=pl.when(pl.col("p") > 0.8).then(pl.lit("new")).otherwise("y"))
    larger = grown(model, rows).model
    ground = Ground.of(model, larger, rows, past_of("classes"), RetrainOptions())
    assert (ground.means.new_classes, ground.means.classes) == (1, 4)
    said = ground.said_old
    new = larger.classes.index("new")
    assert said.shape[1] == 4 and not said[:, new].any()
    np.testing.assert_allclose(said.sum(axis=1), 1)
    np.testing.assert_allclose(np.delete(said, new, axis=1), model.outputs(ground.past.judges), rtol=1e-5)
    # Whoever calls old rows new is no worse for it here, as long as the odds among the others are the same.
    doubting = said * 0.4
    doubting[:, new] = 0.6
    np.testing.assert_allclose(ground.losses_old(doubting), ground.losses_old(said), rtol=1e-6)


def test_weights_of_rows_and_of_what_they_stand_for_are_multiplied() -> None:
    rows = table("classes", 120, 2).with_columns(w=pl.int_range(pl.len()) % 3)
    past = past_of("classes")
    past = replace(past, rows=past.rows.with_columns(w=pl.lit(2.0)), stands_for=np.full(160, 5.0))
    ground = ground_of("classes", rows, past, recipe={"data__weight": "w"})
    assert ground.weight_new.tolist() == rows["w"].to_list()
    assert set(ground.weight_old.tolist()) == {10.0} and set(ground.plain_weight_old.tolist()) == {2.0}


def test_a_confirmed_change_of_the_concept_excuses_losses_on_old_rows() -> None:
    ground = ground_of("classes")
    assert ground.old_counts
    assert not replace(ground, concept_drift=True).old_counts
    assert replace(ground_of("classes", gate="strict"), concept_drift=True).old_counts


@pytest.mark.parametrize("target", TARGETS)
def test_old_rows_that_the_champion_has_not_seen_judge_and_most_of_them_teach(target: str) -> None:
    ground = ground_of(target)
    assert (ground.old_folds[:80] == LEARNT).all() and (ground.old_folds[80:] != LEARNT).all()
    assert len(ground.y_old) == len(ground.weight_old) == len(ground.said_old) == 80
    never = int((ground.old_folds == NEVER).sum())
    assert 0 < never < 40
    assert ground.means.old_rows == ground.taught_old().height == 160 - never


def test_old_rows_that_nobody_trains_on_have_a_say_in_each_choice_but_one() -> None:
    held = ground_of("numbers", past=past_of("numbers", seen=150))
    assert (held.old_folds[150:] == NEVER).all()
    assert np.bincount(held.judge_folds, minlength=held.count + 1).min() >= 1
    ground = ground_of("numbers")
    own = ground.old_folds[80:]
    assert (ground.judge_folds == own)[own != NEVER].all()


def test_old_rows_ask_what_new_ones_ask_in_one_world_and_as_a_plain_sample_alone() -> None:
    ground = ground_of("classes")
    assert not ground.alike.any() and replace(ground, same_world=True).alike.all()
    plain = np.arange(160) % 2 == 0
    half = replace(ground, same_world=True, past=replace(ground.past, plain=plain))
    assert half.alike.sum() == 40
    unknown = replace(ground.past, known="unknown")
    assert not replace(ground, same_world=True, past=unknown).alike.any()


def test_the_present_is_told_by_old_rows_too_in_one_world_alone() -> None:
    ground = ground_of("numbers")
    new, old = np.arange(120.0), 1000 + np.arange(80.0)
    assert ground.present(new, old).tolist() == new.tolist()
    one = replace(ground, same_world=True)
    assert one.present(new, old).tolist() == [*new, *old]
    assert one.present(new, old, 2).tolist() == [*new[one.folds != 2], *old[one.judge_folds != 2]]


def test_too_many_rows_are_drawn_from_in_their_order() -> None:
    frame = pl.DataFrame({"a": range(50)})
    some = drawn(frame, 10, 0, "new rows")["a"].to_list()
    assert len(some) == 10 and some == sorted(some)
    assert (
        some
        == drawn(frame, 10, 0, "new rows")["a"].to_list()
        != drawn(frame, 10, 1, "new rows")["a"].to_list()
    )
