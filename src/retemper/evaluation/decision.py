"""What a model adds to its probabilities or values: a threshold, prediction sets, prediction intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.evaluation.conformal import Intervals, Quantiles
from retemper.evaluation.threshold import Threshold


@dataclass(frozen=True)
class Decision:
    """All that was decided on held-out rows, as plain numbers; each part may be absent.

    Args:
        threshold: of the positive class (two classes); without it the likeliest class is predicted.
        sets: scores of the true classes, for prediction sets.
        intervals: for prediction intervals of a regression.
        coverage: of sets and intervals where none is asked for.
    """

    threshold: Threshold | None = None
    sets: Quantiles | None = None
    intervals: Intervals | None = None
    coverage: float = 0.9

    def codes(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """The predicted class code of each row [N].

        >>> Decision(Threshold(1, .2)).codes(np.array([[.7, .3]])).tolist()
        [1]
        """
        if self.threshold is None:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
        return self.threshold.codes(probabilities)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        parts = {"threshold": self.threshold, "sets": self.sets, "intervals": self.intervals}
        plain = {name: None if part is None else part.to_json() for name, part in parts.items()}
        return {**plain, "coverage": self.coverage}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """The decision that :meth:`to_json` wrote."""
        threshold, sets, intervals = (data[name] for name in ("threshold", "sets", "intervals"))
        return cls(
            None if threshold is None else Threshold.from_json(threshold),
            None if sets is None else Quantiles.from_json(sets),
            None if intervals is None else Intervals.from_json(intervals),
            float(data["coverage"]),
        )
