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
    assert {own.strategy for own in full} == {"fine_tune", "replay"}
    assert race.spent([*short, *full]) <= 1.1 * purse.work
    least = max((own.trained.work for own in short), default=0.0)
    assert all(own.trained.work > least for own in full)


def test_rows_are_judged_by_what_the_other_folds_would_have_chosen():
    wanted: dict[str, Plan] = {"fine_tune": NEW_ROWS, "replay": OLD_TOO}
    short = [said("fine_tune", NEW_ROWS, 3.0), said("replay", OLD_TOO, 4.0)]
    full = [said("fine_tune", NEW_ROWS, 1.0), said("replay", OLD_TOO, 2.0)]
    # On one fold replay is right, which must not speak for it there, nor change what others choose.
    own = full[1].trained.new.copy()
    own[GROUND.folds == 1] = GROUND.y_new[GROUND.folds == 1]
    full[1] = candidate_of(GROUND, "replay", OLD_TOO, replace(full[1].trained, new=own))
    new, old = race.honest(GROUND, wanted, short, full, purse_of())
    assert np.allclose(new, GROUND.y_new + 1.0) and np.allclose(old, GROUND.y_old)


def test_rows_of_a_fold_have_no_say_in_who_judges_it() -> None:
    for same in (False, True):
        ground = replace(GROUND, concept_drift=False, same_world=same)
        noise = np.sin(7.0 * np.arange(200))
        said_so = (ground.y_new + 5 * noise[:120], ground.y_old + 9 * noise[120:])
        one = candidate_of(ground, "replay", OLD_TOO, Trained(ground.champion, *said_so, 0.0, 0.0))
        for fold in range(ground.count + 1):
            rows = (ground.folds == fold, ground.judge_folds == fold)
            other = tuple(own + 50 * mine for own, mine in zip(said_so, rows, strict=True))
            changed = candidate_of(ground, "replay", OLD_TOO, Trained(ground.champion, *other, 0.0, 0.0))
            assert changed.regret(ground, fold) == one.regret(ground, fold)
            assert changed.regret(ground) > one.regret(ground)


def test_each_old_row_is_judged_by_what_the_other_folds_would_have_chosen() -> None:
    """A run that is far better in one fold alone is chosen by that fold; there the other one speaks."""
    ground = replace(GROUND, concept_drift=False)
    folds = ground.folds, ground.judge_folds
    steady, lucky = (
        candidate_of(ground, name, plan, Trained(ground.champion, *said_so, 0.0, 0.0))
        for name, plan, said_so in (
            ("replay", OLD_TOO, (ground.y_new + 3.0, ground.y_old + 3.0)),
            (
                "fine_tune",
                NEW_ROWS,
                (
                    ground.y_new + np.where(folds[0] == 1, 0, 3.01),
                    ground.y_old + np.where(folds[1] == 1, 0, 3.01),
                ),
            ),
        )
    )
    full = [replace(steady), replace(lucky)]
    wanted: dict[str, Plan] = {"replay": OLD_TOO, "fine_tune": NEW_ROWS}
    assert race.chosen(ground, full, full).strategy == "fine_tune"
    new, old = race.honest(ground, wanted, full, full, purse_of())
    for said_so, y, own in ((new, ground.y_new, folds[0]), (old, ground.y_old, folds[1])):
        np.testing.assert_allclose(said_so[own == 1], y[own == 1] + 3.0)
        assert (own == 1).any()
