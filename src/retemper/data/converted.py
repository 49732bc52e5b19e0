"""Cells in another unit are brought back: what was found in training rows holds when serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from retemper.data.sampled import sample_rows
from retemper.data.scaling import Floats
from retemper.data.units import MIN_DISTINCT, MIN_ROWS, MOST_ROWS, SPREADS, slipped


@dataclass(frozen=True)
class Conversion:
    """Cells of a column from ``low`` to ``high`` are divided by ``factor``; all others stay as they are."""

    column: str
    factor: float
    low: float
    high: float

    def where(self, x: Floats) -> Any:
        """Which cells [rows] are in the other unit."""
        return (x >= self.low) & (x <= self.high)


@dataclass(frozen=True)
class Conversions:
    """The columns in which some cells stand apart from the rest by the factor between two units.

    Only columns whose own values tell the two groups apart: a cell that only the other columns make unlikely may be a
    true one.
    """

    columns: tuple[Conversion, ...]

    @classmethod
    def fit(cls, names: Sequence[str], numbers: Sequence[Floats]) -> Conversions:
        """Look for the groups of :func:`retemper.data.units.slipped` in each column of positive numbers.

        Args:
            names: of the columns.
            numbers: their cells in training rows, [rows] each, NaN for missing; at most 20,000 rows are looked at.

        >>> metres = np.random.default_rng(0).normal(1.7, 0.1, 500)
        >>> mixed = np.where(np.arange(500) < 25, 100 * metres, metres)
        >>> found = Conversions.fit(["height"], [mixed])
        >>> found.columns[0].factor, bool(np.allclose(found.apply("height", mixed), metres))
        (100.0, True)
        """
        found = [own for name, x in zip(names, numbers, strict=True) if (own := _conversion(name, x))]
        return cls(tuple(found))

    def of(self, column: str) -> Conversion | None:
        """That of one column, if there is any."""
        return next((own for own in self.columns if own.column == column), None)

    def apply(self, column: str, x: Floats) -> Floats:
        """The cells [rows] of a column, all in one unit."""
        own = self.of(column)
        return x if own is None else np.where(own.where(x), x / own.factor, x)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {"columns": [asdict(own) for own in self.columns]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Conversions:
        """The conversions that :meth:`to_json` wrote."""
        return cls(tuple(Conversion(**own) for own in data["columns"]))


NO_CONVERSIONS = Conversions(())


def _conversion(name: str, x: Floats) -> Conversion | None:
    known = x[~np.isnan(x)]
    if len(known) < MIN_ROWS or known.min() <= 0:
        return None
    logs = np.log(known[sample_rows(len(known), MOST_ROWS, "units")])
    if len(np.unique(logs)) < MIN_DISTINCT:
        return None
    middle = float(np.median(logs))
    slip = slipped(logs - middle)
    if slip is None:
        return None
    there, reach = middle + float(np.log(slip.factor)), SPREADS * slip.spread
    return Conversion(name, slip.factor, float(np.exp(there - reach)), float(np.exp(there + reach)))
