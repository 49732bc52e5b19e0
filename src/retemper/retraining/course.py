"""A strategy's plan for one stack of networks, as plain data: what it starts from, what moves, by which rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retemper.core.records import NotApplicable

Start = Literal["champion", "fresh"]
Teaching = Literal["outputs", "softened"]


@dataclass(frozen=True)
class Course:
    """How networks are trained.

    Args:
        start: the champion's weights, or drawn anew with everything fitted anew on old and new rows.
        keep: λ, what the champion's weights are multiplied by; the rest is noise (shrink and perturb).
        noise: σ, the size of that noise in units of a fresh start.
        moves: all parameters, or the head's alone.
        replay: share of old rows in each batch; None: each row of both sides is met as often as any other.
        balanced: classes are met equally often, of the old rows and of the new ones by themselves.
        memory_only: a class-balanced draw of both sides in place of all rows (GDumb).
        rate: the learning rate, as a multiple of the champion's.
        epochs: passes at most over the rows that are met.
        teaching: what the champion teaches: raw outputs of old rows (DER++), or softened ones of new rows (LwF).
        teach: weight of the champion's word.
        truth: weight of the true target where the champion has a word.
        temperature: T of softened outputs.
        averaged: the mean of the weights of all networks that began at one part serves, where it lies on no barrier.
        anchor: strength of the pull to the champion's weights, by their Fisher information (EWC); 0: none.
        reach: share of the straight way from the champion's weights to where training ended that is gone.
    """

    start: Start = "champion"
    keep: float = 1.0
    noise: float = 0.0
    moves: Literal["all", "head"] = "all"
    replay: float | None = 0.0
    balanced: bool = False
    memory_only: int = 0
    rate: float = 0.3
    epochs: int = 20
    teaching: Teaching | None = None
    teach: float = 0.0
    truth: float = 1.0
    temperature: float = 1.0
    averaged: bool = False
    anchor: float = 0.0
    reach: float = 1.0

    @property
    def uses_old(self) -> bool:
        """Whether old rows are met."""
        return self.replay is None or self.replay > 0 or self.memory_only > 0


@dataclass(frozen=True)
class Untouched:
    """The champion stays as it is."""


@dataclass(frozen=True)
class Recalibration:
    """The networks stay; a few numbers after their outputs are fitted to the new rows."""


@dataclass(frozen=True)
class NewSearch:
    """The whole procedure anew on old and new rows, begun from the champion's recipe."""


Plan = Course | Untouched | Recalibration | NewSearch


@dataclass(frozen=True)
class Means:
    """What strategies are chosen by.

    Args:
        new_rows: labelled new rows.
        old_rows: old rows that may be trained on, 0: none are kept.
        new_classes: classes that the champion does not know.
        classes: all of them, 0 for a regression.
        strange: to the champion the new rows are worth less than a guess that knows their mean alone.
    """

    new_rows: int
    old_rows: int
    new_classes: int
    classes: int
    strange: bool = False

    @property
    def new_task(self) -> bool:
        """Whether little of what the champion knows helps with the new rows: they take as much as any training."""
        return self.strange or self.new_classes > 0

    def demand_old(self, strategy: str) -> None:
        """Stop a strategy that can't do without old rows.

        Raises:
            NotApplicable: there are none.

        >>> Means(100, 1, 0, 2).demand_old("replay")
        """
        if not self.old_rows:
            raise NotApplicable(f"{strategy} needs old rows: give --old, or keep some with --keep-old")
