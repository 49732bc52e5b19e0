"""Series made small for a page: fewer points, fewer digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rounded(values: NDArray[np.float64], digits: int = 5) -> list[float | None]:
    """Numbers with few digits, so that the page stays small; what is not finite becomes None.

    >>> rounded(np.array([1 / 3, np.nan]))
    [0.33333, None]
    """
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values.tolist()]


def evenly(count: int, most: int) -> list[int]:
    """Up to ``most`` of ``count`` places, evenly from the first to the last.

    >>> evenly(9, 3), evenly(2, 3), evenly(0, 3)
    ([0, 4, 8], [0, 1], [])
    """
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))}) if count else []
