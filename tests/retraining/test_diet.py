"""What networks meet: which rows, at which odds, how often."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.retraining.course import Course
from retemper.retraining.diet import FEWEST_ROWS, diet_of
from retemper.retraining.folds import NEVER
from retemper.retraining.past import Past

from .made import ground_of, table

COURSES = {
    "new alone": Course(),
    "half of each side": Course(replay=0.5),
    "classes alike": Course(replay=0.5, balanced=True),
    "all alike": Course(replay=None),
    "a memory": Course(replay=None, memory_only=40),
}
every_course = pytest.mark.parametrize("course", COURSES.values(), ids=COURSES.keys())


@every_course
@pytest.mark.parametrize("visits", [3.0, 70.0, 5000.0, math.inf])
def test_rows_that_only_judge_are_not_met(course: Course, visits: float) -> None:
    ground = ground_of("classes")
    diet = diet_of(ground, course, visits)
    assert not diet.allowed[ground.fold == NEVER].any()
    assert diet.allowed.any()
    if diet.odds is not None:
        assert diet.odds.shape == diet.allowed.shape and (diet.odds[diet.allowed] > 0).all()


@every_course
@given(visits=st.floats(2.0, 1e5))
@settings(max_examples=25, deadline=None)
def test_no_more_is_met_than_may_be(course: Course, visits: float) -> None:
    ground = ground_of("classes")
    diet = diet_of(ground, course, visits)
    assert 2 <= diet.visits <= visits
    assert 1 <= diet.epochs <= course.epochs
    assert diet.batch_size & (diet.batch_size - 1) == 0 and diet.batch_size >= FEWEST_ROWS


@every_course
@pytest.mark.parametrize("passes", [0.4, 1.0, 1.7, 2.5, 19.9])
def test_no_part_of_a_pass_is_lost(course: Course, passes: float) -> None:
    ground = ground_of("classes")
    whole = diet_of(ground, course, math.inf)
    visits = passes * whole.meets
    diet = diet_of(ground, course, visits)
    assert visits - diet.epochs <= diet.visits <= visits
    assert diet.odds is None or (diet.odds == whole.odds).all()
    assert passes < 1 or diet.batch_size == whole.batch_size


def test_without_a_bound_the_course_s_own_passes_are_made() -> None:
    ground = ground_of("classes")
    assert diet_of(ground, Course(epochs=7), math.inf).epochs == 7
    assert diet_of(ground, Course(epochs=0), math.inf).epochs == ground.grown.recipe.training.epochs


def test_new_rows_alone() -> None:
    ground = ground_of("classes")
    diet = diet_of(ground, Course(), math.inf)
    assert (diet.allowed == (ground.is_new & (ground.fold != NEVER))).all() and diet.odds is None
    # Each once an epoch, by networks of the largest fold as by the others.
    assert diet.meets == min((ground.folds != fold)[ground.folds != NEVER].sum() for fold in range(1, 6))


def test_a_share_of_old_rows_is_met() -> None:
    ground = ground_of("classes")
    diet = diet_of(ground, Course(replay=0.25), math.inf)
    assert diet.odds is not None
    odds, old = diet.odds / diet.odds.sum(), ~ground.is_new
    assert odds[old].sum() == pytest.approx(0.25)
    # An epoch meets as many new rows as there are, and a third of that beside them.
    assert diet.meets == pytest.approx(diet_of(ground, Course(), math.inf).meets / 0.75, abs=1)


def test_classes_alike_within_each_side() -> None:
    ground = ground_of("classes")
    diet = diet_of(ground, Course(replay=0.5, balanced=True), math.inf)
    assert diet.odds is not None
    y, odds = ground.warm.lessons.y, np.where(diet.allowed, diet.odds, 0)
    for side in (ground.is_new, ~ground.is_new):
        shares = np.bincount(y[side], odds[side], minlength=3)
        np.testing.assert_allclose(shares, 0.5 / 3)


def test_a_memory_has_equal_shares_of_the_classes_as_far_as_they_go() -> None:
    ground = ground_of("classes")
    diet = diet_of(ground, Course(replay=None, memory_only=60), math.inf)
    assert diet.allowed.sum() == 60
    counts = np.bincount(ground.warm.lessons.y[diet.allowed])
    all_of_them = np.bincount(ground.warm.lessons.y[ground.fold != NEVER])
    assert (counts == 20).all() or (counts[counts < 20] == all_of_them[counts < 20]).all()


def test_a_memory_of_a_regression_is_drawn_from_both_sides() -> None:
    ground = ground_of("numbers")
    diet = diet_of(ground, Course(replay=None, memory_only=60), math.inf)
    assert diet.allowed.sum() == 60
    assert diet.allowed[ground.is_new].any() and diet.allowed[~ground.is_new].any()


@pytest.mark.parametrize("replay", [0.5, None])
def test_without_old_rows_the_new_ones_are_all_there_is(replay: Any) -> None:
    ground = ground_of("classes", past=Past.none(table("classes", 120, 2)))
    diet = diet_of(ground, Course(replay=replay), math.inf)
    assert (diet.allowed == (ground.fold > NEVER)).all()
    if diet.odds is not None:
        assert (diet.odds[diet.allowed] > 0).all()


def test_what_does_not_suffice_for_an_epoch_is_drawn() -> None:
    diet = diet_of(ground_of("classes"), Course(), 30.0)
    assert (diet.meets, diet.epochs) == (30, 1)
