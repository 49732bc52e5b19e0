"""Networks of a course: what they may train on, what they say of rows that they have not seen, the same bits."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from retemper.core import forked
from retemper.core.budget import Deadline
from retemper.retraining import stacks
from retemper.retraining.course import Course
from retemper.retraining.diet import diet_of
from retemper.retraining.folds import NEVER
from retemper.retraining.gate_models import cost_of
from retemper.retraining.ground import Ground
from retemper.retraining.places import Place, heaviest, places, places_to_serve
from retemper.retraining.sight import Sight
from retemper.retraining.stacks import Trained, train, work_of
from retemper.training.stack import Layout

from .made import NO_END, TARGETS, ground_of, table

SHORT = Course(epochs=3)
FRESH = Course(start="fresh", replay=None, epochs=3)


def trained(ground: Ground, course: Course, own: list[Place] | None = None, workers: int = 1) -> Trained:
    diet = diet_of(ground, course, 300.0)
    return train(ground, course, diet, own or places(ground, ground.count, course.rate), workers, NO_END)


def bits(found: Trained) -> tuple[bytes, bytes, bytes]:
    rows = torch.stack([part.row for part in found.model.parts])
    return rows.numpy().tobytes(), found.new.tobytes(), found.old.tobytes()


@pytest.mark.parametrize("course", [SHORT, FRESH, Course(replay=0.5, epochs=2)])
def test_no_network_trains_on_its_own_fold_or_on_rows_that_only_judge(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[tuple[Place, np.ndarray]] = []
    make = stacks._plan

    def spied(ground: Ground, sight: Sight, own_course: Course, diet: Any, stack: Any) -> Any:
        plan = make(ground, sight, own_course, diet, stack)
        met.extend(zip(stack, plan.subsets, strict=True))
        return plan

    monkeypatch.setattr(stacks, "_plan", spied)
    ground = ground_of("classes", parts=2)
    trained(ground, course, places_to_serve(ground, 0, 1.0))
    assert {place.fold for place, _ in met} == set(range(ground.count + 1))
    for place, rows in met:
        assert not np.isin(ground.fold[rows], [NEVER, place.fold]).any()
        assert (~ground.is_new[rows]).any() == course.uses_old
    if course.uses_old:
        assert set(np.concatenate([rows for _, rows in met])) == set(np.flatnonzero(ground.fold != NEVER))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("course", [SHORT, FRESH])
def test_a_row_has_no_say_in_what_is_said_of_it(target: str, course: Course) -> None:
    """Another label for one row changes no answer about it, and others."""
    rows = table(target, 120, 2, turned=True)
    one = ground_of(target, rows)
    at = int(np.flatnonzero(one.folds == 2)[0])
    labels = rows["y"].to_list()
    labels[at] = labels[at] + 9 if target == "numbers" else next(y for y in labels if y != labels[at])
    # The same folds, though classes are dealt out evenly.
    other = replace(one, new=rows.with_columns(y=pl.Series("y", labels)))
    before, after = trained(one, course), trained(other, course)
    if course is FRESH and target == "numbers":
        # The target's scale is of all rows that are trained on: of this one a 96th.
        assert (
            np.abs(before.new[at] - after.new[at]).max() < 0.05 * np.abs(before.new - after.new).max() + 0.5
        )
    elif course is FRESH:
        # So is the prior that a start from nothing begins at.
        assert np.abs(before.new[at] - after.new[at]).max() < 0.02
    else:
        np.testing.assert_array_equal(before.new[one.folds == 2], after.new[one.folds == 2])
    assert (before.new[one.folds == 3] != after.new[one.folds == 3]).any()


def test_the_answers_come_from_networks_without_the_row() -> None:
    ground = ground_of("classes")
    found = trained(ground, SHORT)
    old_folds = ground.old_folds[ground.past.judging]
    assert set(old_folds) == set(range(ground.count + 1))
    sides = [(found.new, ground.folds, ground.new), (found.old, old_folds, ground.past.judges)]
    for said, folds, frame in sides:
        for number, part in enumerate(found.model.parts):
            alone = replace(found.model, parts=(replace(part, weight=1.0),))
            mine = folds == number + 1
            np.testing.assert_allclose(said[mine], alone.outputs(frame.filter(mine)), atol=1e-6)
        never = folds == NEVER
        np.testing.assert_allclose(said[never], found.model.outputs(frame.filter(never)), atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_as_many_serve_as_before(target: str) -> None:
    ground = ground_of(target, parts=2)
    own = places_to_serve(ground, ground.count, 1.0)
    assert len(own) == ground.count + 2 and len({place.id for place in own}) == len(own)
    found = trained(ground, SHORT, own)
    assert len(found.model.parts) == 2
    assert sum(part.weight for part in found.model.parts) == pytest.approx(1)
    # Those that serve have trained on all rows but the never-trained ones, and speak for these alone.
    never = ground.folds == NEVER
    np.testing.assert_allclose(
        found.new[never], found.model.outputs(ground.new.filter(never)), rtol=1e-5, atol=1e-6
    )
    assert (found.new[~never] != found.model.outputs(ground.new.filter(~never))).any(axis=-1).all()


def test_a_champion_of_many_networks_is_replaced_by_as_many_folds() -> None:
    ground = ground_of("classes", parts=7)
    own = places_to_serve(ground, 7, 1.0)
    assert len(own) == 7 and all(place.serves for place in own)
    assert {place.fold for place in own} == set(range(1, ground.count + 1))
    assert len({id(place.part) for place in own}) == 7


def test_the_heaviest_part_comes_first() -> None:
    ground = ground_of("classes", parts=3)
    parts = ground.champion.parts
    weighted = tuple(replace(part, weight=w) for part, w in zip(parts, (0.2, 0.5, 0.3), strict=True))
    heavy = heaviest(replace(ground, grown=replace(ground.grown, parts=weighted)))
    assert [part.weight for part in heavy] == [0.5, 0.3, 0.2]


@pytest.mark.parametrize("course", [SHORT, FRESH, Course(keep=0.6, noise=0.1, replay=None, epochs=2)])
def test_the_same_bits_whatever_the_workers_and_the_stack(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "WORTH_A_PROCESS", 1.0)
    ground = ground_of("classes")
    own = places(ground, ground.count, course.rate)
    one = bits(trained(ground, course, own))
    assert bits(trained(ground, course, own, workers=2)) == one
    sight = ground.fresh if course.start == "fresh" else ground.warm
    diet = diet_of(ground, course, 300.0)
    alone = [stacks._train(ground, sight, course, diet, [place], NO_END)[0][0] for place in own]
    assert b"".join(row.tobytes() for row in alone) == one[0]


@pytest.mark.parametrize(("paid", "pieces"), [(0.9, 1), (1.1, 2), (9.0, 3)])
def test_a_process_more_has_its_work(paid: float, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of little work two processes make more, in processor seconds."""
    ground = ground_of("classes")
    own = places(ground, ground.count, 1.0)
    visits = diet_of(ground, SHORT, 300.0).visits
    work = len(own) * work_of(ground.grown, own[0].part, visits)
    monkeypatch.setattr(stacks, "WORTH_A_PROCESS", work / paid)
    asked: list[tuple[int, int]] = []
    real = forked.each

    def spied(do: Any, count: int, workers: int) -> Any:
        asked.append((count, workers))
        return real(do, count, 1)

    monkeypatch.setattr(forked, "each", spied)
    trained(ground, SHORT, own, workers=3)
    assert asked == [(pieces, pieces)]


