"""What a model adds to its probabilities or values: a threshold, costs, prediction sets, prediction intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.core.records import Score, Task
from retemper.evaluation.conformal import Intervals, Quantiles
from retemper.evaluation.costs import Costs
from retemper.evaluation.intervals import scores, units_of
from retemper.evaluation.threshold import Threshold


@dataclass(frozen=True)
class Decision:
    """All that was decided on held-out rows, as plain numbers; each part may be absent.

    Args:
        threshold: of the positive class (two classes); it decides where there is one.
        costs: of mistakes; without a threshold the class of least expected cost is predicted, and without costs the
            likeliest.
        sets: scores of the true classes, for prediction sets.
        intervals: for prediction intervals of a regression.
        coverage: of sets and intervals where none is asked for.
    """

    threshold: Threshold | None = None
    sets: Quantiles | None = None
    intervals: Intervals | None = None
    coverage: float = 0.9
    costs: Costs | None = None

    def codes(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """The predicted class code of each row [N].

        >>> Decision(Threshold(1, .2)).codes(np.array([[.7, .3]])).tolist()
        [1]
        """
        if self.threshold is not None:
            return self.threshold.codes(probabilities)
        if self.costs is not None:
            return self.costs.least(probabilities)
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)

    def scores(
        self,
        task: Task,
        y: NDArray[Any],
        outputs: NDArray[np.float64],
        resamples: int = 1000,
        seed: int = 0,
        weight: NDArray[Any] | None = None,
        group: NDArray[Any] | None = None,
    ) -> dict[str, Score]:
        """All metrics of the classes that this decision calls (:func:`retemper.evaluation.intervals.scores`).

        With costs the metric ``cost`` joins them: what a row costs on average.

        >>> Decision(costs=Costs(((0, 1), (9, 0)))).scores("classification", np.array([0, 1] * 9),
        ...     np.array([[.8, .2], [.3, .7]] * 9), 100)["cost"].value
        0.5
        """
        if task == "regression":
            return scores(task, y, outputs, resamples, seed, weight, group=group)
        called = self.codes(outputs)
        found = scores(task, y, outputs, resamples, seed, weight, called, group)
        if self.costs is None:
            return found
        units = None if group is None else units_of(group, len(y))
        return {**found, "cost": self.costs.mean(y, called, weight, units)}

    def said(self, classes: Sequence[str]) -> dict[str, Any]:
        """How classes are called, as plain data: ``by`` likeliest, threshold (``positive``, ``value``), or costs.

        >>> Decision(Threshold(1, .2)).said(["no", "yes"])
        {'by': 'threshold', 'positive': 'yes', 'value': 0.2}
        """
        if self.threshold is not None:
            named = classes[self.threshold.positive]
            return {"by": "threshold", "positive": named, "value": self.threshold.value}
        return {"by": "likeliest" if self.costs is None else "costs"}

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        parts = {"threshold": self.threshold, "sets": self.sets, "intervals": self.intervals}
        plain = {name: None if part is None else part.to_json() for name, part in parts.items()}
        costs = None if self.costs is None else [list(row) for row in self.costs.matrix]
        return {**plain, "coverage": self.coverage, "costs": costs}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """The decision that :meth:`to_json` wrote."""
        threshold, sets, intervals = (data[name] for name in ("threshold", "sets", "intervals"))
        costs = data.get("costs")  # bundles of the first weeks know none
        return cls(
            None if threshold is None else Threshold.from_json(threshold),
            None if sets is None else Quantiles.from_json(sets),
            None if intervals is None else Intervals.from_json(intervals),
            float(data["coverage"]),
            None if costs is None else Costs(tuple(tuple(map(float, row)) for row in costs)),
        )
