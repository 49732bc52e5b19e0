"""What words speak for: naive Bayes over a text's terms, as numbers that a network learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retemper.data.features.goal import Codes, Goal
from retemper.data.features.group_means import told_by_others
from retemper.data.scaling import Floats

MOST_CLASSES = 32
QUARTILES = (0.25, 0.5, 0.75)
PRIOR_ROWS = 1.0


@dataclass(frozen=True)
class Speaking:
    """How much the terms of a text speak for each side of the target: a class against the others, or above a quartile.

    A term's weight is the log of how much more often it comes on the side than on the other,
    ``ln((f + 1)/Σ(f + 1)) − ln((g + 1)/Σ(g + 1))`` with f rows on the side and g on the other (multinomial naive Bayes
    over which terms are there; Wang & Manning 2012, "Baselines and bigrams"). A text's number is the sum over its
    terms, divided by √(1 + terms): naive Bayes counts what is said twice as two proofs, and long texts as surer than
    they are. The network makes it a probability.

    A training row's own target is in its terms' counts, so that it takes those of other rows:
    :meth:`out_of_fold`.

    Args:
        names: of the sides.
        labels: the class of each side; empty for a regression.
        cuts: the quartiles of a regression.
        spoken: [terms, sides] training rows on the side that hold the term.
        rows: [terms] training rows that hold it.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    cuts: tuple[float, ...]
    spoken: Codes
    rows: Codes

    @classmethod
    def fit(cls, present: csr_array, goal: Goal) -> Speaking:
        """Fit on training rows.

        Args:
            present: [rows, terms] 1 where a row holds a term.
            goal: the target of the rows; of more than 32 classes the most frequent have a side.

        >>> present = csr_array(np.array([[1.0, 0], [1, 1], [0, 1]]))
        >>> own = Speaking.fit(present, Goal("y", ("bad", "good"), np.array([1, 1, 0])))
        >>> own.names, own.apply(present).round(2).ravel().tolist()
        (('y=good',), [0.42, 0.04, -0.36])
        """
        if goal.labels:
            counts = np.bincount(goal.values, minlength=len(goal.labels))
            often = np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])
            labels = tuple(goal.labels[code] for code in ([1] if len(counts) == 2 else often))
            cuts: tuple[float, ...] = ()
        else:
            labels = ()
            cuts = tuple(np.unique(np.quantile(goal.values, QUARTILES)).tolist())
        names = [f"{goal.name}={label}" for label in labels] + [f"{goal.name}>{cut:.6g}" for cut in cuts]
        nobody = np.zeros((0, 0), dtype=np.int64)
        unfitted = cls(tuple(names), labels, cuts, nobody, nobody)
        return unfitted._of(present, unfitted._sides(goal))

    def apply(self, present: csr_array) -> Floats:
        """The numbers [rows, sides] of rows that were not fitted on; 0 for a text without known terms."""
        terms = np.diff(present.indptr)
        found: Floats = np.asarray(present @ self._weights) / np.sqrt(1 + terms)[:, None]
        return found

    def out_of_fold(self, present: csr_array, goal: Goal, known: NDArray[np.bool_] | None = None) -> Floats:
        """The numbers [rows, sides] of training rows, none from a row's own target.

        Args:
            present, goal: of the training rows.
            known: [rows] whose targets may be used at all; None: all.
        """
        sides = self._sides(goal)
        found = np.empty(sides.shape)
        for held, others in told_by_others(len(sides), known):
            found[held] = self._of(present[others], sides[others]).apply(present[held])
        return found

    @cached_property
    def _weights(self) -> Floats:
        side = self.spoken + PRIOR_ROWS
        other = (self.rows[:, None] - self.spoken) + PRIOR_ROWS
        weights: Floats = np.log(side / side.sum(axis=0)) - np.log(other / other.sum(axis=0))
        return weights

    def _sides(self, goal: Goal) -> NDArray[np.bool_]:
        if not goal.labels:
            return np.asarray(goal.values[:, None] > np.array(self.cuts))
        code = {label: code for code, label in enumerate(goal.labels)}
        return np.asarray(goal.values[:, None] == np.array([code.get(label, -1) for label in self.labels]))

    def _of(self, present: csr_array, sides: NDArray[np.bool_]) -> Speaking:
        spoken = np.asarray(present.T @ sides.astype(np.float64)).round().astype(np.int64)
        rows = np.bincount(present.indices, minlength=present.shape[1])
        return Speaking(self.names, self.labels, self.cuts, spoken, rows)

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` is the way back, to the same bits."""
        return {
            "names": list(self.names),
            "labels": list(self.labels),
            "cuts": list(self.cuts),
            "spoken": self.spoken.T.tolist(),
            "rows": self.rows.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Speaking:
        """What :meth:`to_json` wrote."""
        rows = np.array(data["rows"], dtype=np.int64)
        spoken = np.array(data["spoken"], dtype=np.int64).reshape(len(data["names"]), len(rows)).T
        return cls(tuple(data["names"]), tuple(data["labels"]), tuple(data["cuts"]), spoken, rows)
