"""What may be called an error or a warning: only what shows in how the network does, or can't be otherwise.

A finding is held against the network's skill, its gain over the best constant output as a share of the headroom, and
against that of a simple model that learnt the same rows. The thresholds were chosen on benchmarks/doctor.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from retemper.core.records import Finding
from retemper.doctor.case import Case

NEAR_TRIVIAL = 0.05
"""At most this share of the headroom above the best constant output: the network has learnt next to nothing."""
BEHIND = 0.12
"""A network that stays so much of the headroom behind a simple model on the same rows does poorly, whatever the reason.

Chosen from .08 to .2 on 113 harmful faults and 96 healthy programs: fewer faults pass than at .15, at one alarm more.
"""
AS_LITTLE = 0.05
"""A network learnt nothing, and the simple model is at most so far ahead: the rows hold nothing to be learnt."""
HALF_WAY = 0.5
"""Rows that can't be learnt by heart tell of harm only below this skill; a try may have been cut short by the clock."""
DOES_WELL = 0.98
"""Beyond this skill even what can't be otherwise did no harm."""
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
        "frozen_parameters",
        "bad_initialisation",
        "misaligned_labels",
        "label_errors",
        "train_serve_mismatch",
    }
)
SURE = 0.9
"""A finding of these codes counts as certain from this confidence on."""
SELDOM = frozenset(
    {
        "learning_rate_too_high",
        "missing_nonlinearity",
        "unscaled_inputs",
        "dead_units",
        "vanishing_gradients",
        "saturated_activations",
        "low_capacity",
        "over_regularised",
        "batch_too_large",
        "batch_too_small",
        "evaluation_mode_training",
        "frozen_parameters",
        "bad_initialisation",
        "double_normalisation",
        "mixed_rows",
    }
)
"""Codes that next to no healthy program shows (at most 1 of 129 in one half of the benchmark): little harm will do."""
SELDOM_SURE = SELDOM | {"too_few_epochs", "learning_rate_too_low"}
"""The same of findings that are sure."""
SLIGHTLY, BARELY = 0.05, 0.01
"""How far behind a simple model such a finding's network is: of any finding, and of one that is sure."""
BLOWN = frozenset(
    {
        "learning_rate_too_high",
        "unscaled_inputs",
        "bad_initialisation",
        "exploding_gradients",
        "unscaled_targets",
    }
)
"""Findings of outputs that are too large: they show in a loss that is above that of the best constant output."""
CRASH = frozenset({"non_finite", "train_mode_evaluation"})
"""Whatever the skill: nothing is left of a network, or it is judged otherwise than the person does."""
FAINT = 0.05
"""Of the findings that name the cause with less probability than this 2 % were right (157 on benchmarks/doctor.py)."""
OF_ROWS = frozenset({"misaligned_labels", "input_ignored"})
"""Findings of rows that hold nothing to be learnt."""


@dataclass(frozen=True)
class Harm:
    """How a network does.

    Args:
        skill: its own.
        behind: the simple model's skill − its own; NaN where there is none.
        lost: it learnt next to nothing.
        learnable: the simple model learnt more, or there is none.
        fails_on_few: not even a few rows could be learnt by heart.
        worse: its loss is above that of the best constant output, however many classes are right.
    """

    skill: float
    behind: float
    lost: bool
    learnable: bool
    fails_on_few: bool
    worse: bool = False

    def bears_out(self, finding: Finding) -> bool:
        """Whether a finding may be an error or a warning."""
        if finding.code in CRASH:
            return True
        if finding.code in CERTAIN and finding.confidence >= SURE and self.skill < DOES_WELL:
            return True
        if finding.code in BLOWN and self.worse:
            return True
        if finding.code in SELDOM and self.behind > SLIGHTLY:
            return True
        if finding.code in SELDOM_SURE and finding.confidence >= SURE and self.behind > BARELY:
            return True
        if self.lost and (self.learnable or finding.code in OF_ROWS):
            return True
        return self.behind > BEHIND or (self.fails_on_few and self.skill < HALF_WAY)


def gated(findings: Sequence[Finding], case: Case) -> list[Finding]:
    """The findings, those that nothing bears out turned into advice.

    An error or a warning stays one where training broke down, where the network learnt next to nothing though there is
    something to learn, where it stays behind a simple model (slightly, for what healthy programs hardly ever show),
    where not even a few rows could be learnt by heart, or where the fault is certain by construction. Where nothing is
    known of how the network does, severities stay.
    """
    harm = harm_of(case)
    if math.isnan(harm.skill):
        return list(findings)
    return [each if harm.bears_out(each) else replace(each, severity="advice") for each in findings]


def without_faint(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, alarms that hardly name the cause turned into advice where a likelier one is raised.

    They add nothing to it. One that is raised by itself stays: that something is wrong is known, only not what.

    Args:
        findings: with the probabilities of naming the cause for confidences.

    >>> high, behind = Finding("a", "error", 0.97, "High."), Finding("b", "warning", 0.02, "Behind.")
    >>> [each.severity for each in without_faint([high, behind])], without_faint([behind])[0].severity
    (['error', 'advice'], 'warning')
    """
    if not any(each.severity != "advice" and each.confidence >= FAINT for each in findings):
        return list(findings)
    return [each if each.confidence >= FAINT else replace(each, severity="advice") for each in findings]


def harm_of(case: Case) -> Harm:
    """How the network of a case does.

    >>> from retemper.doctor.case import Standing
    >>> harm = harm_of(Case(standing=Standing(0.3, 0.6, accuracy=0.8, majority=0.6, reference=0.75)))
    >>> round(harm.skill, 3), round(harm.behind, 3), harm.lost
    (0.5, 0.25, False)
    """
    standing = case.standing
    skill = math.nan if standing is None else standing.skill
    behind = math.nan if standing is None else standing.reference - skill
    return Harm(
        skill=skill,
        behind=behind,
        lost=skill <= NEAR_TRIVIAL,
        learnable=not behind <= AS_LITTLE,
        fails_on_few=_fails_on_few(case),
        worse=standing is not None and 0 < standing.trivial < standing.loss,
    )


def _fails_on_few(case: Case) -> bool:
    sample, loss = case.sample, case.loss
    if sample is None or loss is None or not math.isfinite(loss.trivial) or loss.trivial <= 0:
        return False
    return not sample.last <= NOT_LEARNT * max(loss.trivial, 1e-12)
