"""How far to go: the places between start and end, who answers there, and which one is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from retemper.retraining import race
from retemper.retraining.along import REACHES, along
from retemper.retraining.course import Course, Plan
from retemper.retraining.diet import diet_of
from retemper.retraining.ground import Ground
from retemper.retraining.past import Past
from retemper.retraining.places import places_to_serve
from retemper.retraining.stacks import Trained, train

from .made import NO_END, TARGETS, ground_of, purse_of, table

COURSE = Course(rate=1.0, epochs=5)
WANTED: dict[str, Plan] = {"fine_tune": COURSE, "replay": Course(replay=0.5, rate=1.0)}


def trained(ground: Ground, course: Course = COURSE) -> Trained:
    own = places_to_serve(ground, ground.count, course.rate)
    return train(ground, course, diet_of(ground, course, 2_000.0), own, 1, NO_END)


@pytest.mark.parametrize("target", TARGETS)
def test_places_lie_on_the_straight_way_and_those_of_a_fold_answer_its_rows(target: str) -> None:
    ground = ground_of(target)
    whole = trained(ground)
    found = along(ground, COURSE, whole)
    assert [course.reach for course, _ in found] == list(REACHES)
    start, end = ground.grown.parts[0].row, whole.model.parts[0].row
    for course, own in found:
        torch.testing.assert_close(own.model.parts[0].row, start + course.reach * (end - start))
        assert own.sound and own.work == whole.work
        for place, part in own.networks:
            if place.serves:
                continue
            rows = ground.folds == place.fold
            alone = replace(own.model, parts=(replace(part, weight=1.0),)).outputs(ground.new.filter(rows))
            np.testing.assert_allclose(own.new[rows], alone, rtol=1e-4, atol=1e-5)


def test_there_is_no_way_from_nowhere() -> None:
    ground = ground_of("classes")
    fresh = Course(start="fresh", replay=None, epochs=2)
    assert along(ground, fresh, trained(ground, fresh)) == []


def test_where_nothing_changed_little_of_the_way_is_gone_and_all_where_the_law_turned() -> None:
    reaches = []
    for turned in (False, True):
        ground = ground_of(
            "classes", table("classes", 240, 8, turned=turned), Past.none(table("classes", 9, 1))
        )
        full = race.full_runs(
            ground, {"fine_tune": COURSE, "more": replace(COURSE, rate=2.0)}, [], purse_of(1e8)
        )
        best = race.chosen(ground, [], full)
        assert isinstance(best.plan, Course)
        reaches.append(best.plan.reach)
    assert reaches[0] < reaches[1] == 1


def test_places_of_a_way_cost_nothing_more_and_a_name_means_the_whole_way() -> None:
    ground, purse = ground_of("classes"), purse_of(1e8)
    full = race.full_runs(ground, WANTED, [], purse)
    assert len(full) == 2 * (1 + len(REACHES))
    ends = [own for own in full if isinstance(own.plan, Course) and own.plan.reach == 1]
    assert race.spent(full) == sum(own.trained.work for own in ends) <= purse.work
    alone = race.full_runs(ground, {"fine_tune": COURSE}, [], purse)
    assert [own.plan for own in alone] == [COURSE]


def test_rows_are_judged_by_a_reach_that_others_chose() -> None:
    ground, purse = ground_of("classes"), purse_of(1e8)
    full = race.full_runs(ground, WANTED, [], purse)
    new, _ = race.honest(ground, WANTED, [], full, purse)
    for fold in np.unique(ground.folds):
        own = race.chosen(ground, [], full, fold)
        np.testing.assert_array_equal(new[ground.folds == fold], own.trained.new[ground.folds == fold])


def test_auto_spends_its_purse_and_a_name_keeps_to_its_passes() -> None:
    spent = []
    for strategy in ("auto", "fine_tune"):
        ground = ground_of("classes", strategy=strategy)
        few = replace(COURSE, epochs=1)
        assert ground.grown.recipe.training.epochs > 1
        spent.append(race.spent(race.full_runs(ground, {"fine_tune": few}, [], purse_of(1e8))))
    assert spent[0] > 5 * spent[1]
