"""What of the champion goes into new networks: their start, what stays, what it says, what is held back."""

from typing import Any

import numpy as np
import pytest
import torch

from retemper.retraining import stacks
from retemper.retraining.course import Course
from retemper.retraining.diet import diet_of
from retemper.retraining.ground import Ground
from retemper.retraining.places import places
from retemper.retraining.teacher import lesson_of, raw_outputs
from retemper.training.plan import Plan
from retemper.training.stack import Layout, Stack

from .made import NO_END, TARGETS, champion, ground_of


def plan_of(ground: Ground, course: Course) -> Plan:
    sight = ground.fresh if course.start == "fresh" else ground.warm
    return stacks._plan(
        ground, sight, course, diet_of(ground, course, 500.0), places(ground, ground.count, 1.0)
    )


def test_a_fresh_start_knows_nothing_of_the_champion() -> None:
    plan = plan_of(ground_of("classes"), Course(start="fresh", replay=None, teaching="outputs", teach=1.0))
    assert plan.start is None and plan.lesson is None and plan.anchor is None


def test_a_warm_start_is_the_champion() -> None:
    ground = ground_of("classes", parts=2)
    plan = plan_of(ground, Course())
    rows = torch.stack([place.part.row for place in places(ground, ground.count, 1.0)])
    assert plan.start is not None and torch.equal(plan.start, rows)
    assert len({row.numpy().tobytes() for row in rows}) == 2


def test_a_start_is_shrunk_and_stirred() -> None:
    ground = ground_of("classes")
    plan = plan_of(ground, Course(keep=0.6, noise=0.1, replay=None))
    assert plan.start is not None
    row = ground.grown.parts[0].row
    noise = plan.start - 0.6 * row
    places_of_weights = Layout(plan.network).true_places() > 0
    assert (noise[:, places_of_weights] != 0).float().mean() > 0.5
    assert noise.abs().mean() < (0.6 * row).abs().mean()
    assert not torch.equal(noise[0], noise[1]), "each network is stirred in its own way"
    still = plan_of(ground, Course(keep=0.6, noise=0.0, replay=None)).start
    assert still is not None and torch.allclose(still, 0.6 * row.expand_as(still))


def test_all_but_the_head_stays() -> None:
    ground = ground_of("classes")
    plan = plan_of(ground, Course(moves="head"))
    names = {parameter.name for parameter in plan.network.parameters}
    assert set(plan.still) < names
    assert {name for name in names if "head" in name} == names - set(plan.still)


@pytest.mark.parametrize("target", TARGETS)
def test_the_champion_s_word_before_its_activation(target: str) -> None:
    ground = ground_of(target, parts=2)
    raw = raw_outputs(ground.grown, ground.warm.lessons)
    alone = [raw_outputs(_one(ground, k), ground.warm.lessons) for k in range(2)]
    np.testing.assert_allclose(raw, (alone[0] + alone[1]) / 2, atol=1e-6)
    if target == "numbers":
        new = ground.champion.target_codec.scale(ground.said_new)
        np.testing.assert_allclose(raw[:120, 0], new, atol=1e-5)


def _one(ground: Ground, number: int) -> Any:
    from dataclasses import replace

    return replace(ground.grown, parts=(replace(ground.grown.parts[number], weight=1.0),))


def test_it_speaks_of_old_rows_or_of_new_ones() -> None:
    ground = ground_of("classes")
    old = ~ground.is_new
    dark = lesson_of(ground, ground.warm, Course(teaching="outputs", teach=0.1, truth=0.5))
    assert dark.kind == "outputs" and dark.known is None
    assert set(dark.teach[old]) == {0.1} and set(dark.truth[old]) == {0.5}
    assert set(dark.teach[~old]) == {0.0} and set(dark.truth[~old]) == {1.0}
    soft = lesson_of(ground, ground.warm, Course(teaching="softened", teach=2.0, temperature=3.0))
    assert soft.kind == "softened" and soft.temperature == 3.0
    assert set(soft.teach[~old]) == {2.0} and set(soft.teach[old]) == {0.0}


def test_who_is_taught_stays_nearer_to_the_champion() -> None:
    ground = ground_of("classes")
    far = [
        _trained(ground, Course(teaching=kind, teach=teach, replay=replay))
        for kind, teach, replay in ((None, 0.0, 0.0), ("softened", 20.0, 0.0))
    ]
    gaps = [np.abs(own - ground.said_new).mean() for own in far]
    assert gaps[1] < 0.7 * gaps[0]


def _trained(ground: Ground, course: Course) -> Any:
    own = places(ground, ground.count, course.rate)
    return stacks.train(ground, course, diet_of(ground, course, 1500.0), own, 1, NO_END).new


def test_an_anchor_holds_what_mattered() -> None:
    ground = ground_of("classes")
    plan = plan_of(ground, Course(anchor=100.0))
    assert plan.anchor is not None and plan.start is not None
    assert torch.equal(plan.anchor.center, plan.start)
    strength = plan.anchor.strength
    assert (strength >= 0).all() and strength.std() > 0 and torch.equal(strength[0], strength[1])
    stack = Stack(plan.network, plan.members)
    assert not strength[:, stack.layout.true_places() == 0].any()
    free, held = (_moved(ground, Course(anchor=own)) for own in (0.0, 1e6))
    assert held < 0.5 * free


def _moved(ground: Ground, course: Course) -> float:
    own = places(ground, ground.count, course.rate)
    found = stacks.train(ground, course, diet_of(ground, course, 1000.0), own, 1, NO_END)
    start = champion("classes").parts[0].row
    return float(np.mean([(part.row - start).abs().mean() for part in found.model.parts]))
