"""Which columns of a table are worth keeping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from retemper.data.features.goal import Goal
from retemper.data.features.relevance import by_information, by_permutation
from retemper.data.scaling import Floats

Method = Literal["mutual_information", "permutation"]
SCORES = {"mutual_information": by_information, "permutation": by_permutation}


def selected(
    numbers: Floats,
    levels: NDArray[np.int64],
    owners: Sequence[str],
    goal: Goal,
    method: Method,
    count: int,
) -> set[str]:
    """The columns that tell about the target.

    A column's score is the best of the numbers that come from it (a date makes several). With a ``count`` the best
    so many are kept. With 0, mutual information keeps those that beat noise (all, where none does), and permutation
    importance the set by which a forest predicts best; see :mod:`retemper.data.features.relevance`.

    Args:
        numbers: of training rows, float64 [rows, F], NaN for missing.
        levels: codes of categories [rows, K].
        owners: the table's column behind each of the F + K.
        goal: the target of the same rows.
        method: a key of ``SCORES``.
        count: how many columns to keep, 0 or more.

    >>> x = np.random.default_rng(0).normal(size=(500, 4))
    >>> goal = Goal("y", (), x[:, 2] + x[:, 3])
    >>> sorted(selected(x, np.zeros((500, 0), int), ["a", "b", "c", "d"], goal, "mutual_information", 0))
    ['c', 'd']
    """
    scores, noise = SCORES[method](numbers, levels, goal)
    if not count:
        return {owner for owner, tells in zip(owners, scores > noise, strict=True) if tells} or set(owners)
    best: dict[str, float] = {}
    for owner, score in zip(owners, scores.tolist(), strict=True):
        best[owner] = max(score, best.get(owner, -np.inf))
    return set(sorted(best, key=lambda owner: -best[owner])[:count])
