"""Who races, by how many networks each is judged, and that the purse pays for it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from retemper.bundle.grown import Grown
from retemper.core.budget import Budget, now
from retemper.core.growth_records import Added
from retemper.core.progress import SilentReporter
from retemper.retraining import race
from retemper.retraining.before import Before
from retemper.retraining.course import Course, Plan, Recalibration
from retemper.retraining.diet import diet_of
from retemper.retraining.entrants import FULL_RATE, SELDOM, by_kind, entrants, judged_by_fewer, plans
from retemper.retraining.ground import Ground
from retemper.retraining.options import AUTO_SHARE, STRANGE_SHARE
from retemper.retraining.past import Past
from retemper.retraining.places import places_to_serve
from retemper.retraining.stacks import work_of

from .made import course_of, ground_of, past_of, purse_of, table

RICH = 1e12
NEW_ROWS, HEAD, OLD_TOO, ANEW = (
    Course(),
    Course(moves="head", replay=0.3),
    Course(replay=0.5),
    Course(start="fresh", replay=None),
)
WANTED: dict[str, Plan] = {
    "fine_tune": NEW_ROWS,
    "from_scratch": ANEW,
    "new_head": HEAD,
    "recalibrate": Recalibration(),
    "replay": OLD_TOO,
}


def one_pass(ground: Ground, course: Course) -> float:
    """By one network a fold."""
    part, meets = ground.grown.parts[0], diet_of(ground, course, math.inf).meets
    return ground.count * work_of(ground.grown, part, meets)


def paying(ground: Ground, runs: float) -> float:
    """A purse whose race pays for so many runs of the course that meets most."""
    return runs * one_pass(ground, OLD_TOO) / ground.options.race_share


def test_auto_tries_what_makes_sense_here() -> None:
    wanted, left_out = plans(ground_of("classes"))
    assert {"fine_tune", "replay", "recalibrate", "from_scratch"} <= set(wanted)
    assert not set(wanted) & {*SELDOM, "lwf"} and not left_out
    alone, without = plans(ground_of("classes", past=Past.none(table("classes", 120, 2))))
    assert "lwf" in alone and "replay" in without
    assert list(plans(ground_of("classes", strategy="ewc"))[0]) == ["ewc"]


def test_kinds_are_what_short_runs_can_compare() -> None:
    found = {kind: [name for name, _ in runs] for kind, runs in by_kind(WANTED).items()}
    assert found == {
        "anew": ["from_scratch"],
        "new rows": ["fine_tune", "new_head"],
        "old and new rows": ["replay"],
    }


@pytest.mark.parametrize(("runs", "each"), [(0.5, 0), (3.9, 0), (4.1, 2), (1e6, 2)])
def test_as_many_race_as_the_purse_can_feed(runs: float, each: int) -> None:
    ground = ground_of("classes")
    found = entrants(ground, WANTED, paying(ground, runs))
    assert [name for name, _ in found] == ["fine_tune", "new_head"][
        :each
    ]  # replay is the only one of its kind


def test_a_larger_purse_feeds_more_of_a_kind() -> None:
    ground = ground_of("classes")
    three: dict[str, Plan] = {**WANTED, "warm_start": Course(replay=None), "zealous": Course(replay=0.7)}
    counts = [
        len(
            entrants(
                ground,
                three,
                runs * one_pass(ground, course_of(three["zealous"])) / ground.options.race_share,
            )
        )
        for runs in (3.9, 4.1, 6.1)
    ]
    assert counts == [0, 4, 5]


def test_auto_goes_at_the_full_rate_and_a_name_at_its_own() -> None:
    wanted, _ = plans(ground_of("classes"))
    assert all(own.rate >= FULL_RATE for own in wanted.values() if isinstance(own, Course))
    assert course_of(plans(ground_of("classes", strategy="fine_tune"))[0]["fine_tune"]).rate < FULL_RATE


def test_a_short_run_meets_all_of_its_rows_once() -> None:
    ground = ground_of("classes")
    purse = purse_of(work=paying(ground, 4.1))
    found = [own for own in race.short_runs(ground, WANTED, purse) if isinstance(own.plan, Course)]
    assert len(found) == 2
    assert all(own.trained.work >= one_pass(ground, course_of(own.plan)) for own in found)
    assert sum(own.trained.work for own in found) <= ground.options.race_share * purse.work


def test_without_a_race_the_first_of_each_kind_runs_in_full() -> None:
    ground = ground_of("classes")
    purse = purse_of(work=paying(ground, 1.0), scratch=RICH)
    short = race.short_runs(ground, WANTED, purse)
    assert [own.strategy for own in short] == ["recalibrate"]
    assert race.finalists(ground, WANTED, short, purse) == [("fine_tune", NEW_ROWS), ("replay", OLD_TOO)]
    full = race.full_runs(ground, WANTED, short, purse)
    assert 0 < race.spent(full) <= purse.work


@pytest.mark.parametrize(("parts", "least"), [(1, 2), (2, 3), (3, 4), (5, 5), (7, 5)])
def test_the_fewest_folds_that_judge(parts: int, least: int) -> None:
    ground = ground_of("classes", parts=parts)
    poor = judged_by_fewer(ground, WANTED, 1.0)
    assert poor.count == least
    assert judged_by_fewer(ground, WANTED, RICH).count == ground.count
    # Rows stay beside those that they were beside, and what nobody trains on stays so.
    assert ((poor.folds == 0) == (ground.folds == 0)).all()
    assert len(set(zip(ground.folds.tolist(), poor.folds.tolist(), strict=True))) == ground.count + 1
    assert (np.diff(np.unique(np.stack([ground.folds, poor.folds]), axis=1)[1]) >= 0).all()


def test_judges_whose_weights_are_averaged_serve_and_stay() -> None:
    ground = ground_of("classes")
    alone: dict[str, Plan] = {"replay": OLD_TOO}
    together: dict[str, Plan] = {"replay": replace(OLD_TOO, averaged=True)}
    assert judged_by_fewer(ground, alone, 1.0).count == 2
    assert judged_by_fewer(ground, together, 1.0).count == ground.count


@pytest.mark.parametrize("folds", [2, 3, 4])
def test_folds_are_as_many_as_can_be_fed_in_full(folds: int) -> None:
    ground = ground_of("classes")
    wanted: dict[str, Plan] = {"replay": OLD_TOO}
    part, full = ground.grown.parts[0], diet_of(ground, OLD_TOO, math.inf).visits
    work = (folds + 1.01) * work_of(ground.grown, part, full)
    found = judged_by_fewer(ground, wanted, work)
    assert found.count == folds
    own = places_to_serve(found, found.count, OLD_TOO.rate)
    assert len(own) * work_of(found.grown, part, diet_of(found, OLD_TOO, math.inf).visits) <= work


@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_the_budget_holds_without_being_named(target: str) -> None:
    """Of a small champion too, whose quarter is next to nothing."""
    ground = ground_of(target)
    before = Before(
        ground.champion, Grown(ground.grown, Added()), ground.new, past_of(target), ground.options
    )
    purse = before.purse(ground, Budget(None, now()), 1, SilentReporter())
    assert purse.work == (STRANGE_SHARE if ground.means.strange else AUTO_SHARE) * purse.scratch
    wanted, _ = plans(ground)
    fewer = judged_by_fewer(ground, wanted, purse.work)
    short = race.short_runs(fewer, wanted, purse)
    full = race.full_runs(fewer, wanted, short, purse)
    assert 0.5 * purse.work <= race.spent([*short, *full]) <= purse.work
