"""What a search asks to be trained, what comes back, and what it knows so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from retemper.search.space import Setting

State = Literal["waiting", "running", "paused", "complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class Order:
    """One trial, to be trained up to an epoch on some folds; what it has trained already is gone on from.

    Args:
        trial: its number.
        values: what it changes in the recipe.
        epochs: train up to so many.
        folds: numbers of the held-out parts.
    """

    trial: int
    values: Setting
    epochs: int
    folds: tuple[int, ...]

    @property
    def key(self) -> tuple[int, int, tuple[int, ...]]:
        """What makes two orders the same."""
        return self.trial, self.epochs, self.folds


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an order led to.

    Args:
        order: what was asked.
        losses: fold → what is minimised, of the best epoch so far; NaN of a network that diverged.
        curves: fold → the validation loss of each epoch that its best epoch is chosen by.
        scores: fold → further metrics.
        trained_epochs: passes over the rows made for this order, all folds together.
        seconds: of training, all folds together.
        places: fold → where the evaluator finds the network again, in its own words.
        error: code, message and advice of a trial that failed; None: it did not.
    """

    order: Order
    losses: Mapping[int, float] = field(default_factory=dict)
    curves: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    scores: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    trained_epochs: int = 0
    seconds: float = 0.0
    places: Mapping[int, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None

    @property
    def loss(self) -> float:
        """Mean over the folds of the order; NaN where one of them diverged, or has none because the trial failed."""
        own = [self.losses.get(fold, math.nan) for fold in self.order.folds]
        return math.fsum(own) / len(own)


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting and what is known of it.

    Args:
        number: in the order in which they were asked for.
        values: what it changes in the recipe.
        evaluations: what came back, in order.
    """

    number: int
    values: Setting
    evaluations: tuple[Evaluation, ...] = ()

    @property
    def last(self) -> Evaluation | None:
        """What is known after the longest training; evaluations of as many epochs on other folds count together."""
        epochs = max((own.order.epochs for own in self.evaluations), default=0)
        longest = [own for own in self.evaluations if own.order.epochs == epochs]
        return _together(longest) if longest else None

    @property
    def loss(self) -> float:
        """What is minimised, after the longest training; NaN: none came back, it failed, or it diverged."""
        return self.last.loss if self.last else float("nan")

    @property
    def sound(self) -> bool:
        """Whether it has a finite loss."""
        return math.isfinite(self.loss)

    @property
    def steps(self) -> Iterator[Trial]:
        """The trial as it was known after each of its evaluations."""
        for count in range(1, len(self.evaluations) + 1):
            yield Trial(self.number, self.values, self.evaluations[:count])

    def with_(self, evaluation: Evaluation) -> Trial:
        """The trial with one more evaluation."""
        return Trial(self.number, self.values, (*self.evaluations, evaluation))


def _together(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Evaluations of one trial after as many epochs as one: the folds of all, the later where several have a fold."""
    if len(evaluations) == 1:
        return evaluations[0]
    folds = tuple(sorted({fold for own in evaluations for fold in own.order.folds}))
    return Evaluation(
        replace(evaluations[0].order, folds=folds),
        {fold: loss for own in evaluations for fold, loss in own.losses.items()},
        {fold: curve for own in evaluations for fold, curve in own.curves.items()},
        {fold: scores for own in evaluations for fold, scores in own.scores.items()},
        sum(own.trained_epochs for own in evaluations),
        math.fsum(own.seconds for own in evaluations),
        {fold: place for own in evaluations for fold, place in own.places.items()},
        next((own.error for own in evaluations if own.error), None),
    )


def _training(evaluation: Evaluation) -> tuple[int, int]:
    return evaluation.order.epochs, len(evaluation.order.folds)


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Best first: those trained longest lead, lost ones come last.

    A loss after one epoch says little against one after twenty, so rungs are compared before losses.
    """

    def key(trial: Trial) -> tuple[bool, int, int, float, int]:
        epochs, folds = _training(trial.last) if trial.last else (0, 0)
        return (not trial.sound, -epochs, -folds, trial.loss if trial.sound else 0.0, trial.number)

    return sorted(trials, key=key)
