"""The last things of a challenger: which rows it meets at the gate, and what they are called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.retraining.made import TARGETS, ground_of, past_of, table

from retemper.core.gate_records import Gate, GateTest
from retemper.retraining.decided import judged, serves_both, with_decision
from retemper.retraining.ground import Floats, Ground
from retemper.retraining.past import OldRows, Past
from retemper.retraining.stacks import Trained


def better(ground: Ground, share: float) -> tuple[Floats, Floats]:
    """Outputs that are nearer to the truth than the champion's by this share."""
    found = []
    for y, said in ((ground.y_new, ground.said_new), (ground.y_old, ground.said_old)):
        truth = np.eye(len(ground.grown.classes))[y] if ground.grown.classes else y
        found.append((1 - share) * said + share * truth)
    return found[0], found[1]


def first(found: Gate) -> GateTest:
    return next(test for test in found.tests if test.name == "better_on_new")


@pytest.mark.parametrize("target", TARGETS)
def test_old_rows_judge_the_gain_in_the_same_world_alone(target: str) -> None:
    ground = ground_of(target)
    for same, rows in ((False, 120), (True, 200)):
        own = replace(ground, same_world=same)
        found = judged(own, own.grown, better(own, 0.3))
        assert (first(found).rows, first(found).old_rows) == (rows, rows - 120)
        assert ("likely_on_new_alone" in {test.name for test in found.tests}) is same
        assert found.promoted


def test_what_was_gained_on_old_rows_alone_is_told_but_not_enough() -> None:
    ground = replace(ground_of("numbers"), same_world=True)
    new, old = ground.said_new, better(ground, 0.9)[1]
    found = judged(ground, ground.grown, (new, old))
    assert first(found).passed and not found.promoted and "likely_on_new_alone" in found.reason


def test_a_row_that_stands_for_many_judges_the_gain_as_one() -> None:
    past = replace(past_of("numbers"), stands_for=np.full(160, 50.0))
    ground = replace(ground_of("numbers", past=past), same_world=True)
    said = better(ground, 0.3)
    alike = judged(replace(ground, past=past_of("numbers")), ground.grown, said)
    assert first(judged(ground, ground.grown, said)).difference == pytest.approx(first(alike).difference)


def test_rows_that_are_no_sample_of_the_past_or_that_it_may_know_do_not_judge_the_gain() -> None:
    balanced = replace(past_of("numbers"), plain=np.arange(160) < 100)
    ground = replace(ground_of("numbers", past=balanced), same_world=True)
    assert first(judged(ground, ground.grown, better(ground, 0.3))).old_rows == 20
    unknown = Past.of(OldRows(table("numbers", 160, 5)), 0)
    ground = replace(ground_of("numbers", past=unknown), same_world=True)
    assert first(judged(ground, ground.grown, better(ground, 0.3))).old_rows == 0


def test_groups_go_across_both_sides() -> None:
    past, rows = past_of("numbers"), table("numbers", 120, 2, turned=True)
    past = replace(past, rows=past.rows.with_columns(g=pl.int_range(pl.len()) % 30))
    rows = rows.with_columns(g=pl.int_range(pl.len()) % 30)
    recipe = {"data__group": "g"}
    ground = replace(ground_of("numbers", rows, past, recipe=recipe), same_world=True)
    plain = replace(
        ground_of("numbers", table("numbers", 120, 2, turned=True), past_of("numbers")), same_world=True
    )
    grouped, single = (first(judged(own, own.grown, better(own, 0.3))) for own in (ground, plain))
    assert grouped.rows == single.rows == 200 and grouped.could_see != pytest.approx(single.could_see)


def test_intervals_and_sets_are_of_errors_on_rows_that_were_not_seen() -> None:
    for target in ("classes", "numbers"):
        ground = ground_of(target)
        new, old = better(ground, 0.5)
        model = with_decision(ground, Trained(ground.grown, new, old, 0.0, 0.0))
        decision = model.decision
        assert decision.coverage == ground.champion.decision.coverage
        if target == "numbers":
            assert decision.intervals is not None and decision.sets is None
        else:
            assert decision.sets is not None and decision.intervals is None


@pytest.mark.parametrize("target", TARGETS)
def test_one_model_serves_both_sides_only_where_a_run_gains_on_new_rows_and_loses_no_old_ones(
    target: str,
) -> None:
    ground = ground_of(target)
    near_new, near_old = better(ground, 0.3)

    def run(new: Floats, old: Floats) -> Trained:
        return Trained(ground.grown, new, old, 0.0, 0.0)

    assert serves_both(ground, [run(near_new, ground.said_old)])
    forgetful, idle = run(near_new, ground.said_old[::-1]), run(ground.said_new, near_old)
    assert not serves_both(ground, [forgetful, idle])
    assert not serves_both(ground, [])
    alone = ground_of(target, past=Past.none(ground.new))
    assert not serves_both(alone, [run(near_new, alone.said_old)])


def test_where_one_model_serves_both_a_loss_on_old_rows_has_a_say_in_the_choice_and_not_at_the_gate() -> None:
    ground = replace(ground_of("classes"), concept_drift=True)
    assert not ground.old_counts and ground.known_to_be_served().old_counts and not ground.served
    said = better(ground, 0.3)[0], ground.said_old[::-1]
    found = judged(ground.known_to_be_served(), ground.grown, said)
    assert found.promoted and not all(test.passed for test in found.tests)
