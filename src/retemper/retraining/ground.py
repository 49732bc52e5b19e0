"""What a retraining stands on: the champion, the new rows in folds, the old rows in the same folds or none."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retemper.bundle.model import Model
from retemper.core.seeds import generator
from retemper.data.cells import as_words
from retemper.evaluation.metrics import row_losses
from retemper.retraining.course import Means
from retemper.retraining.folds import NEVER, dealt, dealt_old, of_use
from retemper.retraining.options import RetrainOptions
from retemper.retraining.past import Past
from retemper.retraining.sight import Sight, refitted, sight_of

Floats = NDArray[np.float64]
CLEARLY = 2.0
"""Standard errors."""
MOST_ROWS = 200_000
"""Of each side; more are drawn from by the seed."""


@dataclass(frozen=True, eq=False)
class Ground:
    """All that strategies train on and are judged by.

    Args:
        champion: the model in force.
        grown: the same with room for what is new: classes, levels, columns.
        new: labelled new rows.
        past: old rows.
        folds: [new rows] see :func:`retemper.retraining.folds.dealt`.
        old_folds: [old rows] see :func:`retemper.retraining.folds.dealt_old`.
        options: what the person said.
        concept_drift: the same inputs now have other targets: a cured model must lose on old rows.
        served: concept drift or not, one model serves new rows and old ones, so that losing the old ones is no cure.
        same_world: neither drift nor harm is seen: old rows that the champion has not seen ask what new ones ask.
    """

    champion: Model
    grown: Model
    new: pl.DataFrame
    past: Past
    folds: NDArray[np.int64]
    old_folds: NDArray[np.int64]
    options: RetrainOptions
    concept_drift: bool = False
    same_world: bool = False
    served: bool = False

    @classmethod
    def of(
        cls, champion: Model, grown: Model, new: pl.DataFrame, past: Past, options: RetrainOptions
    ) -> Ground:
        """Deal the rows out."""
        kept = None if champion.memory is None else champion.memory.kept
        labels = as_words(new[grown.target]) if grown.classes else None
        folds = dealt(new, grown.schema, options, of_use(labels, new.height, options, kept))
        old = dealt_old(past, grown.schema, new, folds, options.seed)
        return cls(champion, grown, new, past, folds, old, options)

    def known_to_be_served(self) -> Ground:
        """The same with ``served``; what was worked out of the rows stays."""
        own = copy(self)
        object.__setattr__(own, "served", True)
        return own

    @property
    def old_counts(self) -> bool:
        """Whether a loss on old rows speaks against a challenger in the choice."""
        return self.options.gate == "strict" or self.served or not self.concept_drift

    @property
    def count(self) -> int:
        """K, the number of folds whose networks differ."""
        return int(self.folds.max())

    @cached_property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each row of the lessons."""
        return np.concatenate([self.folds, self.old_folds])

    @cached_property
    def is_new(self) -> NDArray[np.bool_]:
        """Which rows of the lessons are new ones."""
        return np.arange(len(self.fold)) < len(self.folds)

    @cached_property
    def judge_folds(self) -> NDArray[np.int64]:
        """The fold with which each old row that judges is left out of a choice that it judges.

        It is the row's own; those that nobody trains on are spread over all, so that each choice hears old rows.
        """
        own = self.old_folds[self.past.judging]
        own[own == NEVER] = np.arange((own == NEVER).sum()) % (self.count + 1)
        return own

    @property
    def alike(self) -> NDArray[np.bool_]:
        """Which of the old rows that judge ask what the new ones ask: a plain sample that the champion has not seen."""
        own = self.past.plain[self.past.judging]
        return own & (self.same_world and self.past.known == "unseen" and not self.means.new_classes)

    def present(self, new: Floats, old: Floats, without: int | None = None) -> Floats:
        """Of numbers of new rows and of old ones that judge: those that tell of the present.

        Args:
            new, old: one number a row; of old rows those count that ask what new ones ask.
            without: a fold whose rows are left out; None: none.
        """
        return np.concatenate([new[self.folds != without], old[self.alike & (self.judge_folds != without)]])

    def taught_old(self) -> pl.DataFrame:
        """The old rows that may be trained on."""
        return self.past.rows.filter(self.old_folds != NEVER)

    @property
    def means(self) -> Means:
        """What strategies are chosen by."""
        return Means(
            self.new.height,
            int((self.old_folds != NEVER).sum()),
            self._new_classes,
            len(self.grown.classes),
            self._strange,
        )

    @property
    def _new_classes(self) -> int:
        return len(self.grown.classes) - len(self.champion.classes)

    @cached_property
    def _strange(self) -> bool:
        """Whether the shares of the classes, or the mean, tell the new rows better than the champion, beyond noise."""
        weight = self.weight_new / self.weight_new.sum()
        if self.grown.classes:
            shares = np.bincount(self.y_new, weight, len(self.grown.classes))
            guess = np.tile(shares, (len(weight), 1))
        else:
            guess = np.full(len(weight), weight @ self.y_new)
        apart = row_losses(self.grown.task, self.y_new, self.said_new) - row_losses(
            self.grown.task, self.y_new, guess
        )
        mean = float(weight @ apart)
        return mean > CLEARLY * float(np.sqrt(weight**2 @ (apart - mean) ** 2))

    @cached_property
    def warm(self) -> Sight:
        """Rows as the champion's networks see them."""
        return sight_of(self.grown, self._lessons)

    @cached_property
    def fresh(self) -> Sight:
        """Rows as networks see them for which everything is fitted anew, on all that may be trained on."""
        allowed = self._lessons.filter(pl.Series(self.fold != NEVER))
        return sight_of(refitted(self.grown, allowed), self._lessons)

    @cached_property
    def _lessons(self) -> pl.DataFrame:
        if not self.past.rows.height:
            return self.new
        return pl.concat([self.new, self.past.rows], how="diagonal_relaxed")

    @cached_property
    def y_new(self) -> NDArray[Any]:
        """Class codes, or values in the target's units, of the new rows."""
        return self.grown.target_codec.encode(self.new[self.grown.target])

    @cached_property
    def y_old(self) -> NDArray[Any]:
        """The same of the old rows that judge."""
        return self.grown.target_codec.encode(self.past.judges[self.grown.target])

    @cached_property
    def weight_new(self) -> Floats:
        """Weights of the new rows."""
        return self.warm.lessons.weight[: self.new.height].astype(np.float64)

    @cached_property
    def weight_old(self) -> Floats:
        """Weights of the old rows that judge, times the rows that each stands for."""
        return self.plain_weight_old * self.past.weight

    @cached_property
    def plain_weight_old(self) -> Floats:
        """The same, each for itself."""
        return self.warm.lessons.weight[self.new.height :][self.past.judging].astype(np.float64)

    @cached_property
    def said_new(self) -> Floats:
        """What the champion says of the new rows: probabilities [N, C] in the grown order of classes, or values."""
        return self._said(self.new)

    @cached_property
    def said_old(self) -> Floats:
        """What the champion says of the old rows that judge."""
        return self._said(self.past.judges)

    def _said(self, frame: pl.DataFrame) -> Floats:
        """The champion speaks through its grown copy, which says the same and does without columns that are gone."""
        own = self.grown.outputs(frame) if frame.height else self._nothing
        return self.among_known(own)

    @property
    def _nothing(self) -> Floats:
        return np.zeros((0, len(self.grown.classes)) if self.grown.classes else 0)

    def losses_new(self, outputs: Floats) -> Floats:
        """Each new row's loss: log loss, or squared error in the target's units."""
        return np.asarray(row_losses(self.grown.task, self.y_new, outputs))

    def losses_old(self, outputs: Floats) -> Floats:
        """The same of the old rows that judge, among the classes that there were."""
        if not len(self.y_old):
            return np.empty(0)
        return np.asarray(row_losses(self.grown.task, self.y_old, self.among_known(outputs)))

    def among_known(self, outputs: Floats) -> Floats:
        """Probabilities of the classes that the champion knows, which sum to 1; what else is told stays as it is.

        Whoever knows more classes can mistake an old row for a new one, which the champion can't. So what was learnt
        is compared among what both know.
        """
        if not self._new_classes:
            return outputs
        known = np.isin(self.grown.classes, self.champion.classes)
        some = np.where(known, outputs, 0.0)
        return np.asarray(some / np.maximum(some.sum(axis=1, keepdims=True), 1e-30))


def drawn(frame: pl.DataFrame, most: int, seed: int, purpose: str) -> pl.DataFrame:
    """The rows, or so many of them drawn by the seed, in their order.

    >>> drawn(pl.DataFrame({"a": range(9)}), 3, 0, "new rows").height
    3
    """
    if frame.height <= most:
        return frame
    return frame[np.sort(generator(seed, purpose).choice(frame.height, most, replace=False))]
