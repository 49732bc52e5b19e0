"""Rows whose gains go together count as fewer; the order of independent rows, or of sorted ones, is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.schema import Schema, infer
from retemper.evaluation.paired import PairedMean
from retemper.retraining.decided import judged
from retemper.retraining.in_spells import ALPHA, batches, serial, spells_of

from .made import ground_of, past_of, table

ROWS = 400


def _correlated(seed: int, correlation: float) -> np.ndarray:
    draw = np.random.default_rng(seed)
    gain = draw.normal(size=ROWS)
    for row in range(1, ROWS):
        gain[row] = correlation * gain[row - 1] + np.sqrt(1 - correlation**2) * gain[row]
    return gain


def _table(y: np.ndarray, **roles: str) -> tuple[pl.DataFrame, Schema]:
    count = len(y)
    frame = pl.DataFrame(
        {"a": np.cos(np.arange(count)), "g": np.arange(count) // 4, "t": np.arange(count)[::-1], "y": y}
    )
    return frame, replace(infer(read(frame), DataOptions(target="y")), **roles)


def test_the_level_holds_where_rows_go_together_and_not_without_batches() -> None:
    trials = [_correlated(seed, 0.6) for seed in range(400)]
    batch = batches(ROWS)
    rates = [
        np.mean(
            [
                PairedMean.of(own.mean(), (own - own.mean()) / ROWS, group).p_above(0.0) <= 0.025
                for own in trials
            ]
        )
        for group in (None, batch)
    ]
    assert rates[0] > 0.1 and rates[1] < 0.045


def test_independent_rows_seldom_alarm_and_correlated_ones_do() -> None:
    none = np.zeros(ROWS, dtype=np.int64)
    alarms = [serial(_correlated(seed, 0.0), none, seed) <= ALPHA for seed in range(100)]
    assert sum(alarms) <= 12
    assert all(serial(_correlated(seed, 0.6), none, seed) <= ALPHA for seed in range(20))


def test_rows_sorted_by_class_are_in_no_order() -> None:
    y = np.repeat(["no", "yes"], ROWS // 2)
    frame, schema = _table(y)
    codes = (y == "yes").astype(int)
    gain = codes + _correlated(0, 0.0)
    assert spells_of(frame, schema, codes, gain, 0) is None
    assert serial(gain, np.zeros(ROWS, dtype=np.int64), 0) <= ALPHA


def test_rows_sorted_by_a_value_are_in_no_order() -> None:
    y = np.sort(np.random.default_rng(0).normal(size=ROWS))
    frame, schema = _table(y)
    assert spells_of(frame, schema, y, y**2, 0) is None
    # The same gain, where the value goes up and down.
    swapped = y.copy()
    swapped[[0, 1]] = y[[1, 0]]
    assert spells_of(frame, schema, swapped, y**2, 0) is not None


def test_named_groups_speak_for_themselves() -> None:
    y = np.random.default_rng(0).normal(size=ROWS)
    assert spells_of(*_table(y, group="g"), y, _correlated(0, 0.8), 0) is None


def test_a_time_column_gives_the_order() -> None:
    y = np.random.default_rng(0).normal(size=ROWS)
    mixed = np.random.default_rng(1).permutation(ROWS)
    gain = _correlated(0, 0.8)
    frame, schema = _table(y, time="t")
    assert spells_of(frame[mixed], replace(schema, time=None), y[mixed], gain[mixed], 0) is None
    found = spells_of(frame[mixed], schema, y[mixed], gain[mixed], 0)
    # Time runs against the rows' numbers.
    assert found is not None and np.array_equal(found, batches(ROWS)[::-1][mixed])


def test_the_gate_knows_that_a_spell_is_less_than_its_rows() -> None:
    rows = table("numbers", ROWS, 2, turned=True)
    ground = ground_of("numbers", rows, past_of("numbers", 0))
    size = np.abs(ground.y_new - ground.said_new)
    # The challenger is better for one half of the time, and worse for the other.
    share = np.where(np.arange(ROWS) < ROWS // 2, 0.3, 1.2)
    mixed = share[np.random.default_rng(0).permutation(ROWS)]
    found = [
        judged(ground, ground.grown, (ground.y_new + own * size, ground.said_old)).tests[0]
        for own in (share, mixed)
    ]
    assert [test.name for test in found] == ["better_on_new"] * 2
    assert found[0].p_value > 0.025 > found[1].p_value
    assert found[0].high - found[0].low > 1.5 * (found[1].high - found[1].low)
