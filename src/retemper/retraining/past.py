"""Old rows by what they may be used for: to learn from, or to judge what was kept of the past."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.seeds import generator

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MOST_JUDGES = 8_000
"""Rows that are held back to judge: so many rule out a loss of a point at 10 % disagreement (decision 18)."""
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

    def with_known(self, frame: pl.DataFrame) -> OldRows:
        """With further rows that the champion was trained on.

        >>> old = OldRows(pl.DataFrame({"a": range(3)}), seen=np.zeros(3, dtype=bool))
        >>> old.with_known(pl.DataFrame({"a": [7]})).seen.tolist()
        [False, False, False, True]
        """
        count = frame.height
        if not count:
            return self

        def more(own: NDArray[Any] | None, value: float) -> NDArray[Any] | None:
            return None if own is None else np.concatenate([own, np.full(count, value, dtype=own.dtype)])

        return replace(
            self,
            frame=pl.concat([self.frame, frame], how="diagonal_relaxed"),
            seen=more(self.seen, True),
            weight=more(self.weight, 1),
            plain=more(self.plain, False),
            batch=more(self.batch, 0),
        )


@dataclass(frozen=True, eq=False)
class Past:
    """Old rows, and which of them judge.

    A row that the champion has not seen judges, whatever it is learnt by besides: in folds, as new rows do, each by
    networks that have not seen it (:func:`retemper.retraining.folds.dealt_old`). All others are only learnt from.

    Args:
        rows: all of them.
        judging: which judge [N].
        stands_for: how many rows each stands for [N].
        reference: a plain sample of the past that the champion has not seen, as far as anybody knows, to tell drift by.
        plain: which are such a sample [N].
        known: whether the champion is known not to have trained on those that judge (``unseen``). Where that is not
            known (``unknown``), it may know them by heart, and a test against it is harder than it should be.
        source: given by the user, or kept in the bundle.
        batch_of: of each row, 0 for the first training's; None: nobody knows.
    """

    rows: pl.DataFrame
    judging: Flags
    stands_for: Floats
    reference: pl.DataFrame
    plain: Flags
    known: Known
    source: Source = "none"
    batch_of: NDArray[np.int64] | None = None

    @classmethod
    def none(cls, like: pl.DataFrame) -> Past:
        """No old rows."""
        nobody = np.zeros(0, dtype=bool)
        return cls(like.clear(), nobody, np.empty(0), like.clear(), nobody, "none")

    @classmethod
    def of(cls, old: OldRows, seed: int, also_new: Flags | None = None, strange: Flags | None = None) -> Past:
        """Whoever the champion has not seen judges; where nobody knows, a share that the seed draws.

        Args:
            old: as they were found.
            seed: draws.
            also_new: which of them are among the new rows too [N]; None: none. They teach and judge as new ones, but
                rows that come again and again are a part of the past: without them the present would look different.
            strange: which are of classes that the champion does not know [N]; None: none. They only teach.

        >>> past = Past.of(OldRows(pl.DataFrame({"a": range(10)}), seen=np.arange(10) < 6), 0)
        >>> past.judges.height, past.reference.height, past.known
        (4, 4, 'unseen')
        """
        judging = _drawn(old.frame.height, seed) if old.seen is None else ~old.seen
        judging = judging if strange is None else judging & ~strange
        plain = np.ones(old.frame.height, dtype=bool) if old.plain is None else old.plain
        own = np.ones(old.frame.height, dtype=bool) if also_new is None else ~also_new
        rows, known = old.where(own), "unknown" if old.seen is None else "unseen"
        return cls(
            rows.frame,
            judging[own],
            np.ones(rows.frame.height) if rows.weight is None else rows.weight,
            old.frame.filter(judging & plain),
            plain[own],
            known if judging[own].any() else "none",  # type: ignore[arg-type]  # one of the two
            rows.source,
            rows.batch,
        )

    @cached_property
    def judges(self) -> pl.DataFrame:
        """The rows that judge."""
        return self.rows.filter(self.judging)

    @property
    def weight(self) -> Floats:
        """How many rows each judge stands for."""
        return self.stands_for[self.judging]

    @property
    def batch(self) -> NDArray[np.int64] | None:
        """The batch of each judge."""
        return None if self.batch_of is None else self.batch_of[self.judging]


def _drawn(count: int, seed: int) -> Flags:
    judging = np.zeros(count, dtype=bool)
    order = generator(seed, "old rows that judge").permutation(count)
    judging[order[: min(round(UNKNOWN_SHARE * count), MOST_JUDGES)]] = True
    return judging
