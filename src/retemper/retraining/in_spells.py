"""Rows in order whose gains go together: n of them tell less than n that are independent.

A season, a fault or a customer lasts for many rows, in which one of two models is better than the other. Then the mean
gain varies more than √n says, and a test by rows promotes too often: at a correlation of .5 from row to row 13 % of
challengers without gain, at a level of 2.5 %. Means of √n consecutive rows are nearly independent (batch means, Conway
1963), and hold the level.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.data.schema import Schema
from retemper.data.whole_units import times_of
from retemper.retraining.two_samples.monte_carlo import Floats, p_value

Codes = NDArray[np.int64]
ALPHA = 0.05
"""Level of the test of order. Batches of independent rows cost little power, so that it need not be strict."""
DRAWS = 199


def spells_of(
    frame: pl.DataFrame, schema: Schema, y: NDArray[np.generic], gain: Floats, seed: int
) -> Codes | None:
    """The batch of each row [N] that varies as one, or None where the order of rows says nothing of the gain.

    The order is that of the time column, where there is one, else that of the rows. Where they are sorted by a
    regression's target, which no time does, there is none; and groups that are named speak for themselves.

    Args:
        frame: labelled rows.
        schema: with the columns of groups and of the time.
        y: class codes, or values [N].
        gain: by how much the one model's loss is above the other's [N].
        seed: of the permutations.
    """
    if schema.group is not None and schema.group in frame.columns:
        return None
    steps = np.diff(y.astype(np.float64))
    if schema.task == "regression" and ((steps >= 0).all() or (steps <= 0).all()):
        return None
    rank = np.arange(frame.height)
    if schema.time is not None and schema.time in frame.columns and not frame[schema.time].null_count():
        times = times_of(frame[schema.time], "the new rows")
        rank = np.argsort(np.argsort(times, kind="stable"), kind="stable")
    strata = y.astype(np.int64) if schema.task == "classification" else np.zeros(len(y), dtype=np.int64)
    order = np.argsort(rank)
    if serial(gain[order], strata[order], seed) > ALPHA:
        return None
    return batches(len(rank))[rank]


def batches(rows: int) -> Codes:
    """The number of each row's batch: √n batches of √n consecutive rows.

    >>> batches(10).tolist()
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    """
    return np.arange(rows) // max(1, math.ceil(math.sqrt(rows)))


def serial(gain: Floats, stratum: Codes, seed: int) -> float:
    """p-value of "the order of the rows says nothing of the gain", by permutation.

    The statistic is the sum of squares between batches. Gains are permuted within strata, the classes: so rows that are
    sorted by class, or classes that come in spells, are no reason to alarm.

    Args:
        gain: in the order of the rows [N].
        stratum: class codes [N], all 0 in a regression.
        seed: of the permutations.

    >>> draw = np.random.default_rng(0)
    >>> noise, strata = draw.normal(size=400), np.zeros(400, dtype=int)
    >>> serial(noise, strata, 0) > 0.05, serial(noise + np.sin(np.arange(400) / 30), strata, 0)
    (True, 0.005)
    """
    values = gain - gain.mean()
    batch = batches(len(values))
    rows = np.bincount(batch)
    groups = [np.flatnonzero(stratum == code) for code in np.unique(stratum)]
    draw = generator(seed, "serial correlation")

    def between(own: Floats) -> float:
        return float((np.bincount(batch, own) ** 2 / rows).sum())

    def permuted(count: int) -> Floats:
        found = np.empty(count)
        own = values.copy()
        for k in range(count):
            for places in groups:
                own[places] = values[draw.permutation(places)]
            found[k] = between(own)
        return found

    return p_value(between(values), permuted, DRAWS)
