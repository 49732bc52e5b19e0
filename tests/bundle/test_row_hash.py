"""A row has one number, whatever it was read from."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from retemper.bundle.memory.row_hash import row_hashes
from retemper.bundle.memory.trained import Layer, Trained
from retemper.core.errors import InputError
from retemper.core.recipe_sections import ColumnKind, DataOptions
from retemper.data.read import read
from retemper.data.rewritten import rewritten
from retemper.data.schema import Column, Schema, infer

ROWS = 80
NUMBERS = Schema((Column("a", "number", 0, 9, ""),), Column("y", "number", 0, 9, ""), "regression")


def mixed() -> pl.DataFrame:
    draw = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "single": pl.Series(draw.normal(size=ROWS).astype(np.float32)),
            "whole": [None if k % 7 == 0 else k for k in range(ROWS)],
            "price": [f"${k},{k:03d}" for k in range(ROWS)],
            "day": [datetime(2024, 1, 1) + timedelta(days=k % 9, hours=k) for k in range(ROWS)],
            "city": draw.choice(["Rome", "Oslo", "São Paulo"], ROWS),
            "open": draw.choice([True, False], ROWS),
            "y": draw.choice([0, 1], ROWS),
        }
    )


def test_a_row_has_one_number_in_csv_parquet_and_memory(tmp_path: Path) -> None:
    frame = mixed()
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    schema = infer(read(frame, "y"), DataOptions(target="y"))
    assert {column.name: column.kind for column in schema.features()} == {
        "single": "number", "whole": "number", "price": "number", "day": "datetime", "city": "category",
        "open": "boolean",
    }  # fmt: skip
    tables = [read(source) for source in (tmp_path / "a.csv", tmp_path / "a.parquet", frame.to_pandas())]
    frames = [frame, *(table.frame for table in tables), rewritten(tables[0], schema).frame]
    frames.append(frame.select(reversed(frame.columns)).with_columns(pl.col("y").cast(pl.String)))
    first, *others = [row_hashes(own, schema, 5) for own in frames]
    assert all(np.array_equal(first, own) for own in others)
    assert len(np.unique(first)) == ROWS
    assert np.array_equal(row_hashes(frame, schema, 5, np.array([3, 70])), first[[3, 70]])
    assert not (row_hashes(frame, schema, 6) == first).any()


@pytest.mark.parametrize("column", ["single", "whole", "price", "day", "city", "open", "y"])
def test_every_cell_counts(column: str) -> None:
    frame = mixed()
    schema = infer(read(frame, "y"), DataOptions(target="y"))
    other = frame.with_columns(frame[column].reverse())
    same = (frame[column].is_null() & other[column].is_null()) | (frame[column] == other[column]).fill_null(
        False
    )
    assert ((row_hashes(frame, schema, 0) == row_hashes(other, schema, 0)) == same.to_numpy()).all()


def test_a_column_that_came_later_leaves_old_rows_their_number() -> None:
    old = pl.DataFrame({"a": [1.0, 2.0], "y": [0.0, 1.0]})
    grown = Schema((*NUMBERS.columns, Column("b", "category", 0, 2, "")), NUMBERS.target, "regression")
    before = row_hashes(old, NUMBERS, 0)
    assert np.array_equal(row_hashes(old, grown, 0), before)
    assert np.array_equal(row_hashes(old.with_columns(b=pl.lit(None, pl.String)), grown, 0), before)
    assert not (row_hashes(old.with_columns(b=pl.lit("u")), grown, 0) == before).any()


def test_rows_without_their_target_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        row_hashes(pl.DataFrame({"a": [1.0]}), NUMBERS, 0)
    assert caught.value.code == "missing_target"


def rows(first: int, count: int) -> pl.DataFrame:
    return pl.DataFrame({"a": np.arange(first, first + count, dtype=float), "y": np.zeros(count)})


def test_the_filter_knows_all_its_rows_and_few_others() -> None:
    trained = Trained.drawn(0).with_rows(rows(0, 20_000), NUMBERS)
    others = trained.seen(rows(20_000, 20_000), NUMBERS).mean()
    assert trained.seen(rows(0, 20_000), NUMBERS).all() and trained.rows >= 19_999
    assert 0.007 < others < 0.013 and abs(trained.false_yes - others) < 0.003
    assert 8 * sum(layer.bits.size for layer in trained.layers) <= 10 * trained.rows


def test_the_filter_grows_and_stays_honest() -> None:
    trained = Trained.drawn(0)
    for first in range(0, 10_000, 1000):
        trained = trained.with_rows(rows(first, 1000), NUMBERS)
    again = trained.with_rows(rows(0, 10_000), NUMBERS)
    assert len(trained.layers) <= 5 and again.rows == trained.rows
    assert trained.seen(rows(0, 10_000), NUMBERS).all()
    assert abs(trained.seen(rows(10_000, 20_000), NUMBERS).mean() - trained.false_yes) < 0.004
    assert trained.false_yes < 0.02


def test_with_too_little_room_the_share_of_false_answers_rises_and_is_told() -> None:
    keys = np.random.default_rng(0).integers(2**63, size=4000).astype(np.uint64)
    layer = Layer.sized(2000, 0.01, 1000).with_keys(keys[:2000])
    assert layer.bits.size == 1000 and layer.holds(keys[:2000]).all()
    assert layer.false_yes > 0.1 and abs(layer.holds(keys[2000:]).mean() - layer.false_yes) < 0.03


def sold(month: list[object], first: int = 0) -> pl.DataFrame:
    count = len(month)
    return pl.DataFrame(
        {"a": np.arange(first, first + count, dtype=float), "month": month, "y": [0.0] * count}
    )


def with_month(kind: ColumnKind) -> Schema:
    return Schema((*NUMBERS.columns, Column("month", kind, 0, 1, "")), NUMBERS.target, "regression")


@pytest.mark.parametrize(
    ("kind", "then", "now"),
    [
        ("number", 1, 2),
        ("number", "1.50", 2.5),
        ("category", "May", "June"),
        ("category", 1, 2),
        ("boolean", "yes", "no"),
        ("boolean", True, False),
        ("datetime", "2024-05-01", "2024-06-01"),
        ("datetime", datetime(2024, 5, 1, 9), datetime(2024, 6, 1)),
    ],
)
def test_rows_are_known_again_once_a_constant_varies(kind: ColumnKind, then: object, now: object) -> None:
    trained = Trained.drawn(0).with_rows(sold([then] * 40), with_month("constant"))
    trained = Trained.from_json(trained.to_json(), trained.bits())
    assert trained.seen(sold([then] * 40), with_month("constant")).all()
    assert trained.seen(sold([then] * 40), with_month(kind)).all()
    assert trained.seen(sold([then] * 40).drop("month"), with_month(kind)).all()
    assert trained.seen(sold([now] * 40), with_month(kind)).mean() < 0.1
    later = trained.with_rows(sold([now] * 40), with_month(kind))
    assert later.seen(sold([now] * 40), with_month(kind)).all()
    assert later.seen(sold([then] * 40), with_month(kind)).all()


def test_a_constant_may_have_another_value_in_each_batch() -> None:
    trained = Trained.drawn(0)
    for month in (1, 2, 3):
        trained = trained.with_rows(sold([month] * 40, 40 * month), with_month("constant"))
    whole = [trained.seen(sold([month] * 40, 40 * month), with_month("number")) for month in (1, 2, 3)]
    assert trained.alone == {"month": ("1", "2", "3")} and np.concatenate(whole).all()


def test_a_value_of_few_rows_is_not_noted_and_its_column_never_counted() -> None:
    trained = Trained.drawn(0).with_rows(sold([None] * 36 + ["secret"] * 4), with_month("constant"))
    assert trained.alone == {"month": None} and "secret" not in str(trained.to_json())
    trained = trained.with_rows(sold(["open"] * 40, 40), with_month("constant"))
    assert trained.alone == {"month": None}
    assert trained.seen(sold(["other"] * 80), with_month("category")).all()


def test_a_value_of_another_kind_than_the_column_is_now_is_in_no_cell() -> None:
    trained = Trained.drawn(0).with_rows(sold(["soon"] * 40), with_month("constant"))
    assert trained.seen(sold(["2024-05-01"] * 40), with_month("datetime")).mean() < 0.1