def test_another_seed_trains_otherwise() -> None:
    one, same, other = (trained(ground_of("classes", seed=seed), SHORT) for seed in (1, 1, 2))
    assert bits(one) == bits(same)
    assert (one.model.parts[0].row != other.model.parts[0].row).any()


def test_networks_of_two_shapes_train_in_stacks_of_their_own() -> None:
    ground = ground_of("classes", parts=2)
    small = ground_of("classes", recipe={"model__width": 4}).grown.parts[0]
    grown = replace(ground.grown, parts=(ground.grown.parts[0], replace(small, weight=0.5)))
    both = replace(ground, grown=grown)
    found = trained(both, SHORT, places_to_serve(both, 0, 1.0), workers=2)
    assert {part.model["width"] for part in found.model.parts} == {4, 8}
    assert found.sound and bits(found) == bits(trained(both, SHORT, places_to_serve(both, 0, 1.0)))


def test_a_row_of_no_weight_teaches_nothing() -> None:
    rows = table("classes", 120, 2).with_columns(w=1.0)
    one = ground_of("classes", rows, recipe={"data__weight": "w"})
    at = int(np.flatnonzero(one.folds == 2)[0])
    weight, labels = np.ones(120), rows["y"].to_list()
    weight[at] = 0
    light = rows.with_columns(w=weight)
    labels[at] = next(y for y in labels if y != labels[at])
    wrong = light.with_columns(y=pl.Series("y", labels))
    found = [trained(replace(one, new=own), SHORT) for own in (rows, light, wrong)]
    assert bits(found[1]) == bits(found[2]) != bits(found[0])


def test_work_counts_three_passes_for_each_row_that_is_met() -> None:
    ground = ground_of("classes")
    part = ground.grown.parts[0]
    cost = work_of(ground.grown, part, 100.0)
    assert cost == 3 * 100 * cost_of(replace(ground.grown, parts=(part,)))
    assert work_of(ground.grown, part, 200.0) == 2 * cost
    found = trained(ground, SHORT)
    diet = diet_of(ground, SHORT, 300.0)
    assert found.work == pytest.approx(ground.count * work_of(ground.grown, part, diet.visits))


def test_a_network_that_does_not_stay_finite_is_no_candidate() -> None:
    ground = ground_of("numbers", recipe={"training__optimizer__name": "sgd"})
    found = trained(ground, replace(SHORT, rate=1e12), places(ground, ground.count, 1e12))
    assert not found.sound


def test_the_head_alone_moves() -> None:
    ground = ground_of("classes")
    found = trained(ground, replace(SHORT, moves="head"))
    before, after = ground.grown.parts[0], found.model.parts[0]
    layout = Layout(stacks.network_of(before.model, ground.grown.shape, 3))
    was, now = (layout.unpadded(part.row) for part in (before, after))
    moved = {name for name in was if (was[name] != now[name]).any()}
    assert moved and all("head" in name for name in moved)


def test_a_deadline_tells_after_how_many_steps_it_stopped_whom() -> None:
    ground = ground_of("classes")
    own = places(ground, ground.count, 1.0)
    diet = diet_of(ground, SHORT, 300.0)
    cut = train(ground, SHORT, diet, own, 1, Deadline("race.fine_tune.stopped", None, 3))
    assert cut.stopped == ((0, 3),) and cut.sound
    assert train(ground, SHORT, diet, own, 1, NO_END).stopped == ()
