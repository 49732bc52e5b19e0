"""Old rows by what they may be used for: to learn from, or to judge what was kept of the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.core.seeds import generator

MOST_JUDGES = 8_000
"""With 8,000 rows a loss of a point is ruled out at 10 % disagreement (decision 18); more would only be lost to learn."""
UNSEEN_SHARE = 0.5
"""Of the rows that the champion was not trained on so many judge, and the others are learnt from."""
UNKNOWN_SHARE = 0.2
"""Where nobody knows what it was trained on, so many of all old rows judge."""
Known = Literal["unseen", "unknown", "none"]


@dataclass(frozen=True)
class Past:
    """Old rows.

    Args:
        lessons: that may be trained on.
        judges: that only judge: no network of this retraining trains on them.
        known: whether the champion is known not to have trained on the judges (``unseen``). Where that is not known, it
            may know them by heart, and a test against it is harder than it should be: none is promoted for that.
        source: where they come from: the rows given, or those the bundle kept.
    """

    lessons: pl.DataFrame
    judges: pl.DataFrame
    known: Known
    source: Literal["given", "kept", "none"] = "none"

    @classmethod
    def none(cls, like: pl.DataFrame) -> Past:
        """No old rows."""
        return cls(like.clear(), like.clear(), "none")

    @classmethod
    def dealt(
        cls,
        frame: pl.DataFrame,
        seen: NDArray[np.bool_] | None,
        seed: int,
        source: Literal["given", "kept"],
    ) -> Past:
        """Deal out labelled old rows.

        Args:
            frame: the rows.
            seen: which the champion was trained on; None: nobody knows.
            seed: of the draw.
            source: where they come from.

        >>> past = Past.dealt(pl.DataFrame({"a": range(10)}), np.arange(10) < 6, 0, "given")
        >>> past.lessons.height, past.judges.height, past.known
        (8, 2, 'unseen')
        """
        order = generator(seed, "old rows that judge").permutation(frame.height)
        if seen is None:
            count, known = round(UNKNOWN_SHARE * frame.height), "unknown"
        else:
            order, known = order[~seen[order]], "unseen"
            count = round(UNSEEN_SHARE * len(order))
        judging = np.zeros(frame.height, dtype=bool)
        judging[order[: min(count, MOST_JUDGES)]] = True
        if not judging.any():
            known = "none"
        return cls(frame.filter(pl.Series(~judging)), frame.filter(pl.Series(judging)), known, source)  # type: ignore[arg-type]  # one of the three
