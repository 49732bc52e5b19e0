"""Columns in words: every row in one band, and the band's condition true of it."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from retemper.evaluation.bands import bands_of, explained
from retemper.evaluation.slices import conditions_of


def table(rows=500):
    draw = np.random.default_rng(0)
    number = draw.normal(size=rows).round(2)
    return pl.DataFrame(
        {
            "number": [None if k % 7 == 0 else float(x) for k, x in enumerate(number)],
            "count": draw.integers(4, size=rows),
            "city": [f"c{k}" for k in draw.geometric(0.3, rows)],
            "day": pl.Series([datetime(2024, 1, 1)] * rows).dt.offset_by(
                pl.Series([f"{k}d" for k in range(rows)])
            ),
            "flag": draw.random(rows) < 0.3,
            "same": ["x"] * rows,
            "words": ["some free text"] * rows,
        }
    )


KINDS = {
    "number": "number", "count": "number", "city": "category", "day": "datetime", "flag": "boolean",
    "same": "category", "words": "text",
}  # fmt: skip


def test_columns_of_one_band_and_text_are_passed_over():
    assert [own.column for own in bands_of(table(), KINDS, 30)] == ["number", "count", "city", "day", "flag"]


def test_every_row_meets_the_condition_of_its_band_and_no_other():
    frame = table()
    for own in bands_of(frame, KINDS, 30):
        met = np.stack([meets(frame[own.column], condition) for condition in own.conditions], 1)
        assert (met.sum(1) == 1).all() and (met.argmax(1) == own.codes).all(), own.column


def rare_levels(cells):
    counts = cells.value_counts(name="rows")
    return counts.filter(pl.col("rows") < 30)[cells.name].implode()


def meets(cells, condition):
    if condition.op == "missing":
        return cells.is_null().to_numpy()
    if condition.op == "rare":
        return cells.is_in(rare_levels(cells)).to_numpy()
    if condition.op == "level":
        return (cells.cast(pl.String).fill_null("") == condition.level).to_numpy()
    inside = pl.Series([True] * len(cells))
    ends = [datetime.fromisoformat(e) if isinstance(e, str) else e for e in (condition.low, condition.high)]
    if ends[0] is not None:
        inside &= cells > ends[0]
    if ends[1] is not None:
        inside &= cells <= ends[1]
    return inside.fill_null(False).to_numpy()


def test_both_sides_of_a_cut_are_conditions_too():
    frame = pl.DataFrame({"x": [*np.arange(80.0), *[None] * 20]})
    table = conditions_of(bands_of(frame, {"x": "number"}, 5))
    for k, condition in enumerate(table.named):
        assert (table.holds[:, k] == meets(frame["x"], condition)).all(), condition.words
    words = [condition.words for condition in table.named]
    assert "x ≤ 9" in words and "x ≤ 19" in words and "x > 69" in words and "x is missing" in words
    assert len(set(words)) == len(words)


def test_rare_levels_are_one_band_and_named_by_their_number():
    frame = pl.DataFrame({"c": ["a"] * 40 + ["b"] * 40 + [f"r{k}" for k in range(20)]})
    (own,) = bands_of(frame, {"c": "category"}, 30)
    assert [condition.words for condition in own.conditions] == [
        "c is a",
        "c is b",
        "c is one of 20 rarer levels",
    ]
    assert np.bincount(own.codes).tolist() == [40, 40, 20]


def test_explained_is_the_share_of_variance_between_bands():
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"c": draw.choice(["a", "b"], 4000), "n": draw.normal(size=4000)})
    outputs = np.where(frame["c"] == "a", 1.0, -1.0) + draw.normal(size=4000)
    shares = explained(bands_of(frame, {"c": "category", "n": "number"}, 5), outputs)
    assert shares[0] == pytest.approx(0.5, abs=0.04) and abs(shares[1]) < 0.01
