"""Old rows by what they may be used for: to learn from, or to judge what was kept of the past."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.seeds import generator

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MOST_JUDGES = 8_000
"""8,000 rows rule out a loss of a point at 10 % disagreement (decision 18); more are better learnt from."""
UNSEEN_SHARE = 0.5
"""Of the rows that the champion was not trained on so many judge, and the others are learnt from."""
UNKNOWN_SHARE = 0.2
"""Where nobody knows what it was trained on, so many of all old rows judge."""
Known = Literal["unseen", "unknown", "none"]
Source = Literal["given", "kept", "none"]


@dataclass(frozen=True, eq=False)
class OldRows:
    """Labelled rows from before, as they were found.

    Args:
        frame: the rows.
        seen: which of them the champion was trained on [N]; None: nobody knows.
        weight: how many rows each stands for [N]; None: one each.
        plain: which are a plain sample of the past [N], as opposed to one that is balanced by class; None: all.
        batch: of each row [N], 0 for the first training's; None: nobody knows.
        source: given by the user, or kept in the bundle.
    """

    frame: pl.DataFrame
    seen: Flags | None = None
    weight: Floats | None = None
    plain: Flags | None = None
    batch: NDArray[np.int64] | None = None
    source: Source = "given"

    def where(self, rows: Flags) -> OldRows:
        """Some of the rows [N, true for those].

        >>> OldRows(pl.DataFrame({"a": range(3)}), weight=np.arange(3.0)).where(np.arange(3) > 1).weight
        array([2.])
        """
        return replace(
            self,
            frame=self.frame.filter(rows),
            seen=None if self.seen is None else self.seen[rows],
            weight=None if self.weight is None else self.weight[rows],
            plain=None if self.plain is None else self.plain[rows],
            batch=None if self.batch is None else self.batch[rows],
        )


@dataclass(frozen=True, eq=False)
class Past:
    """Old rows, dealt out.

    Args:
        lessons: that may be trained on.
        judges: that only judge: no network of this retraining trains on them.
        weight: how many rows each judge stands for.
        reference: a plain sample of the past that the champion has not seen, to tell drift by.
        known: whether the champion is known not to have trained on the judges (``unseen``). Where that is not known
            (``unknown``), it may know them by heart, and a test against it is harder than it should be.
        source: given by the user, or kept in the bundle.
        batch: of each judge, 0 for the first training's; None: nobody knows.
    """

    lessons: pl.DataFrame
    judges: pl.DataFrame
    weight: Floats
    reference: pl.DataFrame
    known: Known
    source: Source = "none"
    batch: NDArray[np.int64] | None = None

    @classmethod
    def none(cls, like: pl.DataFrame) -> Past:
        """No old rows."""
        nothing = like.clear()
        return cls(nothing, nothing, np.empty(0), nothing, "none")

    @classmethod
    def dealt(cls, old: OldRows, seed: int) -> Past:
        """Deal out old rows, those that judge drawn by the seed.

        >>> old = OldRows(pl.DataFrame({"a": range(10)}), seen=np.arange(10) < 6)
        >>> past = Past.dealt(old, 0)
        >>> past.lessons.height, past.judges.height, past.reference.height, past.known
        (8, 2, 4, 'unseen')
        """
        count = old.frame.height
        order = generator(seed, "old rows that judge").permutation(count)
        known: Known = "unknown" if old.seen is None else "unseen"
        free = np.ones(count, dtype=bool) if old.seen is None else ~old.seen
        order = order[free[order]]
        share = UNKNOWN_SHARE if old.seen is None else UNSEEN_SHARE
        judging = np.zeros(count, dtype=bool)
        judging[order[: min(round(share * len(order)), MOST_JUDGES)]] = True
        plain = np.ones(count, dtype=bool) if old.plain is None else old.plain
        reference = plain & (judging if old.seen is None else free)
        weight = np.ones(count) if old.weight is None else old.weight
        return cls(
            old.frame.filter(~judging),
            old.frame.filter(judging),
            weight[judging],
            old.frame.filter(reference),
            known if judging.any() else "none",
            old.source,
            None if old.batch is None else old.batch[judging],
        )
