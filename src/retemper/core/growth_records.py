"""What a model gained when it met classes, columns and levels that it had not been trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retemper.core.records import to_json


@dataclass(frozen=True)
class Sources:
    """For each place of a larger layout of prepared rows the old place that it continues; −1: it is new.

    Args:
        numbers: of the scaled numbers, and so of their places among bins.
        gaps: of the columns that say which numbers were missing.
        levels: of all one-hot columns together, one level after another.
        words: of the columns after the gaps.
        tables: of each column with a learned embedding, the rows of its table; all −1: the column is new.
    """

    numbers: tuple[int, ...]
    gaps: tuple[int, ...] = ()
    levels: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    tables: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Added:
    """What a model has room for that it had none for before, and what it had to give up for it.

    Args:
        classes: new ones with their share of the labelled rows, in the order of the outputs.
        levels: by column, new levels of categories that were known.
        columns: new ones with their kind.
        gone: columns that new rows no longer have; they count as missing there.
        given_up: what was decided for the old classes alone and is to be decided anew (a threshold, prediction sets).
    """

    classes: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was added at all.

        >>> bool(Added()), bool(Added(gone=("age",)))
        (False, True)
        """
        return bool(self.classes or self.levels or self.columns or self.gone)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        data: dict[str, Any] = to_json(self)
        return data
