"""Old rows: who knows them may not be judged by them."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retemper.retraining import past as module
from retemper.retraining.past import OldRows, Past


def rows(count: int) -> pl.DataFrame:
    return pl.DataFrame({"a": range(count)}, schema={"a": pl.Int64})


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 9))
def test_all_rows_that_the_champion_does_not_know_judge_and_no_others(seen: list[bool], seed: int) -> None:
    known = np.array(seen, dtype=bool)
    past = Past.of(OldRows(rows(len(seen)), seen=known), seed)
    assert past.rows["a"].to_list() == list(range(len(seen)))
    assert past.judges["a"].to_list() == np.flatnonzero(~known).tolist() == past.reference["a"].to_list()
    assert len(past.weight) == past.judges.height
    assert past.known == ("none" if known.all() else "unseen")


def test_where_nobody_knows_a_fifth_judges_and_is_the_sample_of_the_past() -> None:
    past = Past.of(OldRows(rows(100)), 0)
    assert past.known == "unknown"
    assert past.judges.height == 20 and past.reference["a"].to_list() == past.judges["a"].to_list()


def test_where_nobody_knows_no_more_rows_are_held_back_than_settle_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_JUDGES", 10)
    assert Past.of(OldRows(rows(100)), 0).judges.height == 10


def test_a_balanced_row_is_no_sample_of_the_past() -> None:
    plain = np.arange(20) % 2 == 0
    past = Past.of(OldRows(rows(20), seen=np.zeros(20, dtype=bool), plain=plain), 0)
    assert set(past.reference["a"].to_list()) == set(range(0, 20, 2)) and past.judges.height == 20


def test_rows_that_are_new_too_are_a_part_of_the_past_and_nothing_else() -> None:
    seen, also = np.arange(20) < 8, np.arange(20) % 2 == 0
    past = Past.of(OldRows(rows(20), seen=seen, weight=np.arange(20.0)), 0, also)
    assert past.rows["a"].to_list() == list(range(1, 20, 2))
    assert past.judges["a"].to_list() == past.weight.tolist() == list(range(9, 20, 2))
    assert past.reference["a"].to_list() == list(range(8, 20))


def test_rows_that_the_champion_knows_join_those_that_are_only_learnt_from() -> None:
    old = OldRows(
        rows(3), np.zeros(3, dtype=bool), np.full(3, 2.0), np.ones(3, dtype=bool), np.full(3, 4), "kept"
    )
    past = Past.of(old.with_known(rows(5)), 0)
    assert past.rows.height == 8 and past.judges["a"].to_list() == [0, 1, 2] == past.reference["a"].to_list()
    assert past.stands_for.tolist() == [2, 2, 2, 1, 1, 1, 1, 1]
    assert old.with_known(rows(0)) is old


def test_weights_and_batches_stay_with_their_rows() -> None:
    count = 30
    numbers = np.arange(count)
    old = OldRows(rows(count), numbers < 10, numbers * 1.0, batch=numbers % 3, source="kept").where(
        numbers % 2 == 0
    )
    past = Past.of(old, 0)
    assert past.source == "kept" and past.batch is not None
    assert past.weight.tolist() == past.judges["a"].to_list()
    assert past.batch.tolist() == [value % 3 for value in past.judges["a"]]
    assert all(value % 2 == 0 and value >= 10 for value in past.judges["a"])


def test_the_seed_draws_the_judges_where_nobody_knows() -> None:
    one, same, other = (Past.of(OldRows(rows(100)), seed).judges["a"].to_list() for seed in (1, 1, 2))
    assert one == same and one != other


def test_without_old_rows_there_are_their_columns() -> None:
    past = Past.none(rows(5))
    assert (
        past.rows.columns == ["a"] == past.reference.columns and past.rows.height == past.judges.height == 0
    )
    assert past.known == "none" and past.source == "none" and past.batch is None
