"""Of a long list of trials those that a page or a file has room for; what was left out is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from retemper.search.trials import Trial

MOST = 2000
"""So many trials are all listed."""
BEST, SPREAD, LOST = 500, 1000, 100
"""Of more: the best, some of the others evenly by rank, some of those without a loss."""
FAULTS = 20
JOURNAL = "checkpoints/trials.jsonl"


@dataclass(frozen=True)
class Excerpt:
    """Trials that are listed.

    Args:
        trials: the best first.
        left_out: ``sound`` and ``lost`` say how many are not listed, ``faults`` what became of the lost among them,
            ``all`` which file has every trial; empty: all are listed.
    """

    trials: list[Trial]
    left_out: dict[str, Any]


def excerpt(trials: Sequence[Trial], needed: Collection[int] = ()) -> Excerpt:
    """The best, some of every rank, and some that were lost.

    Args:
        trials: the best first, lost ones last.
        needed: numbers of trials that are listed in any case.

    >>> excerpt([Trial(k, {"rate": k}) for k in range(5)]).left_out
    {}
    """
    if len(trials) <= MOST:
        return Excerpt(list(trials), {})
    sound = [trial for trial in trials if trial.sound]
    lost = [trial for trial in trials if not trial.sound]
    chosen = {own.number for own in [*sound[:BEST], *spread(sound[BEST:], SPREAD), *spread(lost, LOST)]}
    listed = [trial for trial in trials if trial.number in chosen or trial.number in needed]
    kept = {own.number for own in listed}
    gone = [trial for trial in lost if trial.number not in kept]
    return Excerpt(
        listed,
        {
            "sound": len(trials) - len(listed) - len(gone),
            "lost": len(gone),
            "faults": _faults(gone),
            "all": JOURNAL,
        },
    )


def spread(values: Sequence[Any], most: int) -> list[Any]:
    """So many at most, evenly from the first to the last.

    >>> spread(range(10), 4), spread([], 4)
    ([0, 3, 6, 9], [])
    """
    if len(values) <= most:
        return list(values)
    return [values[round(k * (len(values) - 1) / (most - 1))] for k in range(most)]


def _faults(lost: Sequence[Trial]) -> list[dict[str, Any]]:
    """What was said of them, the most frequent first."""
    errors = (own.last.error for own in lost if own.last and own.last.error)
    said = Counter(tuple(sorted(error.items())) for error in errors)
    return [dict(fault) | {"count": count} for fault, count in said.most_common(FAULTS)]
