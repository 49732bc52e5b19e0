"""Which networks a course trains: each begins at a part of the champion, lacks a fold, and serves or only judges."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retemper.bundle.parts import Part
from retemper.retraining.folds import NEVER
from retemper.retraining.ground import Ground


@dataclass(frozen=True)
class Place:
    """One network to train.

    Args:
        id: keys its randomness.
        part: of the champion, which it begins at or is shaped like.
        fold: whose rows it does not train on; ``NEVER``: it trains on all that may be trained on.
        rate: its learning rate, as a multiple of the champion's.
        serves: it is part of the model; else it only judges.
    """

    id: int
    part: Part
    fold: int
    rate: float
    serves: bool = True


def places(ground: Ground, count: int, rate: float, first: int = 0) -> list[Place]:
    """So many networks, dealt over the folds in turn; the champion's heaviest parts come first, and come again."""
    parts = heaviest(ground)
    return [Place(first + k, parts[k % len(parts)], 1 + k % ground.count, rate) for k in range(count)]


def places_to_serve(ground: Ground, count: int, rate: float) -> list[Place]:
    """So many networks, of which the model is made.

    A champion of fewer networks than there are folds is replaced by as many, trained on all rows: no model grows by
    being retrained. Those of the folds then say how well such networks do on rows that they have not seen.
    """
    parts = heaviest(ground)
    if len(parts) >= ground.count:
        return places(ground, count, rate)
    judges = [replace(place, serves=False) for place in places(ground, ground.count, rate)]
    own = [Place(len(judges) + k, part, NEVER, rate) for k, part in enumerate(parts)]
    return [*judges, *own]


def judged_beside(ground: Ground) -> float:
    """How many networks are trained for each that serves: those of the folds only judge where these are more."""
    parts = len(ground.grown.parts)
    return 1.0 if parts >= ground.count else 1 + ground.count / parts


def heaviest(ground: Ground) -> list[Part]:
    """The champion's networks by their weight."""
    return sorted(ground.grown.parts, key=lambda part: -part.weight)
