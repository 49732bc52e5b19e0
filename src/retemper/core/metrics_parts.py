"""A loss that was logged only in parts (``train/box_loss``, ``train/cls_loss``) as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from retemper.core.metric_names import part_of
from retemper.core.metrics_layout import Row

FEWEST_PARTS = 2


def with_whole_loss(rows: Sequence[Row]) -> list[Row]:
    """The rows with the sum of a loss's parts, where training and validation have the same parts and no whole.

    Both sums then fall and rise as their training does, whatever the weights of the parts. A generator's loss and its
    critic's, which pull against each other, have no such names.

    >>> row = {"train/a_loss": 1, "train/b_loss": 2, "val/a_loss": 3, "val/b_loss": "4"}
    >>> with_whole_loss([row])[0]["total val/loss"]
    7.0
    """
    columns: dict[str, dict[str, str]] = {"train": {}, "val": {}}
    for name in dict.fromkeys(name for row in rows for name in row):
        stage, part = part_of(str(name))
        if part:
            columns[stage][part] = name
    if columns["train"].keys() != columns["val"].keys() or len(columns["train"]) < FEWEST_PARTS:
        return list(rows)
    return [{**row, **_sums(row, columns)} for row in rows]


def _sums(row: Row, columns: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    sums = {}
    for stage, parts in columns.items():
        cells = [row.get(name) for name in parts.values()]
        if all(cell is not None and str(cell).strip() for cell in cells):
            sums[f"total {stage}/loss"] = sum(_number(cell) for cell in cells)
    return sums


def _number(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return math.nan
