"""Since when? Where a stream of rows changed."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np

from retemper.api.faults import machine_faults
from retemper.core.change_records import ChangePoint
from retemper.core.errors import InputError
from retemper.core.recipe_sections import DataOptions
from retemper.data.read import read
from retemper.data.rewritten import rewritten
from retemper.data.schema import infer
from retemper.retraining.streams.scan import scan
from retemper.retraining.streams.season import without_season
from retemper.retraining.two_samples.samples import levels_of, numbers_of

FEWEST_ROWS, FEWEST_BLOCKS = 100, 10


def change_point(
    data: Any,
    period: float | None = None,
    block: int | None = None,
    leave_out: Sequence[str] = (),
    seed: int = 0,
) -> ChangePoint:
    """The row from which on the rows of a stream differ most from those before, and whether chance explains it.

    Columns count by their ranks, their spreads and how they go together; levels by their frequency. Take the season
    out where there is one, or the scan finds summer.

    Args:
        data: rows in the order of time: a path, frame, array or dict, as for :func:`retemper.train`.
        period: rows of a cycle to be taken out, above 2 (365.25 for days); None: no season.
        block: rows that stay together in the permutations, longer than rows remember; None: √rows.
        leave_out: columns that are not looked at (the time itself).
        seed: of the permutations, 0 or more.

    Returns:
        ``.row`` (rows before the change), ``.p_value``, ``.columns`` with their shares in it, ``.to_json()``.

    Raises:
        InputError: data that can't be read, fewer than 100 rows, or an option out of its range.

    >>> draws = np.random.default_rng(0)
    >>> stream = {"a": np.r_[draws.normal(size=300), 1 + draws.normal(size=200)], "b": draws.normal(size=500)}
    >>> found = change_point(stream)
    >>> abs(found.row - 300) < 20, found.p_value <= 0.01, list(found.columns)[0]
    (True, True, 'a')
    """
    with machine_faults():
        table = read(data)
        rows = table.frame.height
        length = isqrt(rows) if block is None else block
        _check(rows, period, length, seed)
        unknown = [name for name in leave_out if name not in table.frame.columns]
        if unknown:
            _refuse("leave_out", f"leave_out names {unknown[0]!r}, which is no column.", "missing_column")
        schema = infer(table, DataOptions(drop=tuple(leave_out)), FEWEST_ROWS)
        frame = rewritten(table, schema).frame
        columns = schema.features()
        cells = [
            levels_of(frame[column.name]).astype(np.float64)
            if column.kind in ("category", "boolean")
            else numbers_of(frame[column.name], column)
            for column in columns
        ]
        values = np.stack(cells, axis=1)
        if period is not None:
            middle = np.nanmedian(values, axis=0)
            values = without_season(np.where(np.isnan(values), middle, values), period)
        return scan(values, tuple(column.name for column in columns), length, seed, period)


def _check(rows: int, period: float | None, block: int, seed: int) -> None:
    if rows < FEWEST_ROWS:
        _refuse("data", f"The stream has {rows} rows, but at least {FEWEST_ROWS} are needed.", "too_few_rows")
    if period is not None and not 2 < period <= rows:
        _refuse("period", f"2 < period <= {rows} (the rows) must hold, but got {period!r}.")
    if not 1 <= block <= rows // FEWEST_BLOCKS:
        _refuse("block", f"1 <= block <= {rows // FEWEST_BLOCKS} (rows / 10) must hold, but got {block!r}.")
    if seed < 0:
        _refuse("seed", f"seed must be 0 or more, but got {seed!r}.")


def _refuse(option: str, message: str, code: str = "bad_option") -> None:
    raise InputError(code, message, {"option": option}, "Correct it, or leave it out.")
