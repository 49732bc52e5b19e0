"""The new rows in folds: all judge, each fold by networks without it, and one fold is never trained on."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retemper.bundle.memory.kept import Kept
from retemper.core.errors import InputError
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.retraining.folds import (
    FEWEST_FOLDS,
    FOLD_ROWS,
    LEARNT,
    NEVER,
    dealt,
    dealt_old,
    of_use,
    units_of,
)
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import OldRows, Past

from .made import table


def schema_of(frame: pl.DataFrame, **roles: str) -> Schema:
    return infer(read(frame), DataOptions(target="y", **roles))


@given(st.integers(20, 400), st.integers(2, 20), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_every_row_has_a_fold_and_no_fold_is_empty(rows: int, most: int, seed: int) -> None:
    frame = table("classes", 400, 1)[:rows]
    folds = dealt(frame, schema_of(table("classes", 400, 1)), RetrainOptions(folds=most, seed=seed))
    sizes = np.bincount(folds)
    assert folds.shape == (rows,) and sizes.min() > 0
    assert sizes.max() - sizes.min() <= 1
    assert FEWEST_FOLDS <= folds.max() <= most
    assert folds.max() == FEWEST_FOLDS or sizes.min() >= FOLD_ROWS


def test_classes_are_spread_evenly() -> None:
    frame = pl.DataFrame(
        {"a": np.arange(120.0), "y": ["rare" if k % 10 == 0 else "often" for k in range(120)]}
    )
    folds = dealt(frame, schema_of(frame), RetrainOptions(folds=5))
    rare = np.bincount(folds[(frame["y"] == "rare").to_numpy()], minlength=6)
    assert rare.tolist() == [2] * 6


def test_rows_of_a_group_stay_together_and_few_groups_make_few_folds() -> None:
    frame = table("classes", 300, 1).with_columns(g=pl.int_range(pl.len()) % 30)
    schema = schema_of(frame, group="g")
    folds = dealt(frame, schema, RetrainOptions(folds=5))
    assert folds.max() == 30 // FOLD_ROWS - 1
    own = frame.with_columns(fold=folds).group_by("g").agg(pl.col("fold").n_unique())
    assert own["fold"].max() == 1
    assert set(folds) == {NEVER, 1, 2}


def test_rows_equal_by_chance_are_dealt_apart_so_that_each_is_told_by_its_twins() -> None:
    """Few coarse columns: a row whose twins were all in its fold would never be told right."""
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"a": draw.integers(0, 3, 300) * 1.0, "b": draw.integers(0, 3, 300) * 1.0})
    frame = frame.with_columns(y=pl.when(pl.col("a") > 1).then(pl.lit("p")).otherwise(pl.lit("q")))
    folds = dealt(frame, schema_of(frame), RetrainOptions(folds=4))
    assert units_of(frame, schema_of(frame)) == 300 and set(folds) == set(range(5))
    own = frame.with_columns(fold=folds).group_by("a", "b").agg(pl.col("fold").n_unique())
    assert own["fold"].min() == 5


def old_folds(rows: pl.DataFrame, seen: np.ndarray | None, seed: int = 0, **roles: str) -> np.ndarray:
    new = table("classes", 90, 7)
    past = Past.of(OldRows(rows, seen=seen), seed)
    return dealt_old(past, schema_of(rows, **roles), new, np.arange(90) % 5, seed)


def test_old_rows_that_the_champion_has_not_seen_are_dealt_like_new_ones() -> None:
    rows, seen = table("classes", 600, 3), np.arange(600) < 200
    folds = old_folds(rows, seen)
    assert ((folds == LEARNT) == seen).all()
    sizes = np.bincount(folds[~seen])
    assert len(sizes) == 5 and abs(sizes[NEVER] - 600 / 5) <= 2 and np.ptp(sizes[1:]) <= 3
    for name in ("low", "mid", "top"):
        own = folds[~seen & (rows["y"] == name).to_numpy()]
        assert np.ptp(np.bincount(own)[1:]) <= 4
    assert (old_folds(rows, seen, 1) != folds).any()


def test_a_champion_that_knows_most_leaves_all_others_to_judge_later_ones() -> None:
    folds = old_folds(table("classes", 600, 3), np.arange(600) < 500)
    assert (folds[500:] == NEVER).all()


def test_no_more_old_rows_are_held_back_than_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retemper.retraining.folds.MOST_JUDGES", 30)
    sizes = np.bincount(old_folds(table("classes", 600, 3), np.zeros(600, dtype=bool)))
    assert abs(sizes[NEVER] - 30) <= 1


def test_where_nobody_knows_what_the_champion_has_seen_judges_are_not_learnt_from() -> None:
    folds = old_folds(table("classes", 200, 3), None)
    assert sorted(set(folds)) == [LEARNT, NEVER] and (folds == NEVER).sum() == 40


def test_old_rows_of_one_group_have_one_fold() -> None:
    once = table("classes", 200, 3)
    grouped = once.with_columns(g=pl.int_range(pl.len()) % 40)
    new = table("classes", 90, 7).with_columns(g=pl.int_range(pl.len()) % 30 + 30)
    among_new = (new["g"].to_numpy() % 3) + 1
    past = Past.of(OldRows(grouped, seen=np.zeros(200, dtype=bool)), 0)
    own = dealt_old(past, schema_of(grouped, group="g"), new, among_new, 0)
    group = grouped["g"].to_numpy()
    assert all(len(set(own[group == g])) == 1 for g in range(40))
    both = group >= 30
    assert (own[both] == group[both] % 3 + 1).all() and NEVER in own[~both]


def test_two_groups_can_not_be_dealt() -> None:
    frame = table("classes", 300, 1).with_columns(g=pl.int_range(pl.len()) % 30)
    few = frame.with_columns(g=pl.int_range(pl.len()) % 2)
    with pytest.raises(InputError) as caught:
        dealt(few, schema_of(frame, group="g"), RetrainOptions())
    assert caught.value.code == "too_few_groups"


def test_the_seed_deals() -> None:
    frame = table("numbers", 120, 1)
    schema = schema_of(frame)
    one, same, other = (dealt(frame, schema, RetrainOptions(seed=seed)) for seed in (3, 3, 4))
    assert (one == same).all() and (one != other).any()


def test_no_more_rows_are_held_back_than_the_bundle_will_keep() -> None:
    frame = pl.DataFrame({"a": np.arange(480.0), "y": ["u", "v"] * 240})
    schema = schema_of(frame)
    folds = dealt(frame, schema, RetrainOptions(folds=5), never=20)
    sizes = np.bincount(folds)
    assert sizes[NEVER] == 20 and sizes.sum() == 480 and len(sizes) == 6
    plain = dealt(frame, schema, RetrainOptions(folds=5))
    assert (folds == plain)[plain != NEVER].all()
    assert (dealt(frame, schema, RetrainOptions(folds=5), never=500) == plain).all()


def test_what_is_held_back_is_the_share_of_a_batch_among_all_rows_ever_met() -> None:
    frame = pl.DataFrame({"a": np.arange(100.0), "y": ["u", "v"] * 50})
    kept = Kept(seed=0).updated(frame, np.zeros(100, dtype=bool), 0, 40, schema_of(frame))
    options = RetrainOptions(keep_old=40)
    assert of_use(frame["y"], 100, options, None) == 10
    assert of_use(frame["y"], 100, options, kept) == 5
    assert of_use(pl.Series(["w", "z"] * 50), 100, options, kept) == 5
    assert of_use(None, 300, options, kept) == round(10 * 300 / 400)
    assert of_use(frame["y"], 100, RetrainOptions(), kept) == 5
    assert of_use(frame["y"], 100, RetrainOptions(keep_old=0), kept) is None
