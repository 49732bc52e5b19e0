"""Rows that come twice: what they may be used for, and that they don't look like drift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from tests.retraining.made import champion, table

from retemper.api.retrain_inputs import before_of
from retemper.retraining.before import Before, drift_of
from retemper.retraining.options import RetrainOptions
from retemper.retraining.sequence import FEWEST_ROWS

TAUGHT = table("classes", 300, 1)
FRESH, OLD = table("classes", 200, 2), table("classes", 260, 5)
"""Rows that the champion has not seen; its filter takes few of them for such that it has."""


def before(new: pl.DataFrame, old: pl.DataFrame | None = OLD) -> Before:
    return before_of(champion("classes"), new, old, RetrainOptions())


def unknown(frame: pl.DataFrame) -> pl.DataFrame:
    model = champion("classes")
    assert model.memory is not None
    return frame.filter(~model.memory.trained.seen(frame, model.schema))


def test_new_rows_that_the_champion_was_trained_on_teach_and_do_not_judge() -> None:
    fresh = unknown(FRESH)
    found = before(pl.concat([fresh, TAUGHT[:90]]))
    assert found.new.equals(fresh) and found.by_heart == 90
    past = found.past
    assert past.rows.height == OLD.height + 90 and past.judges.equals(unknown(OLD))
    rows = found.counts(found.ground())
    assert (rows["new"], rows["known_by_heart"], rows["labelled"]) == (fresh.height + 90, 90, fresh.height)
    assert before(pl.concat([fresh, TAUGHT[:90]]), None).past.rows.height == 0


def test_what_the_filter_may_have_wrong_stays_among_the_new_rows() -> None:
    found = before(pl.concat([unknown(FRESH), TAUGHT[:1]]))
    assert found.by_heart == 0 and found.new.height == unknown(FRESH).height + 1


def test_where_hardly_a_row_would_be_left_to_judge_all_do() -> None:
    new = pl.concat([TAUGHT[:90], unknown(FRESH)[: FEWEST_ROWS - 1]])
    assert before(new).by_heart == 0 and before(new).new.height == 90 + FEWEST_ROWS - 1


def test_rows_without_a_target_can_not_be_told() -> None:
    found = before(TAUGHT.drop("y"))
    assert found.by_heart == 0 and found.new.height == 300 and found.past.rows.height == OLD.height


def test_old_rows_that_come_again_are_a_part_of_the_past_alone() -> None:
    again = unknown(OLD)[:50]
    past = before(pl.concat([unknown(FRESH), again])).past
    assert past.rows.height == OLD.height - 50 and past.judges.height == unknown(OLD).height - 50
    assert past.reference.equals(unknown(OLD))


def test_an_old_source_that_holds_the_new_one_is_told_apart_from_it() -> None:
    new = unknown(FRESH)
    past = before(new, pl.concat([OLD, new])).past
    assert past.rows.equals(OLD) and past.reference.equals(unknown(OLD))


def test_a_world_of_few_rows_that_come_again_and_again_does_not_look_changed() -> None:
    few = pl.concat([TAUGHT[:60], table("classes", 200, 3)[:140]])
    drawn = [few.sample(400, with_replacement=True, seed=seed) for seed in range(6)]
    alarms = [drift_of(before(new, old)).detected for new, old in zip(drawn[:3], drawn[3:], strict=True)]
    assert not any(alarms)


def coarse(rows: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    p, q = draw.integers(0, 3, rows) * 1.0, draw.integers(0, 3, rows) * 1.0
    return pl.DataFrame({"p": p, "q": q, "kind": "u", "y": np.array(["low", "mid", "top"])[(p + q > 1) * 2]})


def test_rows_of_coarse_columns_are_equal_by_chance_and_all_judge() -> None:
    model, old, new = champion("classes"), coarse(260, 1), coarse(200, 2)
    memory = model.memory
    assert memory is not None
    knowing = replace(
        model, memory=replace(memory, trained=memory.trained.with_rows(coarse(300, 3), model.schema))
    )
    found = before_of(knowing, new, old, RetrainOptions())
    assert found.by_heart == 0 and found.new.height == 200 and found.past.rows.height == 260
