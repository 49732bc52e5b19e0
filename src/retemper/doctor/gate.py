"""What may be called an error or a warning: only what shows in how the network does, or can't be otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from retemper.core.records import Finding
from retemper.doctor.case import Case

NEAR_TRIVIAL = 0.05
"""At most this share of the headroom above the best constant output: the network has learnt next to nothing."""
BEHIND = 0.15
"""Nor has one learnt well that stays so much of the headroom behind a simple model on the same rows.

Of 105 healthy programs of benchmarks/doctor.py 3 stay further behind: two of few epochs, one of 70 rows.
"""
DOES_WELL = 0.9
"""Beyond this share of the headroom even what can't be otherwise did no harm."""
NOT_LEARNT = 0.5
"""A few rows are not learnt by heart where more than this share of the trivial loss is left."""
CERTAIN = frozenset(
    {
        "single_unit_softmax",
        "softmax_wrong_axis",
        "redundant_softmax",
        "missing_output_activation",
        "output_range_mismatch",
        "output_units_mismatch",
        "wrong_loss",
        "shape_broadcast",
        "gradient_ascent",
        "stale_gradients",
        "constant_initialisation",
    }
)
SURE = 0.9
"""A finding of these codes counts as certain from this confidence on."""
CRASH = frozenset({"non_finite"})


def skill_of(case: Case) -> float:
    """The network's gain over the best constant output as a share of the headroom; NaN where it is not known.

    >>> from retemper.doctor.case import Standing
    >>> round(skill_of(Case(standing=Standing(0.3, 0.6, accuracy=0.8, majority=0.6))), 3)
    0.5
    """
    return math.nan if case.standing is None else case.standing.skill


def behind(case: Case) -> float:
    """How far the network stays behind a simple model, in shares of the headroom; NaN where there is no such model.

    >>> from retemper.doctor.case import Standing
    >>> round(behind(Case(standing=Standing(0.3, 0.6, accuracy=0.8, majority=0.6, reference=0.75))), 3)
    0.25
    """
    if case.standing is None or math.isnan(case.standing.skill):
        return math.nan
    return case.standing.reference - case.standing.skill


def gated(findings: Sequence[Finding], case: Case) -> list[Finding]:
    """The findings, those that nothing bears out turned into advice.

    An error or a warning stays one where training broke down, where the network does no better than a constant or
    clearly worse than a simple model, where not even a few rows could be learnt by heart, or where the fault is certain
    by construction and the network does not do well in spite of it. Where nothing is known of how the network does,
    severities stay as they are.
    """
    skill = skill_of(case)
    if math.isnan(skill):
        return list(findings)
    poor = skill <= NEAR_TRIVIAL or behind(case) > BEHIND or _fails_on_few(case)
    return [each if _stays(each, skill, poor) else replace(each, severity="advice") for each in findings]


def _stays(finding: Finding, skill: float, poor: bool) -> bool:
    if finding.code in CRASH or poor:
        return True
    return finding.code in CERTAIN and finding.confidence >= SURE and skill < DOES_WELL


def _fails_on_few(case: Case) -> bool:
    sample, loss = case.sample, case.loss
    if sample is None or loss is None or not math.isfinite(loss.trivial) or loss.trivial <= 0:
        return False
    return not sample.last <= NOT_LEARNT * max(loss.trivial, 1e-12)
