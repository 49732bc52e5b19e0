"""Settings as numbers, for models of what they are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retemper.search.distributions import Distributions
from retemper.search.space import Interval, Setting, Space


class Points:
    """The share of a range; one column for each word; −1, where a condition leaves an option out.

    >>> from retemper.search.space import Words
    >>> space = Space({"rate": Interval(0.01, 1.0, log=True), "width": Words((16, 64))})
    >>> Points(space).of([{"rate": 0.1, "width": 64}]).tolist()
    [[0.5, 0.0, 1.0]]
    """

    def __init__(self, space: Space) -> None:
        self._space, self._distributions = space, Distributions(space)

    def of(self, settings: Sequence[Setting]) -> NDArray[np.float64]:
        """The points [settings, columns]."""
        return np.array([self._row(values) for values in settings])

    def _row(self, values: Setting) -> list[float]:
        codes = self._distributions.coded(values)
        assert codes is not None
        row: list[float] = []
        for path, axis in self._space.items():
            code = codes.get(path)
            if isinstance(axis, Interval):
                row.append(-1.0 if code is None else axis.share(code))
            else:
                row += [-1.0 if code is None else float(code == place) for place in range(len(axis.values))]
        return row
