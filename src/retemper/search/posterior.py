"""What is likely to do well, by a forest over settings with known losses: which of a sampler's points to try first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retemper.search.distributions import Distributions
from retemper.search.space import Interval, Setting, Space
from retemper.search.told import Known, thinned

TREES = 50
MODELLED = 500
"""Of more known settings the best tenth and some others are learnt from."""


def by_promise(space: Space, known: Known, candidates: Sequence[Setting], seed: int) -> list[int]:
    """The places of the candidates, the most promising first.

    Promise is the mean of a random forest less its trees' standard deviation (a lower confidence bound, as SMAC has
    it; Hutter et al. 2011): what is not known well may be good.

    Args:
        space: what the settings belong to.
        known: settings with finite losses.
        candidates: settings.
        seed: of the forest.

    >>> space = Space({"rate": Interval(0.0, 1.0)})
    >>> known = [({"rate": k / 20}, abs(k / 20 - 0.3)) for k in range(21)]
    >>> by_promise(space, known, [{"rate": 0.9}, {"rate": 0.31}, {"rate": 0.6}], seed=0)
    [1, 2, 0]
    """
    from sklearn.ensemble import (
        ExtraTreesRegressor,
    )  # a second, which a search that begins cold need not wait for

    kept = thinned(known, MODELLED, MODELLED // 10)
    points = Points(space)
    x = points.of([values for values, _ in kept])
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=seed)
    forest.fit(x, [loss for _, loss in kept])
    asked = points.of(candidates)
    losses = np.stack([tree.predict(asked) for tree in forest.estimators_])
    return [int(place) for place in np.argsort(losses.mean(axis=0) - losses.std(axis=0), kind="stable")]


class Points:
    """Settings as numbers: the share of a range; one column for each word; −1, where a condition leaves it out."""

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
