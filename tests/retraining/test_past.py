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
def test_no_row_that_the_champion_knows_judges_and_none_does_both(seen: list[bool], seed: int) -> None:
    known = np.array(seen, dtype=bool)
    past = Past.dealt(OldRows(rows(len(seen)), seen=known), seed)
    judges, lessons = (set(own["a"].to_list()) for own in (past.judges, past.lessons))
    assert judges | lessons == set(range(len(seen))) and not judges & lessons
    assert not judges & set(np.flatnonzero(known).tolist())
    assert set(past.reference["a"].to_list()) == set(np.flatnonzero(~known).tolist())
    assert len(past.weight) == past.judges.height
    assert past.known == ("unseen" if judges else "none")


def test_half_of_the_unseen_rows_judge() -> None:
    past = Past.dealt(OldRows(rows(100), seen=np.arange(100) < 40), 0)
    assert past.judges.height == 30 and past.lessons.height == 70 and past.reference.height == 60


def test_where_nobody_knows_a_fifth_judges_and_is_the_sample_of_the_past() -> None:
    past = Past.dealt(OldRows(rows(100)), 0)
    assert past.known == "unknown"
    assert past.judges.height == 20 and past.reference["a"].to_list() == past.judges["a"].to_list()


def test_more_rows_than_settle_it_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_JUDGES", 10)
    past = Past.dealt(OldRows(rows(100), seen=np.zeros(100, dtype=bool)), 0)
    assert past.judges.height == 10 and past.lessons.height == 90


def test_a_balanced_row_is_no_sample_of_the_past() -> None:
    plain = np.arange(20) % 2 == 0
    past = Past.dealt(OldRows(rows(20), seen=np.zeros(20, dtype=bool), plain=plain), 0)
    assert set(past.reference["a"].to_list()) == set(range(0, 20, 2))


def test_weights_and_batches_stay_with_their_rows() -> None:
    count = 30
    numbers = np.arange(count)
    old = OldRows(rows(count), numbers < 10, numbers * 1.0, batch=numbers % 3, source="kept").where(
        numbers % 2 == 0
    )
    past = Past.dealt(old, 0)
    assert past.source == "kept" and past.batch is not None
    assert past.weight.tolist() == past.judges["a"].to_list()
    assert past.batch.tolist() == [value % 3 for value in past.judges["a"]]
    assert all(value % 2 == 0 and value >= 10 for value in past.judges["a"])


def test_the_seed_draws_the_judges() -> None:
    old = OldRows(rows(100), seen=np.zeros(100, dtype=bool))
    one, same, other = (Past.dealt(old, seed).judges["a"].to_list() for seed in (1, 1, 2))
    assert one == same and one != other


def test_without_old_rows_there_are_their_columns() -> None:
    past = Past.none(rows(5))
    assert past.lessons.columns == ["a"] and past.lessons.height == past.judges.height == 0
    assert past.known == "none" and past.source == "none"
