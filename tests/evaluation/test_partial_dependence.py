"""Partial dependence: the curve of a known model, its spread over rows and networks."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from retemper.core.records import NotApplicable
from retemper.evaluation.held_out import HeldOut
from retemper.evaluation.partial_dependence import MOST_LEVELS, POINTS, named, partial_dependence

KINDS = {"a": "number", "b": "number", "c": "category", "day": "datetime", "text": "text"}


def table(rows=400):
    draw = np.random.default_rng(0)
    a = draw.normal(size=rows)
    day = pl.Series([datetime(2024, 1, 1)] * rows).dt.offset_by(
        pl.Series([f"{k % 90}d" for k in range(rows)])
    )
    return pl.DataFrame(
        {
            "a": [None if k % 10 == 0 else float(x) for k, x in enumerate(a)],
            "b": draw.integers(-1, 2, rows),
            "c": draw.choice([f"level {k}" for k in range(15)], rows, p=np.arange(15, 0, -1) / 120),
            "day": day,
            "text": ["words"] * rows,
        }
    )


def answer(cells, _):
    """b·a, 10 for a missing a; the level's number on top."""
    level = cells["c"].str.extract(r"(\d+)").cast(pl.Float64)
    return (cells["b"] * cells["a"].fill_null(10.0) + level).to_numpy()


def held_of(predict=answer, members=(), y=None, task="regression"):
    frame = table()
    return HeldOut(frame, np.zeros(400) if y is None else y, task, predict, KINDS, members)


def test_the_curve_is_the_mean_over_the_rows_asked():
    held = held_of()
    found = partial_dependence(held, "a", most_rows=400)
    (curve,) = found.curves
    others = np.asarray(answer(held.frame.with_columns(pl.lit(0.0).alias("a")), None))
    slope = held.frame["b"].to_numpy()
    grid = np.array([10.0 if value is None else value for value in found.grid])
    assert found.grid[-1] is None and found.share[-1] == pytest.approx(0.1)
    assert len(grid) == POINTS + 1 and found.share.sum() == pytest.approx(1)
    assert curve.mean == pytest.approx(others.mean() + slope.mean() * grid)
    rows = others[None, :] + slope[None, :] * grid[:, None]
    assert curve.quantiles[2] == pytest.approx(np.median(rows, axis=1))
    # Rows react in opposite ways: the quantiles show it where the mean does not.
    assert np.ptp(curve.mean) < 0.2 * np.ptp(curve.quantiles[4])
    assert (curve.low < curve.mean).all() and (curve.mean < curve.high).all()
    half = 1.96 * rows.std(1) / np.sqrt(400)
    assert (curve.high - curve.low) / 2 == pytest.approx(half, rel=0.25)


def test_levels_come_by_frequency_and_dates_in_order():
    found = partial_dependence(held_of(), "c", most_rows=50)
    numbers = [int(level.split()[1]) for level in found.grid]
    assert len(numbers) == MOST_LEVELS and (np.diff(found.share) <= 0).all()
    assert np.diff(found.curves[0].mean) == pytest.approx(np.diff(numbers))
    days = partial_dependence(held_of(), "day", most_rows=50)
    assert list(days.grid) == sorted(days.grid) and days.grid[0].startswith("2024-01-0")
    assert np.ptp(days.curves[0].mean) == pytest.approx(0)


def test_a_value_that_most_rows_have_leaves_points_for_the_others():
    gain = np.where(np.arange(400) % 10 < 9, 0.0, np.arange(400) * 10.0)
    frame = pl.DataFrame({"gain": gain})
    held = HeldOut(frame, gain, "regression", lambda f, _: f["gain"].to_numpy(), {"gain": "number"})
    found = partial_dependence(held, "gain")
    assert found.grid[0] == 0 and len(found.grid) >= POINTS - 2 and found.share[0] >= 0.9


def test_networks_that_disagree_widen_the_interval():
    def network(sign):
        return lambda cells, rows: answer(cells, rows) + sign * cells["b"].to_numpy()

    agreed = held_of(members=((network(0), 0.5), (network(0), 0.5)))
    apart = held_of(members=((network(-9), 0.5), (network(9), 0.5)))
    narrow, wide = (partial_dependence(held, "b", most_rows=100).curves[0] for held in (agreed, apart))
    assert wide.mean == pytest.approx(narrow.mean)
    assert (wide.high - wide.low)[[0, 2]].min() > 3 * (narrow.high - narrow.low).max()
    assert (wide.high - wide.low)[1] == pytest.approx((narrow.high - narrow.low)[1])  # they agree at b = 0


def test_of_many_classes_those_that_move_are_shown():
    def classes(cells, _):
        p = np.full((cells.height, 8), 0.1)
        p[:, 6] = 0.05 + 0.1 * (cells["b"].to_numpy() + 1)
        p[:, 7] = 1 - p[:, :7].sum(1)
        return p

    held = held_of(classes, y=np.zeros(400, dtype=int), task="classification")
    found = named(partial_dependence(held, "b"), [f"class {k}" for k in range(8)])
    shown = [curve["output"] for curve in found["curves"]]
    assert len(shown) == 5 and {"class 6", "class 7"} <= set(shown)
    assert list(found["curves"][0]["quantiles"]) == ["0.1", "0.25", "0.5", "0.75", "0.9"]
    two = held_of(lambda f, _: np.full((f.height, 2), 0.5), y=np.zeros(400, dtype=int), task="classification")
    assert [curve.output for curve in partial_dependence(two, "b").curves] == [1]


def test_text_has_no_curve():
    with pytest.raises(NotApplicable, match="kind text"):
        partial_dependence(held_of(), "text")
