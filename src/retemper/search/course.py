"""How a search went: the best loss against the epochs spent, and how many trials reached which epochs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retemper.search.trials import Evaluation, Trial


@dataclass(frozen=True)
class Incumbent:
    """A new best: after so many epochs in all (passes over the rows, folds counted singly), in which trial."""

    spent_epochs: int
    trial: int
    loss: float
    epochs: int


@dataclass(frozen=True)
class Rung:
    """``trials`` trained for ``epochs`` or longer."""

    epochs: int
    trials: int


def incumbents(evaluations: Iterable[Evaluation]) -> list[Incumbent]:
    """The trials that were the best so far, in the order in which evaluations came.

    Folds that were trained in several rounds count together, and only trials on as many folds as any before are
    compared: a mean over fewer is lower by luck alone.

    >>> from retemper.search.trials import Order
    >>> losses = [0.5, 0.7, 0.4]
    >>> came = [Evaluation(Order(k, {}, 3, (0,)), {0: v}, trained_epochs=3) for k, v in enumerate(losses)]
    >>> [(best.spent_epochs, best.loss) for best in incumbents(came)]
    [(3, 0.5), (9, 0.4)]
    """
    found: list[Incumbent] = []
    trials: dict[int, Trial] = {}
    spent, folds = 0, 0
    for evaluation in evaluations:
        spent += evaluation.trained_epochs
        order = evaluation.order
        trial = trials.get(order.trial, Trial(order.trial, order.values)).with_(evaluation)
        trials[order.trial], own = trial, trial.last
        if own is None or not trial.sound or len(own.losses) < folds:
            continue
        if len(own.losses) > folds or not found or own.loss < found[-1].loss:
            found.append(Incumbent(spent, order.trial, own.loss, own.order.epochs))
        folds = len(own.losses)
    return found


def rungs(trials: Sequence[Trial]) -> list[Rung]:
    """How many trials reached which epochs."""
    reached = Counter(trial.last.order.epochs for trial in trials if trial.last)
    levels = sorted({own.order.epochs for trial in trials for own in trial.evaluations})
    return [Rung(epochs, sum(n for e, n in reached.items() if e >= epochs)) for epochs in levels]


def standard_error(losses: Sequence[float]) -> float | None:
    """Of a mean over folds, by their spread; None: one fold has none.

    >>> standard_error([1.0, 3.0]), standard_error([1.0])
    (1.0, None)
    """
    if len(losses) < 2:
        return None
    mean = math.fsum(losses) / len(losses)
    return math.sqrt(math.fsum((loss - mean) ** 2 for loss in losses) / (len(losses) - 1) / len(losses))
