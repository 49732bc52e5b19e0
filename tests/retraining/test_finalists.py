"""Who runs in full, and who is chosen: the best of each kind, and clear gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.retraining.made import ground_of, purse_of

from retemper.retraining import race
from retemper.retraining.course import Course, Plan, Recalibration
from retemper.retraining.race import Candidate, Purse, candidate_of
from retemper.retraining.stacks import Trained

GROUND = replace(ground_of("numbers"), concept_drift=True)
"""With it old rows have no say in the choice."""
NEW_ROWS, OLD_TOO, ANEW = Course(), Course(replay=0.5), Course(start="fresh", replay=None)


def said(strategy: str, plan: Plan, error: float, work: float = 0.0, noise: float = 0.0) -> Candidate:
    """A run that is wrong by about so much on each new row."""
    wobble = noise * np.sin(17.0 * np.arange(len(GROUND.y_new)))
    own = Trained(GROUND.champion, GROUND.y_new + error + wobble, GROUND.y_old * 1.0, work, 0.0)
    return candidate_of(GROUND, strategy, plan, own)


def names(candidates: list[Candidate], purse: Purse, **also: Plan) -> list[str]:
    wanted = {own.strategy: own.plan for own in candidates} | also
    return [name for name, _ in race.finalists(GROUND, wanted, candidates, purse)]


def test_the_best_of_each_kind_runs_in_full():
    short = [
        said("replay", OLD_TOO, 9.0),
        said("warm_start", replace(OLD_TOO, replay=None), 8.0),
        said("fine_tune", NEW_ROWS, 2.0),
        said("new_head", replace(NEW_ROWS, moves="head", replay=0.3), 3.0),
        said("recalibrate", Recalibration(), 1.0),
    ]
    assert names(short, purse_of()) == ["fine_tune", "warm_start"]


def test_noise_displaces_nobody():
    short = [said("replay", OLD_TOO, 4.5, noise=3.0), said("warm_start", OLD_TOO, 4.95)]
    assert names(short, purse_of()) == ["replay"]
    assert names(short[::-1], purse_of()) == ["warm_start"]


def test_a_fresh_start_runs_where_its_part_pays_half_of_it():
    short = [said("fine_tune", NEW_ROWS, 2.0, work=1e9)]
    assert names(short, purse_of(work=2e9, scratch=1e9), from_scratch=ANEW) == ["fine_tune", "from_scratch"]
    assert names(short, purse_of(work=1.9e9, scratch=1e9), from_scratch=ANEW) == ["fine_tune"]


def test_a_strategy_by_its_name_needs_no_race():
    wanted: dict[str, Plan] = {"from_scratch": ANEW}
    assert race.short_runs(GROUND, wanted, purse_of(work=1.0)) == []
    assert race.finalists(GROUND, wanted, [], purse_of(work=1.0)) == [("from_scratch", ANEW)]


def test_of_those_that_do_alike_the_one_that_keeps_the_past_is_chosen():
    kept = said("replay", OLD_TOO, 2.0, noise=2.0)
    alike, better = said("fine_tune", NEW_ROWS, 1.99, noise=2.1), said("fine_tune", NEW_ROWS, 1.0)
    assert race.chosen(GROUND, [], [alike, kept]) is kept
    assert race.chosen(GROUND, [], [better, kept]) is better
    assert (
        race.chosen(GROUND, [said("recalibrate", Recalibration(), 0.5)], [better, kept]).strategy
        == "recalibrate"
    )


def test_the_finalists_share_what_is_left():
    wanted: dict[str, Plan] = {"fine_tune": NEW_ROWS, "replay": OLD_TOO}
    purse = purse_of(work=4e7)
    short = race.short_runs(GROUND, wanted, purse)
    full = race.full_runs(GROUND, wanted, short, purse)
    assert sorted(own.strategy for own in full) == ["fine_tune", "replay"]
    assert sum(own.trained.work for own in [*short, *full]) <= 1.1 * purse.work
    least = max(own.trained.work for own in short)
    assert all(own.trained.work > least for own in full)


def test_rows_are_judged_by_what_the_other_folds_would_have_chosen():
    wanted: dict[str, Plan] = {"fine_tune": NEW_ROWS, "replay": OLD_TOO}
    short = [said("fine_tune", NEW_ROWS, 3.0), said("replay", OLD_TOO, 4.0)]
    full = [said("fine_tune", NEW_ROWS, 1.0), said("replay", OLD_TOO, 2.0)]
    # On one fold replay is right, which must not speak for it there, nor change what others choose.
    own = full[1].trained.new.copy()
    own[GROUND.folds == 1] = GROUND.y_new[GROUND.folds == 1]
    full[1] = candidate_of(GROUND, "replay", OLD_TOO, replace(full[1].trained, new=own))
    honest = race.honest(GROUND, wanted, short, full, purse_of())
    assert np.allclose(honest, GROUND.y_new + 1.0)
