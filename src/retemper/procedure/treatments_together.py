"""Which of the treatments that gain can be had at the same time, and what they are together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retemper.data.propose import Proposal

Record = dict[str, Any]


def for_goal(proposal: Proposal) -> bool:
    """Whether a treatment serves the recipe's goal, and is judged by that instead of the loss.

    >>> for_goal(Proposal("class weights", "", {"training.loss.class_weights": "balanced"}))
    True
    """
    return any(path.startswith("training.loss") for path in proposal.changes)


def rivals(proposals: Sequence[Proposal]) -> dict[str, str]:
    """Treatments that can't be had beside one before them: name → why not.

    Two are at odds that set one option each in its way, or that both shift the network towards rare classes.

    Args:
        proposals: the best first.

    >>> clip, drop = (Proposal(way, "", {"prepare.outliers": way}) for way in ("clip", "isolation_forest"))
    >>> rivals([clip, drop, Proposal("ranks", "", {"prepare.scaling": "quantile"})])
    {'isolation_forest': 'clip gains more'}
    """
    found: dict[str, str] = {}
    left: list[Proposal] = []
    for own in proposals:
        rival = next((other for other in left if _at_odds(other, own)), None)
        if rival is None:
            left.append(own)
        else:
            found[own.name] = f"{rival.name} gains more"
    return found


def _at_odds(one: Proposal, other: Proposal) -> bool:
    if for_goal(one) and for_goal(other):
        return True
    shared = one.changes.keys() & other.changes.keys()
    return any(not isinstance(one.changes[path], list) for path in shared)


def merged(proposals: Sequence[Proposal]) -> dict[str, Any]:
    """Changes of treatments that are not at odds; where they name lists, all of their entries.

    >>> log, ratio = (Proposal(way, "", {"prepare.constructed": [way]}) for way in ("log", "ratio"))
    >>> merged([log, ratio])
    {'prepare.constructed': ['log', 'ratio']}
    """
    changes: dict[str, Any] = {}
    for proposal in proposals:
        for path, value in proposal.changes.items():
            old = changes.get(path, [])
            changes[path] = [*old, *(v for v in value if v not in old)] if isinstance(value, list) else value
    return changes


def given_up(told: Sequence[Record], why: dict[str, str]) -> list[Record]:
    """The records, those of treatments that are not in force after all with the reason.

    >>> given_up([{"name": "ranks", "verdict": "kept"}], {"ranks": "does not add to logarithms"})
    [{'name': 'ranks', 'verdict': 'reverted', 'note': 'does not add to logarithms'}]
    """
    return [
        {**own, "verdict": "reverted", "note": why[own["name"]]} if own["name"] in why else own
        for own in told
    ]
