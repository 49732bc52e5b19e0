"""By what a search named its settings, how long it trained them, and where: in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAMPLERS = {
    "listed": "the settings as they were listed",
    "grid": "every combination",
    "random": "drawn at random",
    "quasi_random": "spread evenly (quasi-random)",
    "tpe": "TPE, learning from the losses",
    "gp": "a Gaussian process, learning from the losses",
    "bayes": "Bayesian, learning from the losses",
}
FIDELITIES = {
    "full": "every trial trains in full",
    "halving": "successive halving: the better part of each rung trains on",
    "hyperband": "Hyperband: successive halvings, from hasty to patient",
    "asha": "ASHA: the better part trains on, nobody waits for the others",
    "racing": "racing: who is behind beyond doubt is spared the other folds",
    "extrapolated": "stopped where the extrapolated curve ends behind the best",
}


def course(evidence: Mapping[str, Any], search: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lines of a name and a text.

    Args:
        evidence: of the step ``search``; ``sampler`` is missing in older runs.
        search: of result.json.

    >>> course({"sampler": {"asked": "bayes", "used": "tpe", "why": "TPE, since …"}}, {"fidelity": "full"})
    [('Settings', 'TPE, since …'), ('Length', 'every trial trains in full')]
    """
    sampler = evidence.get("sampler") or {}
    used = sampler.get("used") or search.get("sampler")
    lines = []
    if used:
        lines.append(("Settings", sampler.get("why") or SAMPLERS.get(used, str(used))))
    if search.get("fidelity"):
        lines.append(("Length", FIDELITIES.get(search["fidelity"], str(search["fidelity"]))))
    return lines
