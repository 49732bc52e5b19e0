"""Which columns hang together among rows with the same target: what tells a copy of the target from a cause.

Real columns know of each other beyond what they know of the target: large diamonds are of another clarity than
small ones of the same price. A column that was made from the target (a copy with noise, an amount that is only
known afterwards) knows nothing of the others once the target is given. That holds however strong the noise is,
and it is what a score of the column alone can't see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata

from retemper.core.seeds import generator
from retemper.data.cells import as_words, level_counts
from retemper.data.sampled import Codes, Floats, Goals, is_ordered, level_codes, ordered_cells
from retemper.data.schema import Column

BLOCK_ROWS = 8
LEAST_STRATUM_ROWS = 40
TARGET_STRATA = 4
TOP_CLASSES = 6
TOP_LEVELS = 6
SOME_SHARE = 0.004
LEAST_EXPECTED_ROWS = 4
GOALS_A_LEVEL = 3


@dataclass(frozen=True)
class Faces:
    """Columns as plain numbers: ranks, indicators of the most frequent levels and of missing cells.

    ``values``: float64 [rows, K]. ``owner``: the column that each face belongs to, [K].
    """

    values: Floats
    owner: Codes

    @classmethod
    def of(cls, frame: pl.DataFrame, columns: Sequence[Column], goals: Goals) -> Faces:
        """The faces of some columns; ``goals`` rank the levels of categories that have many."""
        faces: list[Floats] = []
        owner: list[int] = []
        for i, column in enumerate(columns):
            own = (
                _of_ordered(ordered_cells(frame[column.name], column))
                if is_ordered(column)
                else _of_levels(frame[column.name], goals)
            )
            faces += own
            owner += [i] * len(own)
        values = np.stack(faces, axis=1) if faces else np.empty((frame.height, 0))
        return cls(values, np.array(owner, dtype=np.int64))


def _of_ordered(x: Floats) -> list[Floats]:
    missing = np.isnan(x)
    if missing.all():
        return []
    ranks = np.full(len(x), (len(x) - missing.sum() + 1) / 2)
    ranks[~missing] = rankdata(x[~missing])
    return [ranks, *_where_some(missing)]


def _of_levels(cells: pl.Series, goals: Goals) -> list[Floats]:
    words = as_words(cells)
    counts = level_counts(words)
    tops = [(words == level).fill_null(False).to_numpy() for level in counts["level"].head(TOP_LEVELS)]
    faces = [face for one in [*tops, words.is_null().to_numpy()] for face in _where_some(one)]
    if counts.height <= TOP_LEVELS:
        return faces
    codes = level_codes(cells)
    rows = np.bincount(codes)
    faces.append(rankdata(rows[codes]))
    for y in goals.y.T[:GOALS_A_LEVEL]:
        others = np.bincount(codes, y, len(rows))[codes] - y
        faces.append((others + y.mean()) / rows[codes])
    return faces


def _where_some(mask: NDArray[np.bool_]) -> list[Floats]:
    return [mask.astype(np.float64)] if SOME_SHARE < mask.mean() < 1 - SOME_SHARE else []


def linked_given_target(faces: Faces, goals: Goals, columns: int) -> Floats:
    """How likely each pair of columns would look so dependent if it were not, once the target is given.

    Rows are ordered by the target and cut into blocks of 8; within a block the target is the same or nearly so, and
    what is left of a column is its difference from the block's mean. Its squared correlation with another
    column's, times the degrees of freedom, is χ²(1); it is summed over strata of the target (classes, quarters), for
    a dependence may change its sign from one to the next.

    Args:
        faces: of the columns; ``goals``: of the same rows.
        columns: how many columns there are.

    Returns:
        p-values [columns, columns], corrected for the number of faces of the pair (Bonferroni); 1 on the diagonal.
    """
    total = np.zeros((faces.values.shape[1],) * 2)
    freedom = np.zeros_like(total)
    for rows in _strata(goals):
        squared, usable = _within_blocks(faces.values, rows)
        total += squared
        freedom += usable
    p = chi2.sf(total, np.maximum(freedom, 1))
    p[freedom == 0] = 1.0
    found = np.ones((columns, columns))
    np.minimum.at(found, (faces.owner[:, None], faces.owner[None, :]), p)
    # A column too rare to have a face is linked to none.
    size: Codes = np.maximum(np.bincount(faces.owner, minlength=columns), 1)
    found = np.minimum(found * np.outer(size, size), 1.0)
    np.fill_diagonal(found, 1.0)
    return found


def _strata(goals: Goals) -> list[Codes]:
    """Row numbers of each class (the rare ones together) or quarter of the target, in the target's order."""
    random = generator(0, "given_target").random(len(goals.key))
    order = np.lexsort((random, goals.key))
    if not goals.classes:
        return np.array_split(order, TARGET_STRATA)
    codes, counts = np.unique(goals.key, return_inverse=True, return_counts=True)[1:]
    place = np.full(len(counts), TOP_CLASSES)
    place[np.argsort(-counts, kind="stable")[:TOP_CLASSES]] = np.arange(min(TOP_CLASSES, len(counts)))
    stratum = place[codes][order]
    return [order[stratum == s] for s in np.unique(stratum) if (stratum == s).sum() >= LEAST_STRATUM_ROWS]


def _within_blocks(values: Floats, rows: Codes) -> tuple[Floats, NDArray[np.bool_]]:
    """χ² of each pair of faces in one stratum, and for which pairs it can be trusted.

    Where both of a pair are rare (an indicator of 2 % of the rows and one of 5 %) one coincidence makes a large
    correlation. The product of their fourth moments over the rows says how far from χ² that is: for two
    indicators it is about 1 / (the rows expected to have both).
    """
    used = len(rows) // BLOCK_ROWS * BLOCK_ROWS
    blocks = values[rows[:used]].reshape(-1, BLOCK_ROWS, values.shape[1])
    rest = (blocks - blocks.mean(axis=1, keepdims=True)).reshape(used, -1)
    spread = rest.std(axis=0)
    moves = spread > 1e-9 * np.maximum(1.0, np.abs(values).max(axis=0))
    rest = np.where(moves, rest / np.where(moves, spread, 1.0), 0.0)
    fourth = (rest**4).mean(axis=0)
    usable = np.outer(moves, moves) & (np.outer(fourth, fourth) < used / LEAST_EXPECTED_ROWS)
    free = used * (BLOCK_ROWS - 1) / BLOCK_ROWS
    return np.where(usable, (rest.T @ rest / used) ** 2 * free, 0.0), usable


def islands(linked: NDArray[np.bool_]) -> list[list[int]]:
    """Columns in groups that no link connects, the largest group first.

    >>> islands(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool))
    [[0, 1], [2]]
    """
    group = np.arange(len(linked))
    for i, j in np.argwhere(linked):
        group[group == group[i]] = group[j]
    found = [np.flatnonzero(group == g).tolist() for g in dict.fromkeys(group.tolist())]
    return sorted(found, key=len, reverse=True)
