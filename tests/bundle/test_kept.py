"""The reservoir: the same chance for all rows of a class, whichever batch they came in; half of it unseen."""

import numpy as np
import polars as pl
import pytest

from retemper.bundle.memory.kept import Kept, tenths_of
from retemper.data.schema import Column, Schema

CLASSES = Schema((Column("a", "number", 0, 9, ""),), Column("y", "category", 0, 2, ""), "classification")
VALUES = Schema((Column("a", "number", 0, 9, ""),), Column("y", "number", 0, 2, ""), "regression")
BATCHES, ROWS = 4, 200
Y = np.array(["rare" if k % 10 == 0 else "often" for k in range(BATCHES * ROWS)])


def stream(seed: int, most: int = 60) -> Kept:
    """One row in four was never trained on; one in ten is rare."""
    kept = Kept(seed)
    for batch in range(BATCHES):
        numbers = np.arange(ROWS * batch, ROWS * (batch + 1))
        frame = pl.DataFrame({"a": numbers, "y": Y[numbers], "id": numbers.astype(str)})
        kept = kept.updated(frame, numbers % 4 == 0, batch, most, CLASSES)
    return kept


def test_a_quarter_is_unseen_classes_are_balanced_and_identifiers_stay_out() -> None:
    kept = stream(0)
    assert kept.frame.columns == ["a", "y"] and kept.frame.height == 60 and kept.met == BATCHES * ROWS
    numbers = kept.frame["a"].to_numpy()
    assert np.array_equal(kept.unseen, numbers % 4 == 0) and kept.unseen.sum() == 15
    assert np.array_equal(kept.batch, numbers // ROWS) and list(kept.labels) == kept.frame["y"].to_list()
    assert (kept.frame["y"] == "rare").sum() in (29, 30, 31)
    assert kept.weights().sum() == pytest.approx(BATCHES * ROWS)
    assert stream(0).to_json() == kept.to_json() != stream(1).to_json()


def test_a_constant_stays_for_it_may_vary_tomorrow() -> None:
    columns = (Column("a", "number", 0, 9, ""), Column("dark", "constant", 0, 1, ""))
    schema = Schema(columns, Column("y", "category", 0, 2, ""), "classification")
    rows = pl.DataFrame({"a": range(40), "dark": [0.0] * 40, "y": ["u", "v"] * 20})
    kept = Kept(seed=0).updated(rows, np.zeros(40, dtype=bool), 0, 10, schema)
    assert kept.frame["dark"].to_list() == [0.0] * 10
    varies = Schema((columns[0], Column("dark", "number", 0, 2, "")), schema.target, "classification")
    later = kept.updated(rows.with_columns(dark=pl.lit(1.0)), np.zeros(40, dtype=bool), 1, 10, varies)
    assert later.frame["dark"].null_count() == 0 and set(later.frame["dark"]) == {0.0, 1.0}


def test_every_row_of_a_class_and_side_has_had_the_same_chance() -> None:
    trials = 150
    hits, plain = np.zeros(len(Y)), np.zeros(len(Y))
    for seed in range(trials):
        kept = stream(seed)
        numbers = kept.frame["a"].to_numpy()
        hits[numbers] += 1
        plain[numbers[kept.as_they_came()]] += 1
    unseen = np.arange(len(Y)) % 4 == 0
    for side in (unseen, ~unseen):
        for label in ("rare", "often"):
            own = [side[b * ROWS :][:ROWS] & (Y[b * ROWS :][:ROWS] == label) for b in range(BATCHES)]
            rates = [hits[b * ROWS :][:ROWS][rows].mean() / trials for b, rows in enumerate(own)]
            assert max(rates) - min(rates) < 0.08 and min(rates) > 0
    # A plain sample: the rare class has its own share of one in five (of the unseen rows), not one half.
    assert plain[~unseen].sum() == 0
    assert abs(plain[unseen & (Y == "rare")].sum() / plain.sum() - 0.2) < 0.03


def test_new_classes_and_columns_join_and_rows_without_a_label_do_not() -> None:
    schema = Schema((*CLASSES.columns, Column("b", "category", 0, 2, "")), CLASSES.target, "classification")
    new = pl.DataFrame({"a": [7.5] * 40, "b": ["u"] * 40, "y": ["third", None] * 20})
    kept = stream(0).updated(new, np.ones(40, dtype=bool), BATCHES, 60, schema)
    assert kept.frame.columns == ["a", "y", "b"] and kept.met == BATCHES * ROWS + 20
    assert kept.unseen.sum() == 15 and (kept.frame["y"] == "third").sum() == 5
    assert kept.frame.filter(pl.col("y") != "third")["b"].null_count() == 55


def test_a_regression_is_spread_over_the_tenths_of_its_target() -> None:
    y = np.random.default_rng(0).lognormal(size=1000)
    kept = Kept(0, tenths_of(y)).updated(
        pl.DataFrame({"a": y, "y": y}), np.arange(1000) < 300, 0, 100, VALUES
    )
    counts = np.unique(np.array(kept.labels)[~kept.unseen], return_counts=True)[1]
    assert counts.tolist() == [7, 8, 7, 8, 8, 8, 7, 8, 7, 7]


def test_rows_that_are_trained_on_later_change_sides() -> None:
    kept = stream(0)
    chosen = kept.unseen & (kept.frame["y"] == "rare").to_numpy()
    moved = kept.now_trained(chosen)
    assert chosen.any() and not moved.unseen[chosen].any()
    assert moved.unseen.sum() == kept.unseen.sum() - chosen.sum()
    assert moved.met == kept.met and moved.weights().sum() == pytest.approx(kept.met)


def test_no_place_is_held_for_rows_that_are_gone() -> None:
    """Of many rows that were met unseen few are left: those trained on take the places that stay free."""
    kept, draw = stream(0), np.random.default_rng(0)
    for batch in range(BATCHES, BATCHES + 3):
        gone = kept.unseen & (draw.random(len(kept.unseen)) < 0.5)
        kept = kept.now_trained(gone)
        numbers = np.arange(ROWS * batch, ROWS * (batch + 1))
        frame = pl.DataFrame({"a": numbers, "y": np.where(numbers % 10 == 0, "rare", "often")})
        kept = kept.updated(frame, np.zeros(ROWS, dtype=bool), batch, 60, CLASSES)
        # A row that was dropped is gone, so a place or two may wait for the next batch.
        assert kept.frame.height >= 58 and kept.unseen.sum() < 15


def test_fewer_and_no_rows() -> None:
    frame = pl.DataFrame({"a": [1], "y": ["often"]})
    fewer = stream(0).updated(frame, np.array([True]), BATCHES, 20, CLASSES)
    assert fewer.frame.height == 20 and fewer.unseen.sum() == 5
    assert stream(0).updated(frame, np.array([True]), BATCHES, 0, CLASSES).frame.height == 0
