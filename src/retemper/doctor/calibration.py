"""How sure a finding is to name the cause, beside all else that was found: likelier causes explain the others away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retemper.core.records import Finding
from retemper.doctor.case import Case
from retemper.doctor.causes import likelihood, ranked

LEAST, MOST = 0.01, 0.98
"""Nothing is impossible, and nothing certain."""
FIRST, SHOWN = 3, 0.05
"""So many findings are always shown; of the others those that may be the cause with at least this probability."""


RELIABILITY = ((0.0, 0.02, 0.05, 0.3, 0.5, 0.7, 1.0), (0.01, 0.03, 0.15, 0.18, 0.7, 0.9, 0.97))
"""What was calculated, and how often it was right: a line through points that were looked at on one half of the
programs of benchmarks/doctor.py (log loss .35 → .26), left a little below what they were there; on the other half it
is .30 → .25. Likelihoods are multiplied as if symptoms were independent, which makes a clear cause too modest."""


def ordered(findings: Sequence[Finding], case: Case) -> list[Finding]:
    """The findings, the likeliest cause first.

    Where the network was judged and an error or a warning stands, all findings vie for the cause, and their confidences
    become probabilities; else they say no more than what each symptom saw, advice last.
    """
    fails = case.standing is not None and any(each.severity != "advice" for each in findings)
    if not fails:
        return ranked(findings)
    return [
        replace(own, confidence=reliability(own.confidence)) for own in worth_showing(calibrated(findings))
    ]


def reliability(calculated: float) -> float:
    """How often a cause of this calculated probability is the right one.

    >>> reliability(0.6), reliability(1.0)
    (0.8, 0.97)
    """
    return round(float(np.interp(calculated, *RELIABILITY)), 3)


def worth_showing(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without those that likelier ones explain; these are named in the evidence of the first.

    Args:
        findings: in the order of their probability of being the cause.

    >>> causes = [Finding(code, "warning", sure, "So.") for code, sure in zip("abcde", (0.9, 0.04, 0.03, 0.02, 0.01))]
    >>> [each.code for each in worth_showing(causes)], worth_showing(causes)[0].evidence["explains"]
    (['a', 'b', 'c'], 'd, e')
    """
    kept = [own for place, own in enumerate(findings) if place < FIRST or own.confidence >= SHOWN]
    left = [own.code for own in findings if own not in kept]
    if left:
        kept[0] = replace(kept[0], evidence={**kept[0].evidence, "explains": ", ".join(left)})
    return kept


def calibrated(findings: Sequence[Finding]) -> list[Finding]:
    """The findings in the order of their likelihood of being the cause, each with the probability that it is.

    A finding of likelihood q names the cause with probability q where none likelier stands before it. What stands
    before it may have brought it about, so that of the i-th finding

        P_i = q_i · (1 − P_1) · … · (1 − P_{i−1})

    (the explaining away of noisy-or networks: Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, 4.3.2).

    Args:
        findings: of one training that does not do well; their own confidences say how strongly each symptom shows.

    >>> dead = Finding("dead_units", "warning", 0.8, "Dead.")
    >>> high = Finding("learning_rate_too_high", "warning", 0.8, "High.")
    >>> [each.code for each in calibrated([dead, high])]
    ['learning_rate_too_high', 'dead_units']
    >>> calibrated([dead])[0].confidence > calibrated([dead, high])[1].confidence
    True
    """
    left = 1.0
    found = []
    for finding in sorted(findings, key=lambda own: (-likelihood(own), own.code)):
        sure = min(likelihood(finding), MOST) * left
        left *= 1 - sure
        found.append(replace(finding, confidence=round(max(sure, LEAST), 3)))
    return found
