"""Every strategy: options with bounds, a plan that fits, no row that judges trained on, the same bits again."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from retemper.core import catalogue
from retemper.core.records import NotApplicable
from retemper.retraining.course import Course, Means, NewSearch, Plan, Recalibration, Untouched
from retemper.retraining.folds import NEVER

NAMES = catalogue.names("strategy")
RICH = Means(new_rows=120, old_rows=120, new_classes=0, classes=3)
NEEDS_OLD = {"der_plus_plus", "ewc", "gdumb", "replay", "warm_start"}
every_strategy = pytest.mark.parametrize("name", NAMES)


def plan_of(name: str, means: Means = RICH, **options: Any) -> Plan:
    module = catalogue.entry("strategy", name)
    found: Plan = module.plan(module.Options(**options), means)
    return found


def test_they_are_those_that_the_issue_names() -> None:
    named = "nothing recalibrate new_head fine_tune warm_start shrink_and_perturb replay der_plus_plus lwf ewc gdumb"
    assert {*named.split(), "from_scratch", "new_search"} <= set(NAMES)


@every_strategy
def test_it_says_what_it_is(name: str) -> None:
    module = catalogue.entry("strategy", name)
    assert 15 < len(module.ABOUT) < 100 and not module.ABOUT.endswith(".")
    assert all(field.description for field in module.Options.model_fields.values())
    assert module.__doc__ and module.plan.__doc__


@every_strategy
def test_its_options_are_checked(name: str) -> None:
    module = catalogue.entry("strategy", name)
    with pytest.raises(ValidationError):
        module.Options(no_such_option=1)
    for field in module.Options.model_fields:
        with pytest.raises(ValidationError):
            module.Options(**{field: -1})


@every_strategy
def test_each_option_changes_the_plan(name: str) -> None:
    module = catalogue.entry("strategy", name)
    for field, own in module.Options.model_fields.items():
        other = own.default + 7 if isinstance(own.default, int) else own.default * 0.5
        assert plan_of(name, **{field: other}) != plan_of(name), field


@every_strategy
def test_without_old_rows_it_has_a_plan_or_says_why_not(name: str) -> None:
    means = replace(RICH, old_rows=0)
    if name in NEEDS_OLD:
        with pytest.raises(NotApplicable, match="--old"):
            plan_of(name, means)
        return
    plan = plan_of(name, means)
    assert not (isinstance(plan, Course) and plan.uses_old), "there is nothing to use"


@every_strategy
def test_of_new_classes_and_of_a_regression_it_has_a_plan_or_says_why_not(name: str) -> None:
    for means in (replace(RICH, new_classes=2, classes=5), replace(RICH, classes=0)):
        try:
            plan = plan_of(name, means)
        except NotApplicable as why:
            assert len(str(why)) > 15
        else:
            assert isinstance(plan, Course | NewSearch | Recalibration | Untouched)


@every_strategy
@pytest.mark.parametrize("target", ["classes", "one output", "numbers"])
def test_no_row_that_judges_is_trained_on(
    name: str, target: str, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retemper.retraining import places, stacks
    from retemper.retraining.diet import diet_of

    course = plan_of(name)
    if not isinstance(course, Course):
        return
    ground, met = made.ground_of(target, parts=2), []
    make = stacks._plan

    def spied(*given: Any) -> Any:
        plan = make(*given)
        met.extend(zip(given[4], plan.subsets, strict=True))
        assert plan.train.count == len(ground.fold), "judges of the past are not even among the rows"
        return plan

    monkeypatch.setattr(stacks, "_plan", spied)
    own = places.places_to_serve(ground, ground.count, course.rate)
    diet = diet_of(ground, course, 300.0)
    one, two = (stacks.train(ground, course, diet, own, workers, made.NO_END) for workers in (1, 2))
    assert {place.fold for place, _ in met} >= {NEVER, 1, 2}
    for place, rows in met:
        assert len(rows) and not np.isin(ground.fold[rows], [NEVER, place.fold]).any()
        assert course.uses_old or (ground.fold[rows] >= 0).all()
    assert one.sound
    assert (one.new == two.new).all() and (one.old == two.old).all(), "workers change no bit"


@every_strategy
def test_a_course_learns(name: str, made: Any) -> None:
    """The concept has turned: whoever trains on the new rows does better by them than the champion."""
    from retemper.retraining import places, race, stacks
    from retemper.retraining.diet import diet_of

    course = plan_of(name)
    if not isinstance(course, Course):
        return
    ground = made.ground_of("classes")
    course = replace(course, rate=max(1.0, course.rate))
    own = places.places(ground, ground.count, course.rate)
    found = stacks.train(ground, course, diet_of(ground, course, math.inf), own, 1, made.NO_END)
    tried = race.candidate_of(ground, name, course, found)
    assert tried.new.mean() < ground.losses_new(ground.said_new).mean()
