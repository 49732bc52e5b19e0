"""Since when: where among the new rows the columns that have drifted changed."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

import numpy as np
import polars as pl

from retemper.bundle.model import Model
from retemper.core.change_records import ChangePoint
from retemper.core.drift_records import Drift
from retemper.data.schema import Column
from retemper.retraining.streams.scan import scan
from retemper.retraining.two_samples.monte_carlo import Floats
from retemper.retraining.two_samples.samples import levels_of, numbers_of
from retemper.retraining.two_samples.side_by_side import as_learnt

FEWEST_ROWS, MOST_ROWS, MOST_COLUMNS = 100, 10_000, 8


def since_when(drift: Drift, new: pl.DataFrame, model: Model, seed: int) -> ChangePoint | None:
    """The change point of the new rows, where chance does not explain it.

    Rows are in the order of the model's time column, or else of their arrival. Only new rows are scanned, by at most
    eight columns that have drifted against the old ones: which those are does not depend on the new rows' order, so
    that the permutation p-value holds. Of more than 10,000 rows every second, third, … is looked at.

    Args:
        drift: of the new rows; None is returned where it is not detected.
        new: the rows of now.
        model: its schema tells the time column and the columns' kinds.
        seed: of the permutations.

    Returns:
        With ``row`` and ``rows`` counted in all new rows, and ``when``, the time at that row where there is one. None
        where there are fewer than 100 rows, or where they may as well be in any order: then all or none of them come
        from after the change.
    """
    if not drift.detected or new.height < FEWEST_ROWS:
        return None
    schema, frame = model.schema, as_learnt(new, model).frame
    time = schema.time if schema.time in frame.columns else None
    if time is not None:
        frame = frame.filter(pl.col(time).is_not_null()).sort(time, maintain_order=True)
    step = -(-frame.height // MOST_ROWS)
    some = frame.gather_every(max(1, step))
    names = dict.fromkeys(column.name for column in drift.drifted)
    known = {column.name: column for column in schema.columns if column.name in frame.columns}
    # A column of one value, or of none, has no row from which on it is another.
    varying = [name for name in names if name in known and some[name].drop_nulls().n_unique() > 1]
    columns = [known[name] for name in varying][:MOST_COLUMNS]
    if not columns or some.height < FEWEST_ROWS:
        return None
    values = np.stack([_values(some[column.name], column) for column in columns], axis=1)
    found = scan(values, tuple(column.name for column in columns), isqrt(some.height), seed, None)
    if found.p_value > drift.alpha:
        return None
    row = found.row * step
    when = None if time is None else str(frame[time][row]).removesuffix(" 00:00:00")
    return replace(found, row=row, rows=frame.height, block=found.block * step, when=when)


def _values(cells: pl.Series, column: Column) -> Floats:
    if column.kind in ("category", "boolean"):
        return levels_of(cells).astype(np.float64)
    return numbers_of(cells, column)
