"""Accuracy against cost: the settings that no other one beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Priced:
    """A trial with what its network costs.

    Args:
        number: of the trial.
        loss: mean over the folds.
        error: standard error of that mean between the folds; None: there is one fold.
        cost: multiply-adds of a prediction, per row.
    """

    number: int
    loss: float
    error: float | None
    cost: float


@dataclass(frozen=True)
class Front:
    """What was found.

    Args:
        members: numbers of the trials on the front (Pareto set), the cheapest first.
        best: the lowest loss.
        enough: the cheapest of those within one standard error of the best (Breiman et al. 1984).
    """

    members: tuple[int, ...]
    best: int
    enough: int


def front(trials: Sequence[Priced]) -> Front | None:
    """The front of trials that trained alike; None: there are none.

    >>> front([Priced(0, 0.30, 0.02, 900.0), Priced(1, 0.31, 0.02, 100.0), Priced(2, 0.5, 0.02, 400.0)])
    Front(members=(1, 0), best=0, enough=1)
    """
    if not trials:
        return None
    members: list[Priced] = []
    for own in sorted(trials, key=lambda own: (own.cost, own.loss, own.number)):
        if not members or own.loss < members[-1].loss:
            members.append(own)
    best = members[-1]
    near = best.loss + (best.error or 0.0)
    enough = next(own for own in members if own.loss <= near)
    return Front(tuple(own.number for own in members), best.number, enough.number)
