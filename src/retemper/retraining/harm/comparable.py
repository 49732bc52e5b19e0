"""Two samples of rows made fit to be compared: not too many, and without columns that one side does not cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retemper.core.seeds import generator
from retemper.retraining.harm.rows import Rows

MOST_ROWS, MOST_CELLS, CLASS_CELLS = 10_000, 1_000_000, 10
"""Of a side: rows, and rows × columns, a class counting as ten. More settle nothing and take seconds."""
EDGE = 0.005
"""Share of the reference at each end that does not count as a column's range."""
MOST_OUTSIDE = 0.5


def some(rows: Rows, seed: int) -> Rows:
    """At most 10,000 of the rows, by chance; with many classes or columns fewer, 1,000 at least."""
    classes = rows.outputs.shape[1] if rows.outputs.ndim == 2 else 1
    cells = max(CLASS_CELLS * classes, rows.features.shape[1])
    most = int(np.clip(MOST_CELLS // cells, MOST_ROWS // 10, MOST_ROWS))
    if rows.count <= most:
        return rows
    return rows.take(np.sort(generator(seed, "harm_rows").choice(rows.count, most, replace=False)))


def covered(reference: Rows, new: Rows) -> tuple[Rows, Rows, int]:
    """Without the columns in which more than half of the new rows lie outside of the reference's range.

    The year is such a column: it tells every new row from every old one, and no weight can make the old ones alike.

    Returns:
        (reference, new, how many columns were left out)

    >>> ages = np.linspace(20, 60, 100)
    >>> then, later = (Rows.of("regression", ages, features=np.stack([ages, ages * 0 + k], 1)) for k in (2020, 2021))
    >>> covered(then, later)[2]
    1
    """
    if not reference.features.shape[1]:
        return reference, new, 0
    empty = np.isnan(reference.features).all(axis=0)
    filled = np.where(empty, 0.0, reference.features)
    low, high = np.nanquantile(filled, [EDGE, 1 - EDGE], axis=0)
    with np.errstate(invalid="ignore"):
        outside = (new.features < low) | (new.features > high)
    kept = (outside.mean(axis=0) <= MOST_OUTSIDE) & ~empty
    old, later = (replace(own, features=own.features[:, kept]) for own in (reference, new))
    told = ~np.isnan(new.features).all(axis=0)  # empty on both sides: nothing is lost with it
    return old, later, int((~kept & told).sum())
