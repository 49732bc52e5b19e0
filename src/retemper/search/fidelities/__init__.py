"""How long each trial trains: one file each. Every module has ``Options`` and ``plan(options, study, extent) → Plan``.

A plan is a generator: it yields orders, is sent the evaluations of all of them, in the order of the orders, and ends
when nothing more is to be trained.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """How much there is to train.

    Args:
        epochs: of a trial that trains in full.
        folds: numbers of the held-out parts; (-1,): the validation rows judge.
        batch: trials that are asked for at a time, where the sampler learns from those before.
        repeats: how many draws of the parts the folds come from; each draw holds every row out once.
    """

    epochs: int
    folds: tuple[int, ...]
    batch: int
    repeats: int = 1
