"""The target's mean in each level of a category: fitted out of fold for training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.seeds import generator
from retemper.data.features.goal import Codes
from retemper.data.scaling import Floats

FOLDS = 5
MOST_PRIOR_ROWS = 100.0


@dataclass(frozen=True)
class GroupMeans:
    """Means of some numbers (the target, or shares of its classes) in each level of one category.

    A level's mean is drawn towards the prior, the mean of all rows, by the weight of m rows:
    (Σy + m·prior)/(n + m), where m = variance within levels / variance between them (empirical Bayes; Micci-Barreca
    2001, "A preprocessing scheme for high-cardinality categorical attributes"), at most 100. A level without rows
    has the prior.

    A training row's own target is in its level's mean; a network would learn to trust it too much. So training rows
    take the means of the other four fifths of the rows: :meth:`out_of_fold`.

    ``means`` [levels, G] by the level's code; ``names`` [G].
    """

    category: int
    names: tuple[str, ...]
    means: Floats

    @classmethod
    def fit(cls, category: int, names: list[str], codes: Codes, levels: int, y: Floats) -> GroupMeans:
        """Fit on training rows.

        Args:
            category: which of the categories.
            names: of the G means.
            codes: the rows' levels [rows], below ``levels``.
            levels: how many codes there are.
            y: what to average [rows, G].

        >>> codes, y = np.array([0, 0, 0, 1, 1, 1]), np.array([[1.0], [1], [1], [5], [5], [5]])
        >>> GroupMeans.fit(0, ["mean of y by city"], codes, 3, y).apply(np.array([0, 1, 2])).ravel().tolist()
        [1.0, 5.0, 3.0]
        """
        return cls(category, tuple(names), _means(codes, levels, y))

    def apply(self, codes: Codes) -> Floats:
        """The means [rows, G] of rows that were not fitted on."""
        return self.means[codes]

    def out_of_fold(self, codes: Codes, y: Floats, known: NDArray[np.bool_] | None = None) -> Floats:
        """The means [rows, G] of training rows, none from a row's own target.

        Args:
            codes, y: of the training rows.
            known: [rows] whose targets may be used at all; None: all. The others take the means of all known rows.
        """
        found = np.empty_like(y)
        for held, told_by in told_by_others(len(codes), known):
            found[held] = _means(codes[told_by], len(self.means), y[told_by])[codes[held]]
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {"category": self.category, "names": list(self.names), "means": self.means.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GroupMeans:
        """The means that :meth:`to_json` wrote."""
        return cls(data["category"], tuple(data["names"]), np.array(data["means"], dtype=np.float64))


def told_by_others(
    count: int, known: NDArray[np.bool_] | None = None
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """For each fifth of the known rows, and for the rows that are not known: which they are, and the known others.

    >>> [(int(held.sum()), int(others.sum())) for held, others in told_by_others(3, np.array([True, False, False]))]
    [(1, 0), (2, 1)]
    """
    fold = generator(0, "group means").integers(FOLDS, size=count)
    known = np.ones(count, dtype=bool) if known is None else known
    fold[~known] = FOLDS
    for k in range(FOLDS + 1):
        held = fold == k
        if held.any():
            yield held, known & ~held


def _means(codes: Codes, levels: int, y: Floats) -> Floats:
    if not len(y):
        return np.zeros((levels, y.shape[1]))
    rows = np.bincount(codes, minlength=levels).astype(np.float64)[:, None]
    centre = y.mean(axis=0)
    # Sums of what is left after the prior: large numbers would cancel otherwise.
    sums = np.stack([np.bincount(codes, column, levels) for column in (y - centre).T], axis=1)
    squares = np.square(y - centre).sum(axis=0)
    between = (np.square(sums) / np.maximum(rows, 1)).sum(axis=0)
    n, present = len(y), int((rows > 0).sum())
    within = np.maximum(0.0, squares - between) / max(1, n - present)
    # The expected sum of squares between levels is (k − 1)·within + (n − Σn²/n)·variance of the levels' means.
    spread = (between - (present - 1) * within) / max(1e-9, n - float(np.square(rows).sum()) / n)
    tiny = np.finfo(np.float64).tiny
    prior_rows = within / np.maximum(spread, np.maximum(within / MOST_PRIOR_ROWS, tiny))
    # Constant targets have neither variance; the prior is then as good as the mean.
    return np.asarray(centre + sums / np.maximum(rows + prior_rows, 1e-9))
