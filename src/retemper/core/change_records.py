"""What a search for the change in a stream found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retemper.core.records import to_json


@dataclass(frozen=True)
class ChangePoint:
    """Where a stream of rows changed most, and whether chance explains it.

    Args:
        row: rows before the change; the first changed row is number ``row`` counted from 0.
        p_value: by permutation of blocks of rows.
        statistic: the scan statistic at ``row``.
        columns: by name, the share of the statistic that is the column's own, the largest first.
        rows, block: of the stream, and of a block.
        period: of the season that was taken out, in rows; None: none.
        when: the time of the first changed row, where rows have one.
    """

    row: int
    p_value: float
    statistic: float
    columns: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0
    block: int = 1
    period: float | None = None
    when: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        data: dict[str, Any] = to_json(self)
        return data
