"""Recipes to train, the networks that come of them, and bags of networks that are judged together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retemper.training.plan import Fit
from retemper.training.stack import Member


@dataclass(frozen=True)
class Contender:
    """A recipe to train: a model as plain data, and a member's hyperparameters."""

    model: dict[str, Any]
    member: Member

    def numbered(self, id_: int, held_out: int) -> Contender:
        """The same recipe for another network: its id keys its randomness, ``held_out`` says who judges it."""
        return Contender(self.model, replace(self.member, id=id_, held_out=held_out))


VALIDATION, EVERY = -1, -2
"""Which rows judge, where it is not the number of a fold: the validation rows, or all rows that judge a bag."""
BAG_IDS = 100
"""Networks of one bag have ids in one hundred."""


@dataclass(frozen=True)
class Candidate:
    """A trained network that may join the ensemble.

    Args:
        id: unique in the run.
        model: the recipe's ``model`` as plain data.
        fit: its best parameters and history.
        outputs: on the rows that judge it, [N, C] probabilities or [N] scaled values: the validation rows, or those
            held out from it in its fold.
        origin: name of the training it comes from.
        epochs: planned passes over the rows.
    """

    id: int
    model: dict[str, Any]
    fit: Fit
    outputs: NDArray[np.float32]
    origin: str
    epochs: int

    @property
    def member(self) -> Member:
        """Its hyperparameters."""
        return self.fit.member

    @property
    def bag(self) -> int:
        """Number of its bag: networks of one recipe, one for each fold; a network without a fold is its own."""
        return self.id if self.member.held_out == VALIDATION else self.id // BAG_IDS

    @property
    def contender(self) -> Contender:
        """Its recipe, for a fresh training."""
        return Contender(self.model, self.member)


@dataclass(frozen=True)
class Bag:
    """Networks of one recipe that are judged together: one by the validation rows, or one for each fold.

    Args:
        networks: they are averaged when they predict.
        outputs: for every row that judges, by the network that has not seen it.
        loss: the main metric of these outputs; NaN of a lost network.
    """

    networks: tuple[Candidate, ...]
    outputs: NDArray[np.float32]
    loss: float

    @property
    def number(self) -> int:
        """Unique in the run."""
        return self.networks[0].bag
